import type { Incident } from '../../core/events.ts';
import { REASON_TEXT_OF_MANY } from '../../core/reason.ts';
import { scopeText } from '../../core/scope-labels.ts';
import { formatDuration } from '../../lib/duration.ts';
import type { Alert, EndedAlert, LabelSet } from './alert.ts';

/** A way to pay that a store has lost by an incident. */
export interface LostMethod {
  readonly store: string;
  readonly chain?: string;
  readonly region?: string;
  readonly method: string;
  /** One plain sentence. */
  readonly message: string;
  /** Epoch ms, UTC. */
  readonly sinceMs: number;
}

/** An incident with what is to be told of it. */
export interface ToldIncident {
  /** As it was announced last: what it is. */
  readonly incident: Incident;
  /** As it stands now: what is said of it. */
  readonly now: Incident;
  /** Labels that all of it bears, as its scope says. */
  readonly place: LabelSet;
  /** What stores have lost by it, in the order of the stores. */
  readonly lost: readonly LostMethod[];
}

/** Where alerts lead to. No slash at the end. */
export interface AlertLinks {
  /** Where people reach this monitor. */
  readonly externalUrl: string;
  /** Where docs/runbook.md can be read. */
  readonly runbookUrl: string;
}

export const INCIDENT_ALERT = 'KassavaktIncident';
export const STORE_ALERT = 'KassavaktStoreCannotPay';
/** Label of both: by it a store's alert is known as part of an incident's. */
export const INCIDENT_LABEL = 'incident';

/** Stores' alerts beyond so many are left out: the incident's own says how many stores there are. */
export const MOST_STORE_ALERTS = 2_000;

/** An incident as it fires. */
export function incidentAlert({ incident, now, place }: ToldIncident, links: AlertLinks): Alert {
  return {
    labels: labelsOf(incident, place),
    annotations: annotationsOf(now, descriptionOf(now), links),
    startsAtMs: incident.openedAtMs,
    link: linkTo(incident, links),
  };
}

/** The same once it is over: with the labels that it had last, and all that was said of it. */
export function resolvedAlert(
  { incident, place }: ToldIncident,
  links: AlertLinks,
  nowMs: number,
): EndedAlert {
  const { resolvedAtMs: endsAtMs = nowMs } = incident;
  const lasted = formatDuration(Math.max(0, endsAtMs - incident.openedAtMs));
  const end =
    incident.mergedInto === undefined
      ? `Over after ${lasted}.`
      : `Part of incident ${incident.mergedInto} since ${isoOf(endsAtMs)}: the outage goes on there.`;
  return {
    labels: labelsOf(incident, place),
    annotations: annotationsOf(incident, `${end} It was: ${sayEvidence(incident)}`, links),
    startsAtMs: incident.openedAtMs,
    endsAtMs,
    link: linkTo(incident, links),
  };
}

/** An alert whose incident goes on under other labels. */
export function supersededAlert(before: Alert, successor: Alert): Alert {
  const { severity, scope } = successor.labels;
  const now = [`severity ${severity ?? 'unknown'}`, ...(scope === undefined ? [] : [`scope ${scope}`])];
  const description = `The outage goes on, and is told anew with ${now.join(', ')}. ${before.annotations['description'] ?? ''}`;
  return { ...before, annotations: { ...before.annotations, description: description.trim() } };
}

/**
 * What stores have lost, each store and method once: with the oldest incident that it hangs on. In the order of
 * incidents and stores, so that of too many the same ones are told each time.
 */
export function storeAlerts(
  told: readonly ToldIncident[],
  links: AlertLinks,
): { readonly alerts: readonly Alert[]; readonly omitted: number } {
  const seen = new Set<string>();
  const alerts: Alert[] = [];
  let omitted = 0;
  for (const { incident, lost } of told) {
    for (const each of lost) {
      const key = JSON.stringify([each.store, each.method]);
      if (seen.has(key)) continue;
      seen.add(key);
      if (alerts.length < MOST_STORE_ALERTS) alerts.push(storeAlert(incident, each, links));
      else omitted++;
    }
  }
  return { alerts, omitted };
}

function storeAlert(incident: Incident, lost: LostMethod, links: AlertLinks): Alert {
  const { store, chain, region, method, message, sinceMs } = lost;
  return {
    labels: present({
      alertname: STORE_ALERT,
      [INCIDENT_LABEL]: incident.id,
      store,
      chain,
      region,
      payment_method: method,
    }),
    annotations: {
      summary: `Store ${store} cannot take ${method}`,
      description: message,
      incident_title: incident.title,
      runbook_url: runbookOf(STORE_ALERT, links),
      page_url: `${links.externalUrl}/api/v1/stores/${encodeURIComponent(store)}`,
    },
    startsAtMs: sinceMs,
    link: `${links.externalUrl}/api/v1/stores/${encodeURIComponent(store)}`,
  };
}

/** Ours stand over labels of the estate that have the same name. */
function labelsOf(incident: Incident, place: LabelSet): LabelSet {
  return present({
    ...place,
    alertname: INCIDENT_ALERT,
    [INCIDENT_LABEL]: incident.id,
    severity: incident.severity,
    scope: scopeText(incident.scope),
  });
}

function annotationsOf(incident: Incident, description: string, links: AlertLinks): LabelSet {
  const { title, reason, targetsDown, storesAffected, methodsLost, acknowledgement } = incident;
  return present({
    summary: title,
    description,
    evidence: sayEvidence(incident),
    reason,
    targets_down: String(targetsDown),
    stores_affected: String(storesAffected),
    methods_lost: methodsLost?.join(', '),
    acknowledged: acknowledgement && `${acknowledgement.by}: ${acknowledgement.comment}`,
    runbook_url: runbookOf(INCIDENT_ALERT, links),
    page_url: links.externalUrl,
  });
}

function sayEvidence({ evidence, reason }: Incident): string {
  return evidence ?? `mostly ${REASON_TEXT_OF_MANY[reason]}.`;
}

function descriptionOf(incident: Incident): string {
  const { openedAtMs, storesAffected, state, unstable } = incident;
  const stores = storesAffected === 0 ? '' : ` in ${storesAffected} store${storesAffected === 1 ? '' : 's'}`;
  const recovering = state === 'recovering' ? ' It recovers.' : '';
  const sway = unstable === true ? ' It recovers and fails by turns.' : '';
  return `Since ${isoOf(openedAtMs)}${stores}: ${sayEvidence(incident)}${recovering}${sway}`;
}

function linkTo({ id }: Incident, { externalUrl }: AlertLinks): string {
  return `${externalUrl}/api/v1/incidents/${encodeURIComponent(id)}`;
}

function runbookOf(alert: string, { runbookUrl }: AlertLinks): string {
  return `${runbookUrl}#${alert.toLowerCase()}`;
}

function isoOf(atMs: number): string {
  return new Date(atMs).toISOString();
}

/** Alertmanager drops what is empty: so do we. */
function present(labels: Readonly<Record<string, string | undefined>>): LabelSet {
  return Object.fromEntries(
    Object.entries(labels).filter((entry): entry is [string, string] => (entry[1] ?? '') !== ''),
  );
}
