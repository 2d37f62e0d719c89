import type { Snapshot, WireEvent } from '../feed/protocol.ts';
import { actLine } from './act-lines.ts';
import { inStores, nounFor } from './feed-words.ts';
import { IncidentNews } from './incident-lines.ts';
import { MethodNews } from './method-lines.ts';
import { SightNews } from './sight-lines.ts';
import type { Told } from './story-lines.ts';
import { TargetNews } from './target-news.ts';
import { readChange, readIncidentChange, readMethodChange } from './wire-events.ts';

interface StoryOptions {
  /** How many times faster than life the events come; what is held back for a time is held shorter. */
  readonly pace: number;
  /** Tells of targets also, which are else told of only as part of incidents. */
  readonly tellsTargets: boolean;
}

/**
 * Makes the feed into a story: incidents, the ways to pay that stores lose by them, what people do, and whether the
 * monitor sees. Its time is that of the events; `passTo` moves it on while none come.
 */
export class FeedStory {
  private readonly incidents: IncidentNews;
  private readonly methods: MethodNews;
  private readonly sight: SightNews;
  private readonly targets: TargetNews | undefined;
  private names = new Map<string, string>();
  private clockMs = Number.NEGATIVE_INFINITY;
  private told: Told[] = [];

  constructor({ pace, tellsTargets }: StoryOptions) {
    this.methods = new MethodNews(pace);
    this.incidents = new IncidentNews(pace, {
      nameOf: (store) => this.nameOf(store),
      claim: (methods, atMs) => this.methods.claim(methods, atMs),
    });
    this.sight = new SightNews(pace);
    this.targets = tellsTargets ? new TargetNews(pace) : undefined;
  }

  /** How far the story has come. Epoch ms, UTC. */
  get nowMs(): number {
    return this.clockMs;
  }

  /** How long after it happened a thing may be told, while what is told sooner comes between. Unit: ms. */
  get heldBackMs(): number {
    return Math.max(this.incidents.heldBackMs, this.targets?.heldBackMs ?? 0);
  }

  /** Begins anew from what holds now. */
  begin(snapshot: Snapshot): void {
    this.clockMs = Date.parse(snapshot.at);
    this.names = new Map(snapshot.stores.map(({ id, name }) => [id, name]));
    const { counts } = snapshot.targets;
    const total = counts.unknown + counts.up + counts.degraded + counts.down;
    const kinds = snapshot.stores.flatMap((store) => Object.entries(store.kinds));
    const inKinds = kinds.reduce((sum, [, count]) => sum + count, 0);
    const noun = nounFor(inKinds === total ? kinds.map(([kind]) => kind) : [], total);
    const states = [`${counts.up} up`, `${counts.down} down`, `${counts.degraded} impaired`];
    if (counts.unknown > 0) states.push(`${counts.unknown} not known yet`);
    this.tell('note', `${total} ${noun} in ${inStores(snapshot.stores.length)}: ${states.join(', ')}.`);
    if (snapshot.blind !== undefined) this.tell('warn', snapshot.blind.message);
    this.sight.begin(total, snapshot.blind !== undefined);
    this.methods.begin(snapshot);
    this.told.push(...this.incidents.begin(snapshot), ...this.methods.standing(this.clockMs));
    this.targets?.begin(snapshot);
  }

  hear(event: WireEvent): void {
    const atMs = Date.parse(event.at);
    this.passTo(atMs);
    const change = readChange(event);
    const incident = readIncidentChange(event);
    const method = readMethodChange(event);
    const act = actLine(event, (store) => this.nameOf(store));
    if (change !== undefined) {
      this.targets?.hear(change);
      this.sight.hear(change);
    } else if (incident !== undefined) this.incidents.hear(incident);
    else if (method !== undefined) this.methods.hear(method);
    else if (act !== undefined) {
      if (event.kind === 'monitor-blinded') this.sight.setBlind(true);
      else if (event.kind === 'monitor-recovered') this.sight.setBlind(false);
      this.told.push(act);
    } else if (typeof event['message'] === 'string') this.tell('note', event['message']);
  }

  /** Tells what has become due by `nowMs`. A clock that went back changes nothing. */
  passTo(nowMs: number): void {
    this.told.push(...this.incidents.takeDue(nowMs), ...this.methods.takeDue(nowMs));
    this.told.push(...this.sight.takeDue(nowMs));
    this.targets?.passTo(nowMs);
    this.clockMs = Math.max(this.clockMs, nowMs);
  }

  /** What was told since the last call, in the order it happened. */
  take(): readonly Told[] {
    const told = [...this.told, ...(this.targets?.take() ?? [])].sort((a, b) => a.atMs - b.atMs);
    this.told = [];
    return told;
  }

  private nameOf(store: string): string {
    return this.names.get(store) ?? store;
  }

  private tell(mark: Told['mark'], text: string): void {
    this.told.push({ mark, atMs: this.clockMs, text });
  }
}
