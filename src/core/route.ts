import type { Estate } from '../estate/estate.ts';
import { isWithinHours, nextBeginMs, type OpeningHours } from '../estate/opening-hours.ts';
import { isSelected, type Selector } from '../estate/selector.ts';
import { isInScope } from './causes.ts';
import { type IncidentSeverity, SEVERITIES } from './events.ts';
import type { NoticedIncident } from './notification.ts';

/** Whom to tell when nobody has taken an incident on for so long. */
export interface EscalationStep {
  /** From when the route first told of it, or from when it was last let go again. Unit: ms. */
  readonly afterMs: number;
  readonly channels: readonly string[];
}

/** Which incidents are told where. */
export interface Route {
  /** Its identity over restarts and reloads: the same text for what says the same. */
  readonly key: string;
  /** Must hold for the incident's labels, see `isRouted`. Absent: for any. */
  readonly match?: Selector;
  readonly minSeverity: IncidentSeverity;
  /** One of them at least must be reached. Absent: any, or none. */
  readonly chains?: readonly string[];
  /** Nothing is told outside them. Absent: they always hold. */
  readonly hours?: { readonly week: OpeningHours; readonly timezone: string };
  readonly channels: readonly string[];
  /** Later routes are looked at as well. */
  readonly continues: boolean;
  /** Soonest first. */
  readonly escalation: readonly EscalationStep[];
}

/** The routes that an incident takes: the first that matches, and later ones for as long as those say `continues`. */
export function routesOf(
  noticed: NoticedIncident,
  routes: readonly Route[],
  estate: Estate,
): readonly Route[] {
  const taken: Route[] = [];
  for (const route of routes) {
    if (!isRouted(noticed, route, estate)) continue;
    taken.push(route);
    if (!route.continues) break;
  }
  return taken;
}

/**
 * Whether `route` is for it. Its labels are those of one of its scopes, with the store, chain and region that all of
 * it is in. Chains are those that it reaches: an outage of three chains is one of each.
 */
export function isRouted(noticed: NoticedIncident, route: Route, estate: Estate): boolean {
  const { incident, store, chain, region } = noticed;
  if (rankOf(incident.severity) < rankOf(route.minSeverity)) return false;
  const { match, chains } = route;
  if (match !== undefined) {
    const place = {
      ...(store === undefined ? {} : { store }),
      ...(chain === undefined ? {} : { chain }),
      ...(region === undefined ? {} : { region }),
    };
    if (!incident.scope.some((scope) => isSelected({ ...place, ...scope }, match))) return false;
  }
  return chains === undefined || chains.some((name) => reaches(noticed, name, estate));
}

/** Whether `route` may tell anything at `atMs`; if not, from when on. Epoch ms, UTC. */
export function heldUntilMs({ hours }: Route, atMs: number): number | undefined {
  if (hours === undefined || isWithinHours(hours.week, hours.timezone, atMs)) return undefined;
  return nextBeginMs(hours.week, hours.timezone, atMs) ?? Number.POSITIVE_INFINITY;
}

/** Greater is worse. */
export function rankOf(severity: IncidentSeverity): number {
  return SEVERITIES.indexOf(severity);
}

function reaches({ incident, chain }: NoticedIncident, name: string, estate: Estate): boolean {
  if (chain !== undefined) return chain === name;
  if (incident.scope.some((scope) => scope['chain'] === name)) return true;
  for (const target of estate.targets.values()) {
    if (target.labels['chain'] !== name) continue;
    if (incident.scope.some((scope) => isInScope(target, scope))) return true;
  }
  return false;
}
