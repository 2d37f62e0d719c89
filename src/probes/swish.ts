import { z } from 'zod';
import type { Outcome, Phase, ProbeReport } from '../core/outcome.ts';
import type { Reason } from '../core/reason.ts';
import { formatDuration } from '../lib/duration.ts';
import { err, ok, type Result } from '../lib/result.ts';
import { unreachable } from '../lib/unreachable.ts';
import { dial } from './dial.ts';
import { durationOption, readDurationOption } from './duration-option.ts';
import { type Exchanged, exchange } from './exchange.ts';
import { type Fault, faultOf } from './fault.ts';
import { type Probe, type ProbeContext, type Prober, type ProbeRequest, ProberUnavailable } from './probe.ts';
import { reportFault } from './report.ts';
import { ipOptions } from './resolve.ts';
import { type ClientTls, loadTlsConfig, tlsConfigOptions } from './tls-config.ts';
import type { TlsFacts } from './tls-facts.ts';

const ADDRESS_EXAMPLE = 'https://swish.example/swish-cpcapi/api';

const options = z
  .strictObject({
    tls_config: tlsConfigOptions,
    payment_request_id: z
      .string()
      .regex(/^[0-9A-F]{32}$/, 'write 32 capital hexadecimal digits')
      // "KASSAVAKT" in ASCII and zeros, so that it is known when seen in a log.
      .default('4B4153534156414B5400000000000000')
      .describe('The payment request to ask for; there must be none of this id'),
    warn_before: durationOption('14d').describe(
      'Degraded when Swish’s certificate or the client certificate ends sooner than this',
    ),
    ...ipOptions,
  })
  .superRefine(({ tls_config }, context) => {
    if (tls_config.cert_file !== undefined || tls_config.pfx_file !== undefined) return;
    context.addIssue({
      code: 'custom',
      path: ['tls_config'],
      message:
        'Swish wants the merchant’s client certificate: add cert_file and key_file, or pfx_file and passphrase_file',
    });
  });
type SwishOptions = z.output<typeof options>;

/**
 * Asks the Swish API for a payment request that does not exist, with the merchant's client certificate: all of Swish
 * up to its database answers, and no payment is begun (Swish forbids payments without a paying person, guideline 8).
 *
 * - 404 is health: Swish knows us and says truly that there is no such request.
 * - 401, 403 and a TLS alert about our certificate are `auth`: customers can still pay elsewhere, but not here.
 * - 429 is degraded with `protocol`: Swish is well and we ask too often.
 * - Any other status is `protocol`, 200 among them: a payment request that does not exist cannot be found, so
 *   something else answers in Swish's place.
 *
 * The body is never read: it may hold a person's phone number.
 */
export const swishProber: Prober<SwishOptions> = {
  name: 'swish',
  summary: 'Asks the Swish API for a payment request that does not exist, with the merchant’s certificate.',
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
  options,
  addressExample: ADDRESS_EXAMPLE,
  parseAddress(address) {
    const read = readBase(address);
    return read.ok ? ok(true) : read;
  },
  async open(given, context) {
    const client = await loadTlsConfig(given.tls_config, context);
    if (!client.hasClientCertificate) {
      throw new ProberUnavailable(
        `module ${context.module}: tls_config holds no client certificate; add one`,
      );
    }
    return new SwishProbe(given, client, context);
  },
};

interface Base {
  readonly host: string;
  readonly port: number;
  /** As in a URL. */
  readonly authority: string;
  /** Without a closing slash; '' for the root. */
  readonly path: string;
}

function readBase(address: string): Result<Base> {
  const url = URL.parse(address);
  const isPlain = url !== null && `${url.username}${url.password}${url.search}${url.hash}` === '';
  if (url === null || url.protocol !== 'https:' || !isPlain) {
    return err(`write the base URL of the Swish API, beginning with https://, as in ${ADDRESS_EXAMPLE}`);
  }
  return ok({
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 443 : Number(url.port),
    authority: url.host,
    path: url.pathname.replace(/\/+$/, ''),
  });
}

class SwishProbe implements Probe {
  private readonly options: SwishOptions;
  private readonly client: ClientTls;
  private readonly context: ProbeContext;
  private readonly warnBeforeMs: number;

  constructor(given: SwishOptions, client: ClientTls, context: ProbeContext) {
    this.options = given;
    this.client = client;
    this.context = context;
    this.warnBeforeMs = readDurationOption(given.warn_before);
  }

  async run(request: ProbeRequest, signal: AbortSignal): Promise<ProbeReport> {
    const { clock } = this.context;
    const startedMs = clock.monotonicMs();
    const base = readBase(request.address);
    if (!base.ok) throw new TypeError(`not an address that was accepted: ${base.error}`);
    const { host, port, authority, path } = base.value;
    const tls = { client: this.client, serverName: request.hostname };
    const dialled = await dial({ host, port, ip: this.options, tls, clock }, signal);
    if (dialled.kind !== 'ok') return reportFault(dialled, clock.monotonicMs() - startedMs, dialled);
    const wanted = {
      method: 'GET',
      path: `${path}/v1/paymentrequests/${this.options.payment_request_id}`,
      host: request.hostname ?? authority,
      headers: { Accept: 'application/json' },
      maxBodyBytes: 0,
    } as const;
    const sentMs = clock.monotonicMs();
    const exchanged = await exchange(dialled.socket, wanted, clock, signal);
    const endedMs = clock.monotonicMs();
    const durationMs = endedMs - startedMs;
    const phases = [...dialled.phases, { name: 'request', durationMs: endedMs - sentMs }];
    const answer = readAnswer(exchanged, dialled.who, describeConnection(dialled.phases), durationMs);
    const { samples } = dialled;
    const trail = [...dialled.trail, `GET ${wanted.path}: ${describeExchanged(exchanged)}`];
    if (answer.kind === 'failed' || answer.kind === 'inconclusive') {
      const message = `${answer.message}${expiredText(answer, dialled.tls, clock.nowMs())}`;
      return reportFault({ ...answer, message }, durationMs, { phases, samples, trail });
    }
    return { outcome: this.judge(answer, dialled.tls, durationMs), phases, samples, trail };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is held between probes.
  }

  /** An answer that is well, or nearly, in the light of both certificates. */
  private judge(answer: Answered, facts: TlsFacts | undefined, durationMs: number): Outcome {
    const { message } = answer;
    const nowMs = this.context.clock.nowMs();
    const ending = endings(facts).find(({ atMs }) => atMs - nowMs < this.warnBeforeMs);
    if (answer.kind === 'degraded') return { kind: 'degraded', reason: answer.reason, durationMs, message };
    if (ending === undefined) return { kind: 'answered', durationMs, message };
    return {
      kind: 'degraded',
      reason: 'tls-certificate',
      durationMs,
      message: `${ending.whose} ${endText(ending.atMs, nowMs)}; ${ending.todo}`,
    };
  }
}

type Answered =
  | { readonly kind: 'answered'; readonly message: string }
  | { readonly kind: 'degraded'; readonly reason: Reason; readonly message: string };

function readAnswer(
  exchanged: Exchanged,
  who: string,
  connects: string,
  durationMs: number,
): Answered | Fault {
  const failed = (reason: Reason, message: string): Fault => ({ kind: 'failed', reason, message });
  switch (exchanged.kind) {
    case 'response':
      return readStatus(exchanged.status, exchanged.processingMs);
    case 'timeout':
      return failed(
        'protocol',
        `${connects}, but Swish does not answer within ${formatDuration(durationMs)}`,
      );
    case 'closed':
      return readClosed(exchanged.error, who, connects);
    case 'garbage':
      return failed('protocol', `${connects}, but what answers in Swish's place is not HTTP`);
    case 'too-large':
      return failed('protocol', `${connects}, but Swish answers with too much`);
    default:
      return unreachable(exchanged);
  }
}

/**
 * With TLS 1.3 a server judges our certificate after the handshake, so its alert comes in place of the answer. Some
 * servers only close the connection; then one can but guess, and the reason stays `protocol`.
 */
function readClosed(error: unknown, who: string, connects: string): Fault {
  const fault = faultOf(error, 'talk-with-certificate', who);
  if (fault.kind === 'inconclusive' || fault.reason !== 'protocol') return fault;
  const message = `${connects}, but Swish ends the connection without an answer; some servers do so when they do not accept the client certificate`;
  return { kind: 'failed', reason: 'protocol', message };
}

function readStatus(status: number, processingMs: number): Answered | Fault {
  const failed = (reason: Reason, message: string): Fault => ({ kind: 'failed', reason, message });
  switch (status) {
    case 404:
      return {
        kind: 'answered',
        message: `Swish answers in ${formatDuration(processingMs)} and knows no such payment request (HTTP 404), as it should`,
      };
    case 401:
      return failed(
        'auth',
        'Swish does not accept the client certificate, or the Swish number in it is not enrolled (HTTP 401)',
      );
    case 403:
      return failed('auth', 'Swish does not let this client certificate ask (HTTP 403)');
    case 429:
      return {
        kind: 'degraded',
        reason: 'protocol',
        message: 'Swish answers that it is asked too often (HTTP 429); lengthen the interval of the module',
      };
    case 200:
      return failed(
        'protocol',
        'What answers finds a payment request that does not exist (HTTP 200): it is not Swish',
      );
    default:
      return failed('protocol', `Swish answers HTTP ${status} instead of 404`);
  }
}

interface Ending {
  readonly whose: string;
  readonly atMs: number;
  readonly todo: string;
}

/** When each certificate ends, the soonest first. */
function endings(facts: TlsFacts | undefined): readonly Ending[] {
  if (facts === undefined) return [];
  const theirs = {
    whose: 'The certificate of Swish',
    atMs: Math.min(facts.earliestExpiryMs, facts.chainExpiryMs ?? Number.POSITIVE_INFINITY),
    todo: 'Swish has to renew it',
  };
  if (facts.clientExpiryMs === undefined) return [theirs];
  const ours = {
    whose: 'The client certificate',
    atMs: facts.clientExpiryMs,
    todo: 'order a new one in Swish Certificate Management',
  };
  return [ours, theirs].toSorted((a, b) => a.atMs - b.atMs);
}

/** Why Swish may have rejected us, where the certificate itself tells it. */
function expiredText(fault: Fault, facts: TlsFacts | undefined, nowMs: number): string {
  const atMs = facts?.clientExpiryMs;
  if (fault.reason !== 'auth' || atMs === undefined || atMs > nowMs) return '';
  return `; the client certificate ${endText(atMs, nowMs)}`;
}

function endText(atMs: number, nowMs: number): string {
  const date = new Date(atMs).toISOString().slice(0, 10);
  const span = formatDuration(Math.abs(atMs - nowMs));
  return atMs < nowMs ? `expired ${span} ago (${date})` : `expires in ${span} (${date})`;
}

function describeConnection(phases: readonly Phase[]): string {
  const took = (name: string): string => formatDuration(phases.find((p) => p.name === name)?.durationMs ?? 0);
  return `TCP connects in ${took('connect')} and TLS in ${took('tls')}`;
}

function describeExchanged(exchanged: Exchanged): string {
  return exchanged.kind === 'response'
    ? `HTTP ${exchanged.status} in ${formatDuration(exchanged.processingMs)}`
    : exchanged.kind;
}
