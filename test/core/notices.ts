import type { Incident, JournalEvent } from '../../src/core/events.ts';
import type { Route } from '../../src/core/route.ts';
import type { Routing } from '../../src/core/routing.ts';
import type { Estate } from '../../src/estate/estate.ts';
import { toIncidentId } from '../../src/estate/ids.ts';
import { parseOpeningHours } from '../../src/estate/opening-hours.ts';
import { parseSelector, type Selector } from '../../src/estate/selector.ts';

/** A Friday noon in Stockholm. */
export const NOON_MS = Date.UTC(2023, 11, 22, 11, 0, 0);
export const MINUTE_MS = 60_000;

type Kind = 'opened' | 'updated' | 'resolved';

/** An event of incident `id`, `seq` minutes after noon unless said otherwise. */
export function told(
  seq: number,
  id: string,
  kind: Kind,
  more: Partial<Incident> & {
    readonly chain?: string;
    readonly region?: string;
    readonly atMs?: number;
  } = {},
): JournalEvent & { kind: `incident-${Kind}` } {
  const { chain, region, atMs = NOON_MS + seq * MINUTE_MS, ...rest } = more;
  return {
    seq,
    atMs,
    kind: `incident-${kind}`,
    incident: {
      id: toIncidentId(id),
      scope: [{ store: id }],
      title: `${id} is down`,
      severity: 'major',
      state: kind === 'resolved' ? 'resolved' : 'open',
      openedAtMs: NOON_MS,
      targetsDown: 3,
      storesAffected: 1,
      reason: 'connect-timeout',
      ...rest,
    },
    ...(chain === undefined ? {} : { chain }),
    ...(region === undefined ? {} : { region }),
  };
}

/** Somebody takes incident `id` on, or lets it go. */
export function acknowledgedBy(
  seq: number,
  id: string,
  more: {
    readonly isWithdrawn?: boolean;
    readonly expiresAtMs?: number;
    readonly sticky?: boolean;
    readonly atMs?: number;
  } = {},
): JournalEvent & { kind: 'incident-acknowledged' } {
  const { isWithdrawn = false, expiresAtMs, sticky = true, atMs = NOON_MS + seq * MINUTE_MS } = more;
  const { incident } = told(seq, id, 'updated');
  const expiry = expiresAtMs === undefined ? {} : { expiresAtMs };
  return {
    seq,
    atMs,
    kind: 'incident-acknowledged',
    incident,
    acknowledgement: { by: 'Ada', comment: 'on it', atMs, sticky, ...expiry },
    isWithdrawn,
  };
}

export function selectorOf(text: string): Selector {
  const read = parseSelector(text);
  if (!read.ok) throw new Error(read.error);
  return read.value;
}

export function makeRoute(key: string, channels: readonly string[], more: Partial<Route> = {}): Route {
  return { key, minSeverity: 'info', channels, continues: false, escalation: [], ...more };
}

export function hoursOf(text: string): NonNullable<Route['hours']> {
  const read = parseOpeningHours(text);
  if (!read.ok) throw new Error(read.error);
  return { week: read.value, timezone: 'Europe/Stockholm' };
}

const NO_ESTATE: Estate = { stores: new Map(), targets: new Map() };

/** Routes to the channels `a`, `b`, `c` and `log`, which keeps a record. */
export function makeRouting(routes: readonly Route[], more: Partial<Routing> = {}): Routing {
  const names = ['a', 'b', 'c', 'log'];
  return {
    routes,
    channels: new Map(names.map((name) => [name, { isRecord: name === 'log' }])),
    digest: { after: 5, windowMs: MINUTE_MS },
    estate: NO_ESTATE,
    ...more,
  };
}
