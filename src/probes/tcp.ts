import { isIP } from 'node:net';
import { z } from 'zod';
import type { ProbeReport } from '../core/outcome.ts';
import { formatDuration } from '../lib/duration.ts';
import { ok } from '../lib/result.ts';
import { parseHostPort } from './address.ts';
import { throwUnlessTimeout } from './deadline.ts';
import { type DialResult, dial } from './dial.ts';
import { faultOf } from './fault.ts';
import { hangUp, RefusalWatch } from './linger.ts';
import { Memo } from './memo.ts';
import type { Probe, ProbeContext, Prober, ProbeRequest } from './probe.ts';
import { regexOption, RegexSearcher } from './regex.ts';
import { type Report, reportFault } from './report.ts';
import { ipOptions } from './resolve.ts';
import { runDialogue } from './tcp-dialogue.ts';
import { type ClientTls, loadTlsConfig, tlsConfigOptions } from './tls-config.ts';

const dialogueStep = z
  .strictObject({
    expect: regexOption.optional().describe('Regular expression that one of the next lines must match'),
    expect_bytes: z.string().min(1).optional().describe('What the next bytes must be, exactly'),
    labels: z
      .array(
        z.strictObject({
          name: z.string().regex(/^[a-zA-Z_]\w*$/, 'a label name is letters, digits and _'),
          value: z.string(),
        }),
      )
      .optional()
      .describe('Labels of probe_expect_info; values may use the groups of expect, as in ${1}'),
    send: z.string().optional().describe('Line to send; may use the groups of expect, as in ${1}'),
    starttls: z.boolean().default(false).describe('Open TLS over the connection after this step'),
  })
  .refine((step) => step.expect === undefined || step.expect_bytes === undefined, {
    error: 'give either expect or expect_bytes in one step; they can follow each other as two',
    path: ['expect_bytes'],
  });

const tcpOptions = z.strictObject({
  ...ipOptions,
  source_ip_address: z
    .string()
    .refine((text) => isIP(text) !== 0, 'source_ip_address is an IP address of this machine')
    .optional()
    .describe('Address of this machine to connect from'),
  query_response: z.array(dialogueStep).default([]).describe('Dialogue to hold after connecting'),
  tls: z.boolean().default(false).describe('Open TLS right after connecting'),
  tls_config: tlsConfigOptions.prefault({}),
});

export type TcpOptions = z.infer<typeof tcpOptions>;

/**
 * Connects; with options also opens TLS and holds a dialogue. Without a dialogue the connection is watched for a
 * moment, so that a server that accepts and resets is not well; that moment is not part of the duration.
 */
export const tcpProber: Prober<TcpOptions> = {
  name: 'tcp',
  summary: 'Connects to a port; optionally opens TLS and holds a dialogue of lines.',
  reasons: [
    'dns',
    'unreachable',
    'connect-timeout',
    'connect-refused',
    'tls',
    'tls-certificate',
    'auth',
    'protocol',
    'content',
  ],
  options: tcpOptions,
  addressExample: '10.0.0.5:8443',
  parseAddress(address) {
    const parsed = parseHostPort(address);
    return parsed.ok ? ok(true) : parsed;
  },
  async open(options, context) {
    const usesTls = options.tls || options.query_response.some((step) => step.starttls);
    const client = usesTls ? await loadTlsConfig(options.tls_config, context) : undefined;
    return new TcpProbe(options, context, client);
  },
};

class TcpProbe implements Probe {
  private readonly searcher = new RegexSearcher();
  private readonly options: TcpOptions;
  private readonly context: ProbeContext;
  private readonly client: ClientTls | undefined;
  private readonly refusals: RefusalWatch;
  private readonly endpoints = new Memo((address) => parseHostPort(address));

  constructor(options: TcpOptions, context: ProbeContext, client: ClientTls | undefined) {
    this.refusals = new RefusalWatch(context.clock);
    this.options = options;
    this.context = context;
    this.client = client;
  }

  async run(request: ProbeRequest, signal: AbortSignal): Promise<ProbeReport> {
    const { clock } = this.context;
    const startedAtMs = clock.monotonicMs();
    const parsed = this.endpoints.of(request.address);
    if (!parsed.ok) throw new TypeError(`not an address that was accepted: ${parsed.error}`);
    const { host, port } = parsed.value;
    const tls = this.client === undefined ? undefined : { client: this.client, serverName: request.hostname };
    const dialled = await dial(
      {
        host,
        port,
        ip: this.options,
        sourceIpAddress: this.options.source_ip_address,
        tls: this.options.tls ? tls : undefined,
        clock,
      },
      signal,
    );
    const durationMs = clock.monotonicMs() - startedAtMs;
    const regexSample = { name: 'probe_failed_due_to_regex', value: 0 } as const;
    if (dialled.kind !== 'ok') {
      return reportFault(dialled, durationMs, { ...dialled, samples: [...dialled.samples, regexSample] });
    }
    try {
      if (this.options.query_response.length > 0) {
        const dialogue = { steps: this.options.query_response, searcher: this.searcher, tls, host, clock };
        return await runDialogue(dialogue, dialled, startedAtMs, signal);
      }
      return await this.watch(dialled, durationMs, signal);
    } finally {
      hangUp(dialled.socket);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.searcher[Symbol.asyncDispose]();
  }

  private async watch(
    dialled: Extract<DialResult, { kind: 'ok' }>,
    durationMs: number,
    signal: AbortSignal,
  ): Promise<ProbeReport> {
    const connectMs = dialled.phases.find((phase) => phase.name === 'connect')?.durationMs ?? 0;
    const refusal = await this.refusals.wait(dialled.socket, connectMs, signal);
    if (signal.aborted) {
      dialled.socket.destroy();
      throwUnlessTimeout(signal);
    }
    const samples = [...dialled.samples, { name: 'probe_failed_due_to_regex', value: 0 } as const];
    const report: Report = { ...dialled, samples };
    if (refusal !== undefined) {
      const step = this.client?.hasClientCertificate === true ? 'talk-with-certificate' : 'talk';
      return reportFault(faultOf(refusal, step, dialled.who), durationMs, report);
    }
    const message =
      dialled.tls === undefined
        ? `Connects in ${formatDuration(durationMs)}`
        : `Connects with ${dialled.tls.version} in ${formatDuration(durationMs)}`;
    return {
      outcome: { kind: 'answered', durationMs, message },
      phases: dialled.phases,
      samples,
      trail: dialled.trail,
    };
  }
}
