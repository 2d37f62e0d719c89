import { type Alert, alertKey, type EndedAlert } from './alert.ts';
import {
  type AlertLinks,
  INCIDENT_ALERT,
  INCIDENT_LABEL,
  incidentAlert,
  resolvedAlert,
  STORE_ALERT,
  storeAlerts,
  supersededAlert,
  type ToldIncident,
} from './incident-alerts.ts';

/** What Alertmanager is to hear: alerts that fire, and those that ended not long ago. By `alertKey`. */
export interface AlertBook {
  readonly firing: ReadonlyMap<string, Alert>;
  readonly ended: ReadonlyMap<string, KeptAlert>;
  /** Stores' alerts that are left out, because there are too many. */
  readonly omitted: number;
}

/** `keptUntilMs`: until then it is told that it is over. Epoch ms, UTC. */
type KeptAlert = EndedAlert & { readonly keptUntilMs: number };

/** What there is to tell at a moment. */
export interface Tale {
  /** Open incidents as announced, oldest first. */
  readonly open: readonly ToldIncident[];
  /** Incidents that ended lately, by id. */
  readonly resolved: ReadonlyMap<string, ToldIncident>;
  /** We cannot see: what stores had lost, they are taken to have lost still. */
  readonly isBlind: boolean;
}

/** How long it is repeated that an alert is over: an Alertmanager may have been away when it ended. Unit: ms. */
export const RESOLVED_REPEAT_MS = 15 * 60_000;

export const EMPTY_BOOK: AlertBook = { firing: new Map(), ended: new Map(), omitted: 0 };

/**
 * What is to be heard after `before`, given the tale at `nowMs`. An alert whose labels are told no more has ended: with its
 * incident, or because that goes on under other labels. What fires again is not over any more.
 */
export function nextBook(before: AlertBook, tale: Tale, links: AlertLinks, nowMs: number): AlertBook {
  const incidents = tale.open.map((told) => incidentAlert(told, links));
  const stores = storeAlerts(tale.open, links);
  const firing = byKey([...incidents, ...stores.alerts]);
  const open = new Map(incidents.map((alert) => [alert.labels[INCIDENT_LABEL], alert]));
  if (tale.isBlind) {
    for (const [key, alert] of before.firing) {
      if (alert.labels['alertname'] === STORE_ALERT && open.has(alert.labels[INCIDENT_LABEL]))
        firing.set(key, alert);
    }
  }

  const ended = new Map(before.ended.entries().filter(([key]) => !firing.has(key)));
  const end = (alert: EndedAlert): void => {
    ended.set(alertKey(alert), { ...alert, keptUntilMs: alert.endsAtMs + RESOLVED_REPEAT_MS });
  };
  for (const [key, alert] of before.firing) {
    if (!firing.has(key)) end(endOf(alert, tale, open, links, nowMs));
  }
  const told = new Set([...before.firing.values(), ...before.ended.values()].map(incidentOf));
  for (const [id, over] of tale.resolved) {
    if (!told.has(id) && !open.has(id)) end(resolvedAlert(over, links, nowMs));
  }
  for (const [key, { keptUntilMs }] of ended) if (keptUntilMs <= nowMs) ended.delete(key);
  return { firing, ended, omitted: stores.omitted };
}

/** How `alert`, which is told no more, ended. It keeps the labels under which it was told. */
function endOf(
  alert: Alert,
  { resolved }: Tale,
  open: ReadonlyMap<string | undefined, Alert>,
  links: AlertLinks,
  nowMs: number,
): EndedAlert {
  const id = incidentOf(alert);
  if (id === undefined) return { ...alert, endsAtMs: nowMs };
  const successor = open.get(id);
  if (successor !== undefined) return { ...supersededAlert(alert, successor), endsAtMs: nowMs };
  const over = resolved.get(id);
  if (over === undefined) return { ...alert, endsAtMs: nowMs };
  return { ...resolvedAlert(over, links, nowMs), labels: alert.labels };
}

/** The incident whose own alert it is. */
function incidentOf({ labels }: Alert): string | undefined {
  return labels['alertname'] === INCIDENT_ALERT ? labels[INCIDENT_LABEL] : undefined;
}

function byKey(alerts: readonly Alert[]): Map<string, Alert> {
  return new Map(alerts.map((alert) => [alertKey(alert), alert]));
}
