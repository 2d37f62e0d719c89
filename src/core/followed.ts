import type { Acknowledgement } from './events.ts';
import type { NoticeChange, NoticedIncident } from './notification.ts';
import { heldUntilMs, rankOf, type Route } from './route.ts';

/** How far one channel is with an incident. Neither told nor owed: there is none. */
export interface Telling {
  /** It has been told of it, and not yet that it is over. */
  readonly isTold: boolean;
  /** Something has changed since, and is told later: when its hours begin, or with a digest. Epoch ms, UTC. */
  readonly owed?: {
    readonly untilMs: number;
    readonly isDigest: boolean;
    /** It is a step of an escalation, and nothing else. */
    readonly isEscalation?: true;
  };
}

/** How far a route's escalation is. */
export interface Escalation {
  readonly route: string;
  /** When the route first told of it. Epoch ms, UTC. */
  readonly fromMs: number;
  /** Steps taken since it was last acknowledged, or since it opened. */
  readonly done: number;
}

/** An incident that some channel has been told of, or will be. JSON. */
export interface Followed {
  readonly noticed: NoticedIncident;
  /** Of the event that changed it last; and of the one with which it was first followed. */
  readonly seq: number;
  readonly firstSeq: number;
  readonly atMs: number;
  readonly tellings: Readonly<Record<string, Telling>>;
  /** Keys of the routes it has taken. */
  readonly taken: readonly string[];
  readonly escalations: readonly Escalation[];
  /** How often it was escalated. */
  readonly escalated: number;
  readonly acknowledged?: Pick<Acknowledgement, 'expiresAtMs' | 'sticky'>;
  /** Since when nobody has it, as far as acknowledgements say. Epoch ms, UTC. */
  readonly untakenSinceMs: number;
}

/** An incident of which nobody has been told. */
export function beginFollowing(noticed: NoticedIncident, seq: number, atMs: number): Followed {
  const { acknowledgement } = noticed.incident;
  return {
    noticed,
    seq,
    firstSeq: seq,
    atMs,
    tellings: {},
    taken: [],
    escalations: [],
    escalated: 0,
    ...(acknowledgement === undefined ? {} : { acknowledged: hold(acknowledgement) }),
    untakenSinceMs: atMs,
  };
}

/** Somebody has taken it on, or (`acknowledgement` absent) let it go: escalation begins anew with its first step. */
export function acknowledged(
  followed: Followed,
  acknowledgement: Acknowledgement | undefined,
  atMs: number,
): Followed {
  const { acknowledged: _acknowledged, ...rest } = followed;
  const { acknowledgement: _acknowledgement, ...incident } = followed.noticed.incident;
  return {
    ...rest,
    noticed: {
      ...followed.noticed,
      incident: acknowledgement === undefined ? incident : { ...incident, acknowledgement },
    },
    tellings: withoutEscalation(followed.tellings),
    escalations: followed.escalations.map((escalation) => ({ ...escalation, done: 0 })),
    untakenSinceMs: atMs,
    ...(acknowledgement === undefined ? {} : { acknowledged: hold(acknowledgement) }),
  };
}

/** A step that waits for a digest is needless when somebody has it. */
function withoutEscalation(tellings: Followed['tellings']): Followed['tellings'] {
  const left = Object.entries(tellings)
    .map(([channel, telling]) =>
      telling.owed?.isEscalation === true
        ? ([channel, { isTold: telling.isTold }] as const)
        : ([channel, telling] as const),
    )
    .filter(([, { isTold, owed }]) => isTold || owed !== undefined);
  return Object.fromEntries(left);
}

function hold({ expiresAtMs, sticky }: Acknowledgement): NonNullable<Followed['acknowledged']> {
  return { sticky, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) };
}

/** What an acknowledgement was worth ends when the incident grows more severe, unless it is sticky. */
export function lapse(followed: Followed, { incident }: NoticedIncident, atMs: number): Followed {
  const { acknowledged, ...rest } = followed;
  const isWorse = rankOf(incident.severity) > rankOf(followed.noticed.incident.severity);
  return acknowledged === undefined || acknowledged.sticky || !isWorse
    ? followed
    : { ...rest, untakenSinceMs: atMs };
}

export function withRoutes(followed: Followed, taken: readonly Route[], atMs: number): Followed {
  const fresh = taken.filter(({ key }) => !followed.taken.includes(key));
  if (fresh.length === 0) return followed;
  const begun = fresh
    .filter(({ escalation }) => escalation.length > 0)
    .map((route) => ({ route: route.key, fromMs: heldUntilMs(route, atMs) ?? atMs, done: 0 }));
  return {
    ...followed,
    taken: [...followed.taken, ...fresh.map(({ key }) => key)],
    escalations: [...followed.escalations, ...begun],
  };
}

/** The next step of an escalation and its time; undefined: none while it stands as it does. */
export function stepOf(
  followed: Followed,
  { route: key, fromMs, done }: Escalation,
  routes: readonly Route[],
): { readonly atMs: number; readonly channels: readonly string[] } | undefined {
  if (isOver(followed)) return undefined;
  const { acknowledged, untakenSinceMs } = followed;
  const sinceMs =
    acknowledged === undefined ? untakenSinceMs : (acknowledged.expiresAtMs ?? Number.POSITIVE_INFINITY);
  const route = routes.find((each) => each.key === key);
  const step = route?.escalation[done];
  if (route === undefined || step === undefined || !Number.isFinite(sinceMs) || !Number.isFinite(fromMs))
    return undefined;
  const atMs = Math.max(fromMs, sinceMs) + step.afterMs;
  return { atMs: heldUntilMs(route, atMs) ?? atMs, channels: step.channels };
}

export function leadsTo({ channels, escalation }: Route, channel: string): boolean {
  return channels.includes(channel) || escalation.some((step) => step.channels.includes(channel));
}

export function isOver({ noticed }: Followed): boolean {
  return noticed.incident.state === 'resolved';
}

/** What a channel hears first of an incident is that it is there, whatever the event was. */
export function changeFor(followed: Followed, channel: string): NoticeChange {
  if (isOver(followed)) return 'resolved';
  if (followed.tellings[channel]?.owed?.isEscalation === true) return 'escalated';
  return followed.tellings[channel]?.isTold === true ? 'updated' : 'opened';
}

export function worstFirst({ noticed: a }: Followed, { noticed: b }: Followed): number {
  return (
    rankOf(b.incident.severity) - rankOf(a.incident.severity) ||
    a.incident.openedAtMs - b.incident.openedAtMs ||
    (a.incident.id < b.incident.id ? -1 : 1)
  );
}
