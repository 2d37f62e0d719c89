import type { Reason } from '../core/reason.ts';
import { formatDuration } from '../lib/duration.ts';
import type { Diagnosis } from './nexo-message.ts';

/** What a diagnosis is judged by. */
export interface DiagnosisEvidence {
  readonly diagnosis: Diagnosis;
  /** The second diagnosis, which also tried the hosts; `undefined` none was asked for. */
  readonly hosts: HostEvidence | undefined;
  /** Unconfirmed batches at the probe before this one; `undefined` at the first. */
  readonly previousBatches: number | undefined;
  /** How long it has been seen busy, this time included. `undefined` it is not busy. */
  readonly busy: { readonly forMs: number; readonly checks: number } | undefined;
  readonly busyStuckAfterMs: number;
}

type HostEvidence =
  | { readonly kind: 'answered'; readonly diagnosis: Diagnosis }
  /** `clause` follows "the diagnosis of its hosts …". */
  | { readonly kind: 'unanswered'; readonly clause: string };

/** `clauses` follow "The terminal …", most important first. */
export type Verdict =
  | { readonly kind: 'answered'; readonly clauses: readonly string[] }
  | { readonly kind: 'degraded' | 'failed'; readonly reason: Reason; readonly clauses: readonly string[] };

interface Finding {
  readonly kind: 'failed' | 'degraded' | 'note';
  readonly reason: Reason;
  readonly clause: string;
}

/** Busy is health: a customer is paying. A terminal says so in its status or by refusing the diagnosis. */
export function isBusy(diagnosis: Diagnosis): boolean {
  const condition = diagnosis.errorCondition;
  return diagnosis.globalStatus === 'Busy' || condition === 'Busy' || condition === 'InProgress';
}

/**
 * Whether the terminal's hosts are worth asking for, which costs the terminal time and traffic: its communication
 * is not well, or payments wait in it and have not become fewer. Never while it is busy with a customer.
 * Source: Adyen advises HostDiagnosisFlag only when unconfirmedBatchCount is above 0.
 */
export function isSuspicious(diagnosis: Diagnosis, previousBatches: number | undefined): boolean {
  if (isBusy(diagnosis) || !diagnosis.succeeded) return false;
  const batches = diagnosis.unconfirmedBatches ?? 0;
  return diagnosis.communicationOk === false || (batches > 0 && batches >= (previousBatches ?? 0));
}

/**
 * What a diagnosis means for customers. Whatever keeps every payment from succeeding is `failed`, whatever leaves
 * some payments possible is `degraded`; the layer nearest the terminal gives the reason (device before host).
 *
 * - Maintenance is `failed` with `device`: during it a terminal takes no payment, however well it answers. Whether
 *   it was planned is for maintenance windows to say, not for a probe.
 * - Unreachable is `failed` with `host`: a terminal that tells us so over the local network is not itself out of
 *   reach; its way to the payment platform is.
 * - A faulty printer is `degraded`: a receipt can be sent or left out.
 * - CommunicationOKFlag false is `failed` with `host`, unless the diagnosis of the hosts reached every one of them.
 * - Suspicion that the hosts could neither confirm nor dispel is `degraded` with `host`.
 */
export function judgeDiagnosis(given: DiagnosisEvidence): Verdict {
  const evidence = { ...given, hosts: usable(given.hosts) };
  const findings = [
    ...refusalFindings(evidence.diagnosis),
    ...deviceFindings(evidence),
    ...hostFindings(evidence),
    ...noteFindings(evidence),
  ];
  const worst =
    findings.find(({ kind }) => kind === 'failed') ?? findings.find(({ kind }) => kind === 'degraded');
  const clauses = (kind: Finding['kind']) =>
    findings.filter((found) => found.kind === kind).map((f) => f.clause);
  if (worst === undefined) return { kind: 'answered', clauses: clauses('note') };
  return {
    kind: worst.kind === 'failed' ? 'failed' : 'degraded',
    reason: worst.reason,
    clauses: [...new Set([worst.clause, ...clauses('failed'), ...clauses('degraded')])],
  };
}

/** A second diagnosis that the terminal refused tells nothing of its hosts, unless that is why it refused. */
function usable(hosts: DiagnosisEvidence['hosts']): DiagnosisEvidence['hosts'] {
  if (hosts?.kind !== 'answered' || hosts.diagnosis.succeeded) return hosts;
  if (hosts.diagnosis.errorCondition === 'UnreachableHost') return hosts;
  return isBusy(hosts.diagnosis) ? undefined : { kind: 'unanswered', clause: 'was refused' };
}

function refusalFindings({ succeeded, errorCondition }: Diagnosis): readonly Finding[] {
  if (succeeded) return [];
  switch (errorCondition) {
    case 'Busy':
    case 'InProgress':
      return [];
    case 'UnreachableHost':
      return [failed('host', 'reports that its payment host cannot be reached')];
    case 'MessageFormat':
      return [failed('protocol', 'does not understand the diagnosis request (MessageFormat)')];
    case undefined:
      return [failed('device', 'refuses the diagnosis without saying why')];
    default:
      return [failed('device', `refuses the diagnosis (${errorCondition})`)];
  }
}

function deviceFindings({ diagnosis, busy, busyStuckAfterMs }: DiagnosisEvidence): readonly Finding[] {
  const findings: Finding[] = [];
  const parts = [
    ...(diagnosis.cardReaderOk === false ? ['card reader'] : []),
    ...(diagnosis.pinPadOk === false ? ['PIN pad'] : []),
    ...(diagnosis.securityOk === false ? ['security module'] : []),
  ];
  if (parts.length > 0) findings.push(failed('device', `reports a fault in its ${parts.join(' and ')}`));
  if (diagnosis.globalStatus === 'Maintenance') {
    findings.push(failed('device', 'is in maintenance and takes no payments'));
  }
  if (busy !== undefined && busy.forMs > busyStuckAfterMs) {
    const span = `${formatDuration(busy.forMs)} (${busy.checks} checks)`;
    findings.push(degraded('device', `has been busy for ${span}: it may be stuck`));
  }
  switch (diagnosis.printer) {
    case 'NoPaper':
      findings.push(degraded('device', 'has no paper in its printer'));
      break;
    case 'PaperJam':
      findings.push(degraded('device', 'has a paper jam in its printer'));
      break;
    case 'OutOfOrder':
      findings.push(degraded('device', 'reports that its printer is out of order'));
      break;
    case 'PaperLow':
      findings.push(note('is low on paper'));
      break;
    case 'OK':
    case undefined:
      break;
  }
  return findings;
}

function hostFindings({ diagnosis, hosts, previousBatches }: DiagnosisEvidence): readonly Finding[] {
  if (diagnosis.globalStatus === 'Unreachable') {
    return [failed('host', 'reports that it has no connection to the payment platform')];
  }
  const latest = hosts?.kind === 'answered' ? hosts.diagnosis : diagnosis;
  if (latest.errorCondition === 'UnreachableHost' && latest !== diagnosis) {
    return [failed('host', 'reports that its payment host cannot be reached')];
  }
  const lost = latest.hosts.filter(({ reachable }) => !reachable);
  const reached = latest.hosts.length - lost.length;
  const names = lost.flatMap(({ name }) => (name === undefined ? [] : [name])).slice(0, 8);
  const which = names.length === 0 ? '' : ` (acquirer ${names.join(', ')})`;
  if (lost.length > 0 && reached === 0) {
    const count = lost.length === 1 ? 'its payment host' : `any of its ${lost.length} payment hosts`;
    return [failed('host', `cannot reach ${count}${which}`)];
  }
  if ((latest.communicationOk ?? diagnosis.communicationOk) === false) {
    return reached > 0 && lost.length === 0
      ? [degraded('host', 'reports a communication fault although it reaches every payment host')]
      : [failed('host', 'reports that its communication with the payment host does not work')];
  }
  if (lost.length > 0) {
    return [
      degraded('host', `cannot reach ${lost.length} of its ${latest.hosts.length} payment hosts${which}`),
    ];
  }
  if (hosts?.kind === 'unanswered') {
    const waiting = waitingClause(diagnosis, previousBatches);
    return [degraded('host', `${waiting}, and the diagnosis of its hosts ${hosts.clause}`)];
  }
  return [];
}

function noteFindings({ diagnosis, hosts, busy, previousBatches }: DiagnosisEvidence): readonly Finding[] {
  const notes: Finding[] = [];
  if (busy !== undefined) notes.push(note('is busy, as with a customer'));
  if ((diagnosis.unconfirmedBatches ?? 0) > 0) {
    const reached = hosts?.kind === 'answered' && hosts.diagnosis.hosts.length > 0;
    notes.push(
      note(`${waitingClause(diagnosis, previousBatches)}${reached ? ' though it reaches every host' : ''}`),
    );
  }
  return notes;
}

function waitingClause({ unconfirmedBatches }: Diagnosis, previous: number | undefined): string {
  const before = previous === undefined || previous === unconfirmedBatches ? '' : `, ${previous} before`;
  return `has payments waiting to be sent (${unconfirmedBatches ?? 0}${before})`;
}

function failed(reason: Reason, clause: string): Finding {
  return { kind: 'failed', reason, clause };
}

function degraded(reason: Reason, clause: string): Finding {
  return { kind: 'degraded', reason, clause };
}

function note(clause: string): Finding {
  return { kind: 'note', reason: 'device', clause };
}
