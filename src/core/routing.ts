import type { Estate } from '../estate/estate.ts';
import type { IncidentId } from '../estate/ids.ts';
import { fnv1a } from '../lib/hash.ts';
import type { IncidentAcknowledged, IncidentChanged, JournalEvent } from './events.ts';
import {
  acknowledged,
  beginFollowing,
  changeFor,
  type Followed,
  isOver,
  lapse,
  leadsTo,
  stepOf,
  type Telling,
  withRoutes,
  worstFirst,
} from './followed.ts';
import type { Notice, NoticedIncident } from './notification.ts';
import { heldUntilMs, type Route, routesOf } from './route.ts';

/** What the configuration says of telling. */
export interface Routing {
  readonly routes: readonly Route[];
  /** By name. */
  readonly channels: ReadonlyMap<string, { readonly isRecord: boolean }>;
  /** More messages than `after` to one channel within `windowMs` become one. */
  readonly digest: { readonly after: number; readonly windowMs: number };
  /** What chains a scope reaches is looked up in it, and what stores are called. */
  readonly estate: Estate;
}

/** How much a channel has been told lately. JSON. */
export interface TellingWindow {
  readonly startMs: number;
  readonly count: number;
}

/** What telling depends on beside the configuration. Never changed in place. */
export interface RoutingState {
  readonly incidents: ReadonlyMap<IncidentId, Followed>;
  readonly windows: ReadonlyMap<string, TellingWindow>;
}

/** One message for one channel. */
export interface Addressed {
  readonly channel: string;
  readonly notice: Notice;
  /** From when on it was to be told: the event's time, or that of the hours, step or digest that it waited for. Epoch ms. */
  readonly dueMs: number;
}

export interface Routed {
  readonly state: RoutingState;
  readonly messages: readonly Addressed[];
}

export const NOTHING_TOLD: RoutingState = { incidents: new Map(), windows: new Map() };

/**
 * Takes `event` in: what is to be told of it, and of the time until then. The same state and event give the same
 * messages with the same keys. Events other than of incidents change nothing.
 */
export function route(state: RoutingState, event: JournalEvent, routing: Routing): Routed {
  switch (event.kind) {
    case 'incident-opened':
    case 'incident-updated':
    case 'incident-resolved': {
      const step = new Step(state, routing);
      step.passTo(event.atMs);
      step.change(event);
      return step.end();
    }
    case 'incident-acknowledged': {
      const step = new Step(state, routing);
      step.passTo(event.atMs);
      step.acknowledge(event);
      return step.end();
    }
    default:
      return { state, messages: [] };
  }
}

/** What has become due up to and with `nowMs`: held messages, escalations, digests. */
export function advance(state: RoutingState, nowMs: number, routing: Routing): Routed {
  const step = new Step(state, routing);
  step.passTo(nowMs);
  return step.end();
}

/** The state under another configuration: what is held is held by its hours, and channels that are gone are owed nothing. */
export function revise(state: RoutingState, nowMs: number, routing: Routing): Routed {
  const step = new Step(state, routing);
  step.revise(nowMs);
  step.passTo(nowMs);
  return step.end();
}

/** When `advance` next has something to do. Epoch ms, UTC; undefined: not before the next event. */
export function nextDueMs(state: RoutingState, routing: Routing): number | undefined {
  let firstMs = Number.POSITIVE_INFINITY;
  for (const followed of state.incidents.values()) {
    for (const { owed } of Object.values(followed.tellings))
      firstMs = Math.min(firstMs, owed?.untilMs ?? firstMs);
    for (const escalation of followed.escalations) {
      firstMs = Math.min(firstMs, stepOf(followed, escalation, routing.routes)?.atMs ?? firstMs);
    }
  }
  return Number.isFinite(firstMs) ? firstMs : undefined;
}

class Step {
  private readonly routing: Routing;
  private readonly before: RoutingState;
  private readonly incidents: Map<IncidentId, Followed>;
  private readonly windows: Map<string, TellingWindow>;
  private readonly messages: Addressed[] = [];

  constructor(state: RoutingState, routing: Routing) {
    this.before = state;
    this.routing = routing;
    this.incidents = new Map(state.incidents);
    this.windows = new Map(state.windows);
  }

  end(): Routed {
    const { incidents, windows, messages } = this;
    const isSame = isSameMap(incidents, this.before.incidents) && isSameMap(windows, this.before.windows);
    return { state: isSame ? this.before : { incidents, windows }, messages };
  }

  /** Does what is due, in order of time. */
  passTo(nowMs: number): void {
    for (;;) {
      const dueMs = nextDueMs({ incidents: this.incidents, windows: this.windows }, this.routing);
      if (dueMs === undefined || dueMs > nowMs) return;
      this.escalate(dueMs);
      this.releaseHeld(dueMs);
      this.sendDigests(dueMs);
    }
  }

  change(event: JournalEvent & IncidentChanged): void {
    const { incident, seq, atMs } = event;
    const known = this.incidents.get(incident.id);
    const isEnd = event.kind === 'incident-resolved';
    if (isEnd && known === undefined) return;
    const { routes, estate } = this.routing;
    const noticed = noticedBy(event, estate);
    const taken = isEnd ? [] : routesOf(noticed, routes, estate);
    if (known === undefined && taken.length === 0) return;
    const begun =
      known === undefined || (isOver(known) && !isEnd)
        ? { ...beginFollowing(noticed, seq, atMs), tellings: known?.tellings ?? {} }
        : lapse(known, noticed, atMs);
    const followed = withRoutes({ ...begun, noticed, seq, atMs }, taken, atMs);
    this.incidents.set(incident.id, followed);
    const concerned = new Set([
      ...taken.flatMap(({ channels }) => channels),
      ...Object.keys(followed.tellings),
    ]);
    for (const channel of concerned) this.owe(incident.id, channel, atMs);
    this.forgetIfDone(incident.id);
  }

  acknowledge({
    incident,
    acknowledgement,
    isWithdrawn,
    atMs,
  }: IncidentAcknowledged & { readonly atMs: number }): void {
    const followed = this.incidents.get(incident.id);
    if (followed === undefined) return;
    this.incidents.set(incident.id, acknowledged(followed, isWithdrawn ? undefined : acknowledgement, atMs));
  }

  revise(nowMs: number): void {
    const { channels, routes } = this.routing;
    const keys = new Set(routes.map(({ key }) => key));
    for (const [id, followed] of this.incidents) {
      const tellings: Record<string, Telling> = {};
      for (const [channel, telling] of Object.entries(followed.tellings)) {
        if (channels.has(channel)) tellings[channel] = telling;
      }
      this.incidents.set(id, {
        ...followed,
        tellings,
        taken: followed.taken.filter((key) => keys.has(key)),
        escalations: followed.escalations.filter(({ route }) => keys.has(route)),
      });
      for (const [channel, { owed }] of Object.entries(tellings)) {
        if (owed !== undefined && !owed.isDigest) this.owe(id, channel, nowMs);
      }
      this.forgetIfDone(id);
    }
    for (const name of this.windows.keys()) {
      if (!channels.has(name.replace(/\/escalated$/, ''))) this.windows.delete(name);
    }
  }

  /** `channel` does not know the incident as it stands: tells it, or notes when to. */
  private owe(id: IncidentId, channel: string, atMs: number): void {
    const followed = this.incidents.get(id);
    if (followed === undefined) return;
    const { isTold = false, owed } = followed.tellings[channel] ?? {};
    const isGone = !this.routing.channels.has(channel);
    if (isGone || (isOver(followed) && !isTold)) {
      this.setTelling(id, channel, undefined);
      return;
    }
    if (owed?.isDigest === true && owed.untilMs > atMs) {
      // Whatever becomes of the escalation, this is to be told.
      if (owed.isEscalation === true)
        this.setTelling(id, channel, { isTold, owed: { untilMs: owed.untilMs, isDigest: true } });
      return;
    }
    const untilMs = this.holdOf(followed, channel, atMs);
    if (untilMs === undefined) this.tell(id, channel, atMs);
    else this.setTelling(id, channel, { isTold, owed: { untilMs, isDigest: false } });
  }

  /** Until when the hours of all routes that lead to `channel` hold it; undefined: one of them lets it through. */
  private holdOf({ taken }: Followed, channel: string, atMs: number): number | undefined {
    let firstMs: number | undefined;
    for (const route of this.routing.routes) {
      if (!taken.includes(route.key) || !leadsTo(route, channel)) continue;
      const untilMs = heldUntilMs(route, atMs);
      if (untilMs === undefined) return undefined;
      firstMs = Math.min(firstMs ?? untilMs, untilMs);
    }
    return firstMs;
  }

  private tell(id: IncidentId, channel: string, atMs: number): void {
    const followed = this.incidents.get(id);
    if (followed === undefined) return;
    const untilMs = this.count(channel, channel, atMs);
    if (untilMs === undefined) this.say(followed, channel, atMs);
    else {
      const isTold = followed.tellings[channel]?.isTold ?? false;
      this.setTelling(id, channel, { isTold, owed: { untilMs, isDigest: true } });
    }
  }

  /** Counts one message to `channel` in the window of that name. When it is full: until when what is to be told waits. */
  private count(channel: string, name: string, atMs: number): number | undefined {
    if (this.routing.channels.get(channel)?.isRecord === true) return undefined;
    const { after, windowMs } = this.routing.digest;
    const open = this.windows.get(name);
    const window = open !== undefined && atMs < open.startMs + windowMs ? open : { startMs: atMs, count: 0 };
    if (window.count >= after) return window.startMs + windowMs;
    this.windows.set(name, { ...window, count: window.count + 1 });
    return undefined;
  }

  private say(followed: Followed, channel: string, dueMs: number): void {
    const { noticed, seq, firstSeq, escalated, atMs } = followed;
    const { id } = noticed.incident;
    const change = changeFor(followed, channel);
    const isStep = change === 'escalated';
    const which = isStep ? `${firstSeq}-${escalated}` : String(seq);
    this.messages.push({
      channel,
      notice: {
        key: `${id}/${change}/${which}/${channel}`,
        change,
        atMs: isStep ? dueMs : atMs,
        incidents: [noticed],
      },
      dueMs,
    });
    this.setTelling(id, channel, isOver(followed) ? undefined : { isTold: true });
  }

  private releaseHeld(dueMs: number): void {
    for (const [id, { tellings }] of this.incidents) {
      for (const [channel, { owed }] of Object.entries(tellings)) {
        if (owed !== undefined && !owed.isDigest && owed.untilMs <= dueMs) this.owe(id, channel, dueMs);
      }
      this.forgetIfDone(id);
    }
  }

  /** One message for each channel whose window has ended; an ordinary one where there is but one to tell of. */
  private sendDigests(dueMs: number): void {
    const due = new Map<string, Followed[]>();
    for (const followed of this.incidents.values()) {
      for (const [channel, { owed }] of Object.entries(followed.tellings)) {
        if (owed?.isDigest !== true || owed.untilMs > dueMs) continue;
        due.set(channel, [...(due.get(channel) ?? []), followed]);
      }
    }
    for (const [channel, gathered] of due) {
      const [only, ...others] = gathered;
      if (only === undefined) continue;
      if (!this.routing.channels.has(channel)) {
        for (const { noticed } of gathered) this.owe(noticed.incident.id, channel, dueMs);
        continue;
      }
      this.count(channel, channel, dueMs);
      if (others.length === 0) this.say(only, channel, dueMs);
      else this.sendDigest(gathered.toSorted(worstFirst), channel, dueMs);
      for (const { noticed } of gathered) this.forgetIfDone(noticed.incident.id);
    }
    const { windowMs } = this.routing.digest;
    for (const [channel, { startMs }] of this.windows) {
      if (startMs + windowMs <= dueMs) this.windows.delete(channel);
    }
  }

  private sendDigest(gathered: readonly Followed[], channel: string, dueMs: number): void {
    const content = gathered.map(({ noticed, seq }) => `${noticed.incident.id}.${seq}`).join(' ');
    const newest = Math.max(...gathered.map(({ seq }) => seq));
    const key = `digest/${newest}-${fnv1a(content).toString(36)}/${channel}`;
    const incidents = gathered.map(({ noticed }) => noticed);
    this.messages.push({ channel, notice: { key, change: 'digest', atMs: dueMs, incidents }, dueMs });
    for (const followed of gathered) {
      const { id } = followed.noticed.incident;
      this.setTelling(id, channel, isOver(followed) ? undefined : { isTold: true });
    }
  }

  private escalate(dueMs: number): void {
    for (const [id, followed] of this.incidents) {
      const channels = new Set<string>();
      const escalations = followed.escalations.map((escalation) => {
        const due = stepOf(followed, escalation, this.routing.routes);
        if (due === undefined || due.atMs > dueMs) return escalation;
        for (const channel of due.channels) if (this.routing.channels.has(channel)) channels.add(channel);
        return { ...escalation, done: escalation.done + 1 };
      });
      if (escalations.every((escalation, i) => escalation === followed.escalations[i])) continue;
      this.incidents.set(id, { ...followed, escalations, escalated: followed.escalated + 1 });
      for (const channel of channels) this.sendStep(id, channel, dueMs);
    }
  }

  /** Steps have a window of their own: many other messages do not hold them up. */
  private sendStep(id: IncidentId, channel: string, dueMs: number): void {
    const { isTold = false, owed } = this.incidents.get(id)?.tellings[channel] ?? {};
    const untilMs = this.count(channel, `${channel}/escalated`, dueMs);
    // What is gathered for a digest already is told with that.
    if (untilMs !== undefined && owed?.isDigest === true) return;
    this.setTelling(id, channel, {
      isTold,
      owed: { untilMs: untilMs ?? dueMs, isDigest: true, isEscalation: true },
    });
    const followed = this.incidents.get(id);
    if (untilMs === undefined && followed !== undefined) this.say(followed, channel, dueMs);
  }

  private setTelling(id: IncidentId, channel: string, telling: Telling | undefined): void {
    const followed = this.incidents.get(id);
    if (followed === undefined) return;
    const { [channel]: _before, ...others } = followed.tellings;
    const tellings = telling === undefined ? others : { ...others, [channel]: telling };
    this.incidents.set(id, { ...followed, tellings });
  }

  private forgetIfDone(id: IncidentId): void {
    const followed = this.incidents.get(id);
    if (followed !== undefined && isOver(followed) && Object.keys(followed.tellings).length === 0)
      this.incidents.delete(id);
  }
}

function noticedBy({ incident, store, chain, region }: IncidentChanged, { stores }: Estate): NoticedIncident {
  const { name, timezone } = (store === undefined ? undefined : stores.get(store)) ?? {};
  return {
    incident,
    ...(store === undefined ? {} : { store }),
    ...(chain === undefined ? {} : { chain }),
    ...(region === undefined ? {} : { region }),
    ...(name === undefined ? {} : { storeName: name }),
    ...(timezone === undefined ? {} : { timezone }),
  };
}

function isSameMap<Key, Value>(a: ReadonlyMap<Key, Value>, b: ReadonlyMap<Key, Value>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key) !== value) return false;
  return true;
}
