import type { PeerCertificate } from 'node:tls';
import type { Sample } from '../core/measurements.ts';
import type { Outcome, Phase, ProbeReport } from '../core/outcome.ts';
import { formatDuration } from '../lib/duration.ts';
import { redact } from '../lib/redact.ts';
import { unreachable } from '../lib/unreachable.ts';
import { throwUnlessTimeout } from './deadline.ts';
import { dial } from './dial.ts';
import { readDurationOption } from './duration-option.ts';
import { type Exchanged, exchange } from './exchange.ts';
import { type Fault, faultOf, namesText } from './fault.ts';
import { ADDRESS_EXAMPLE, parseTerminalAddress, type Terminal, terminalOf } from './nexo-address.ts';
import { deriveKeyMaterial, type NexoKey } from './nexo-envelope.ts';
import { TerminalMemory } from './nexo-memory.ts';
import {
  type Diagnosis,
  type DiagnosisRequest,
  makeServiceIds,
  readDiagnosis,
  writeDiagnosis,
} from './nexo-message.ts';
import { type NexoOptions, nexoOptions } from './nexo-options.ts';
import { Turns } from './nexo-turns.ts';
import { isBusy, isSuspicious, judgeDiagnosis, type Verdict } from './nexo-verdict.ts';
import type { Probe, ProbeContext, Prober, ProbeRequest } from './probe.ts';
import { reportFault } from './report.ts';
import { type ClientTls, loadTlsConfig, readModuleSecret } from './tls-config.ts';

const PATH = '/nexo/';
/** A diagnosis has some hundred bytes; nothing honest comes near. */
const MAX_BODY_BYTES = 65_536;

/**
 * Asks a terminal for its diagnosis over Adyen's local Terminal API (nexo Retailer, JSON), the one request that
 * disturbs no sale. A terminal is named `POIID@host:port`; without `POIID@` the target's id must be its POIID. One
 * request is under way towards a terminal at a time, however many targets and callers name it.
 */
export const nexoProber: Prober<NexoOptions> = {
  name: 'nexo',
  summary:
    'Asks a card terminal for its diagnosis over the local Terminal API (nexo Retailer, JSON over HTTPS).',
  reasons: [
    'dns',
    'unreachable',
    'connect-timeout',
    'connect-refused',
    'tls',
    'tls-certificate',
    'auth',
    'protocol',
    'device',
    'host',
  ],
  options: nexoOptions,
  addressExample: ADDRESS_EXAMPLE,
  parseAddress: parseTerminalAddress,
  async open(given, context) {
    const { encryption } = given;
    const passphrase =
      encryption === undefined
        ? undefined
        : await readModuleSecret('encryption.passphrase_file', encryption.passphrase_file, context);
    const client =
      given.tls && given.tls_config !== undefined
        ? await loadTlsConfig(given.tls_config, context)
        : undefined;
    const key: NexoKey | undefined =
      encryption === undefined || passphrase === undefined
        ? undefined
        : {
            keyIdentifier: encryption.key_identifier,
            keyVersion: encryption.key_version,
            cryptoVersion: encryption.crypto_version,
            material: deriveKeyMaterial(passphrase),
          };
    return new NexoProbe(given, client, key, context);
  },
};

/** What one request brought. */
interface Asked {
  readonly seen: { readonly kind: 'diagnosis'; readonly diagnosis: Diagnosis } | Fault;
  readonly phases: readonly Phase[];
  readonly samples: readonly Sample[];
  readonly trail: readonly string[];
  /** Of the exchange alone; 0 when none came about. */
  readonly exchangeMs: number;
}

/** Of all modules, those that a reload has replaced among them: a terminal has one turn for all. */
const TURNS = new Turns();

class NexoProbe implements Probe {
  private readonly memory = new TerminalMemory();
  private readonly options: NexoOptions;
  private readonly client: ClientTls | undefined;
  private readonly key: NexoKey | undefined;
  private readonly context: ProbeContext;
  private readonly busyStuckAfterMs: number;
  private readonly nextServiceId: () => string;

  constructor(
    given: NexoOptions,
    client: ClientTls | undefined,
    key: NexoKey | undefined,
    context: ProbeContext,
  ) {
    this.options = given;
    this.client = client;
    this.key = key;
    this.context = context;
    this.busyStuckAfterMs = readDurationOption(given.busy_stuck_after);
    this.nextServiceId = makeServiceIds(context.clock, Math.random);
  }

  async run(request: ProbeRequest, signal: AbortSignal): Promise<ProbeReport> {
    const { clock } = this.context;
    const startedMs = clock.monotonicMs();
    const elapsedMs = (): number => clock.monotonicMs() - startedMs;
    const terminal = terminalOf(request);
    if (!terminal.ok) return ownFault('self-internal', terminal.error);
    using turn = await this.waitForTurn(terminal.value, signal);
    if (turn === undefined) {
      const message = `Another request to ${terminal.value.endpoint} was under way for all of ${formatDuration(elapsedMs())}`;
      return ownFault('self-late', message);
    }

    const first = await this.ask(terminal.value, false, startedMs, signal);
    const { seen, phases, samples, trail } = first;
    if (seen.kind !== 'diagnosis') return reportFault(seen, elapsedMs(), first);
    const { diagnosis } = seen;
    const remembered = this.memory.observe(request.targetId, diagnosis, clock.monotonicMs());
    const second = isSuspicious(diagnosis, remembered.previousBatches)
      ? await this.askHosts(terminal.value, startedMs, signal)
      : undefined;
    const verdict = judgeDiagnosis({
      diagnosis,
      hosts: second?.evidence,
      busyStuckAfterMs: this.busyStuckAfterMs,
      ...remembered,
    });
    return {
      outcome: outcomeOf(verdict, first.exchangeMs, elapsedMs()),
      phases: [...phases, ...(second?.phases ?? [])],
      samples: [...samples, ...terminalSamples(diagnosis)],
      trail: [...trail, ...(second?.trail ?? [])],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is held between probes but numbers.
  }

  /** Undefined when the deadline came first. */
  private async waitForTurn(terminal: Terminal, signal: AbortSignal): Promise<Disposable | undefined> {
    try {
      return await TURNS.take(terminal.endpoint, signal);
    } catch {
      throwUnlessTimeout(signal);
      return undefined;
    }
  }

  private async askHosts(terminal: Terminal, startedMs: number, signal: AbortSignal) {
    const { clock } = this.context;
    const sentMs = clock.monotonicMs();
    const { seen, trail } = await this.ask(terminal, true, startedMs, signal);
    const durationMs = clock.monotonicMs() - sentMs;
    const clause = signal.aborted ? `was not answered within ${formatDuration(durationMs)}` : 'failed';
    return {
      evidence:
        seen.kind === 'diagnosis'
          ? ({ kind: 'answered', diagnosis: seen.diagnosis } as const)
          : ({ kind: 'unanswered', clause } as const),
      phases: [{ name: 'host-diagnosis', durationMs }],
      trail,
    };
  }

  /** One request over one connection. `startedMs`: when the probe began, for what a time-out says. */
  private async ask(
    terminal: Terminal,
    askHosts: boolean,
    startedMs: number,
    signal: AbortSignal,
  ): Promise<Asked> {
    const { clock } = this.context;
    const { host, port, poiId, endpoint } = terminal;
    const dialled = await dial({ host, port, ip: this.options, tls: this.tlsOf(terminal), clock }, signal);
    const { samples, trail } = dialled;
    if (dialled.kind !== 'ok') {
      return { seen: dialled, phases: dialled.phases, samples, trail, exchangeMs: 0 };
    }
    const wanted: DiagnosisRequest = {
      serviceId: this.nextServiceId(),
      saleId: this.options.sale_id,
      poiId,
      askHosts,
    };
    const sentMs = clock.monotonicMs();
    const exchanged = await exchange(
      dialled.socket,
      {
        method: 'POST',
        path: PATH,
        host: terminal.hostname ?? endpoint,
        headers: { 'Content-Type': 'application/json' },
        body: writeDiagnosis(wanted, this.key),
        maxBodyBytes: MAX_BODY_BYTES,
      },
      clock,
      signal,
    );
    const exchangeMs = clock.monotonicMs() - sentMs;
    const seen = this.read(exchanged, wanted, endpoint, {
      connects: describeConnection(dialled.phases),
      withinMs: clock.monotonicMs() - startedMs,
    });
    const what = askHosts ? 'diagnosis with hosts' : 'diagnosis';
    return {
      seen,
      phases: [...dialled.phases, { name: 'diagnosis', durationMs: exchangeMs }],
      samples,
      trail: [...trail, `${what}: ${describeSeen(seen)} in ${formatDuration(exchangeMs)}`],
      exchangeMs,
    };
  }

  private tlsOf({ poiId, hostname }: Terminal) {
    const { client } = this;
    if (client === undefined) return undefined;
    const names = this.options.certificate_names.map((name) =>
      name.replaceAll('{poi_id}', poiId).toLowerCase(),
    );
    const checkName = (certificate: PeerCertificate): string | undefined =>
      certificateNames(certificate).some((name) => names.includes(name))
        ? undefined
        : namesText(certificate, `the terminal ${redact(poiId)}`);
    return {
      client,
      serverName: hostname,
      checkName: client.serverName === undefined ? checkName : undefined,
    };
  }

  private read(
    exchanged: Exchanged,
    wanted: DiagnosisRequest,
    endpoint: string,
    { connects, withinMs }: { readonly connects: string; readonly withinMs: number },
  ): Asked['seen'] {
    const failed = (message: string): Fault => ({ kind: 'failed', reason: 'protocol', message });
    switch (exchanged.kind) {
      case 'response': {
        const answer = readDiagnosis(exchanged.status, exchanged.body, wanted, this.key);
        if (answer.ok) return { kind: 'diagnosis', diagnosis: answer.value };
        const { reason, clause } = answer.error;
        return { kind: 'failed', reason, message: `The terminal ${clause}` };
      }
      case 'timeout': {
        const how =
          exchanged.seen === 'nothing' ? 'answer the diagnosis' : 'finish its answer to the diagnosis';
        return failed(`${connects}, but the terminal does not ${how} within ${formatDuration(withinMs)}`);
      }
      case 'closed':
        return exchanged.error === undefined
          ? failed(`${connects}, but the terminal closes the connection before it has answered the diagnosis`)
          : faultOf(exchanged.error, 'talk', endpoint);
      case 'garbage':
        return failed(`${connects}, but the terminal answers the diagnosis with something that is not HTTP`);
      case 'too-large':
        return failed(`${connects}, but the terminal answers the diagnosis with more than 64 KiB`);
      default:
        return unreachable(exchanged);
    }
  }
}

/** Subject and alternative names, in lower case. */
function certificateNames(certificate: PeerCertificate): readonly string[] {
  const alternative = (certificate.subjectaltname ?? '').matchAll(/DNS:([^,"]+)/g);
  return [...[certificate.subject.CN].flat(), ...Array.from(alternative, ([, name]) => name)].flatMap(
    (name) => (typeof name === 'string' ? [name.toLowerCase()] : []),
  );
}

function describeConnection(phases: readonly Phase[]): string {
  const took = (name: string): string => formatDuration(phases.find((p) => p.name === name)?.durationMs ?? 0);
  const overTls = phases.some(({ name }) => name === 'tls');
  return `TCP connects in ${took('connect')}${overTls ? ` and TLS in ${took('tls')}` : ''}`;
}

function describeSeen(seen: Asked['seen']): string {
  if (seen.kind !== 'diagnosis') return seen.message;
  const { succeeded, globalStatus, errorCondition } = seen.diagnosis;
  return succeeded ? `GlobalStatus ${globalStatus}` : `refused, ${errorCondition ?? 'without a condition'}`;
}

function ownFault(reason: 'self-internal' | 'self-late', message: string): ProbeReport {
  return { outcome: { kind: 'inconclusive', reason, message }, phases: [], samples: [], trail: [message] };
}

function outcomeOf(verdict: Verdict, exchangeMs: number, durationMs: number): Outcome {
  const said = verdict.clauses.join('; it ');
  const message = `The terminal ${said}`;
  if (verdict.kind === 'failed') return { kind: 'failed', reason: verdict.reason, durationMs, message };
  if (verdict.kind === 'degraded') return { kind: 'degraded', reason: verdict.reason, durationMs, message };
  const answers = `The terminal answers the diagnosis in ${formatDuration(exchangeMs)}`;
  return { kind: 'answered', durationMs, message: said === '' ? answers : `${answers}; it ${said}` };
}

function terminalSamples(diagnosis: Diagnosis): readonly Sample[] {
  const { batteryRatio, unconfirmedBatches, firmware } = diagnosis;
  return [
    { name: 'kassavakt_terminal_busy', value: isBusy(diagnosis) ? 1 : 0 },
    ...(batteryRatio === undefined
      ? []
      : ([{ name: 'kassavakt_terminal_battery_ratio', value: batteryRatio }] as const)),
    ...(unconfirmedBatches === undefined
      ? []
      : ([{ name: 'kassavakt_terminal_unconfirmed_batches', value: unconfirmedBatches }] as const)),
    ...(firmware === undefined
      ? []
      : ([{ name: 'kassavakt_terminal_firmware_info', value: 1, labels: { firmware } }] as const)),
  ];
}
