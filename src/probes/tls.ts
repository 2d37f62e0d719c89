import { z } from 'zod';
import type { ProbeReport } from '../core/outcome.ts';
import { formatDuration } from '../lib/duration.ts';
import { ok } from '../lib/result.ts';
import { parseHostPort } from './address.ts';
import { throwUnlessTimeout } from './deadline.ts';
import { dial } from './dial.ts';
import { durationOption, readDurationOption } from './duration-option.ts';
import { faultOf } from './fault.ts';
import { hangUp, RefusalWatch } from './linger.ts';
import type { Probe, ProbeContext, Prober, ProbeRequest } from './probe.ts';
import { reportFault } from './report.ts';
import { ipOptions } from './resolve.ts';
import { type ClientTls, loadTlsConfig, tlsConfigOptions } from './tls-config.ts';
import type { TlsFacts } from './tls-facts.ts';

const DAY_MS = 86_400_000;

const tlsOptions = z.strictObject({
  ...ipOptions,
  tls_config: tlsConfigOptions.prefault({}),
  warn_before: durationOption('14d').describe(
    'Degraded when a certificate of the chain, or our own, ends sooner than this; 0s for never',
  ),
});

export type TlsProberOptions = z.infer<typeof tlsOptions>;

/** Opens a TLS session and judges the certificates: chain, host name, and how long they still last. */
export const tlsProber: Prober<TlsProberOptions> = {
  name: 'tls',
  summary: 'Opens a TLS session; judges chain, host name and the time to expiry.',
  reasons: [
    'dns',
    'unreachable',
    'connect-timeout',
    'connect-refused',
    'tls',
    'tls-certificate',
    'auth',
    'protocol',
  ],
  options: tlsOptions,
  addressExample: 'pay.example:443',
  parseAddress(address) {
    const parsed = parseHostPort(address, 443);
    return parsed.ok ? ok(true) : parsed;
  },
  async open(options, context) {
    return new TlsProbe(options, context, await loadTlsConfig(options.tls_config, context));
  },
};

class TlsProbe implements Probe {
  private readonly options: TlsProberOptions;
  private readonly context: ProbeContext;
  private readonly client: ClientTls;
  private readonly warnBeforeMs: number;
  private readonly refusals: RefusalWatch;

  constructor(options: TlsProberOptions, context: ProbeContext, client: ClientTls) {
    this.options = options;
    this.context = context;
    this.client = client;
    this.warnBeforeMs = readDurationOption(options.warn_before);
    this.refusals = new RefusalWatch(context.clock);
  }

  async run(request: ProbeRequest, signal: AbortSignal): Promise<ProbeReport> {
    const { clock } = this.context;
    const parsed = parseHostPort(request.address, 443);
    if (!parsed.ok) throw new TypeError(`not an address that was accepted: ${parsed.error}`);
    const { host, port } = parsed.value;
    const startedAtMs = clock.monotonicMs();
    const tls = { client: this.client, serverName: request.hostname };
    const dialled = await dial({ host, port, ip: this.options, tls, clock }, signal);
    const durationMs = clock.monotonicMs() - startedAtMs;
    if (dialled.kind !== 'ok') return reportFault(dialled, durationMs, dialled);
    try {
      const connectMs = dialled.phases.find((phase) => phase.name === 'connect')?.durationMs ?? 0;
      const refusal = await this.refusals.wait(dialled.socket, connectMs, signal);
      if (signal.aborted) {
        dialled.socket.destroy();
        throwUnlessTimeout(signal);
      }
      if (refusal !== undefined) {
        const step = this.client.hasClientCertificate ? 'talk-with-certificate' : 'talk';
        return reportFault(faultOf(refusal, step, dialled.who), durationMs, dialled);
      }
      const { phases, samples, trail } = dialled;
      return { outcome: this.judge(dialled.tls, durationMs, dialled.who), phases, samples, trail };
    } finally {
      hangUp(dialled.socket);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // It holds nothing between probes.
  }

  private judge(facts: TlsFacts | undefined, durationMs: number, who: string): ProbeReport['outcome'] {
    if (facts === undefined) {
      return {
        kind: 'answered',
        durationMs,
        message: `Opens TLS in ${formatDuration(durationMs)}, without a certificate`,
      };
    }
    const nowMs = this.context.clock.nowMs();
    const theirsMs = Math.min(facts.earliestExpiryMs, facts.chainExpiryMs ?? Number.POSITIVE_INFINITY);
    const oursMs = facts.clientExpiryMs ?? Number.POSITIVE_INFINITY;
    const soon = (expiryMs: number): boolean => this.warnBeforeMs > 0 && expiryMs - nowMs < this.warnBeforeMs;
    if (soon(Math.min(theirsMs, oursMs))) {
      const [whose, expiryMs] =
        oursMs < theirsMs
          ? (['The client certificate that we present', oursMs] as const)
          : ([`The certificate of ${who}`, theirsMs] as const);
      return {
        kind: 'degraded',
        reason: 'tls-certificate',
        durationMs,
        message: `${whose} ${endText(expiryMs, nowMs)}`,
      };
    }
    const message = `Opens ${facts.version} in ${formatDuration(durationMs)}; its certificate ${endText(theirsMs, nowMs)}`;
    return { kind: 'answered', durationMs, message };
  }
}

function endText(expiryMs: number, nowMs: number): string {
  const days = Math.floor(Math.abs(expiryMs - nowMs) / DAY_MS);
  const span =
    days === 0 ? formatDuration(Math.abs(expiryMs - nowMs)) : days === 1 ? '1 day' : `${days} days`;
  const date = new Date(expiryMs).toISOString().slice(0, 10);
  return expiryMs < nowMs ? `expired ${span} ago (${date})` : `ends in ${span} (${date})`;
}
