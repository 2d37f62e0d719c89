import type { Target } from '../estate/estate.ts';
import type { TargetId } from '../estate/ids.ts';
import {
  type Health,
  type MutableHealth,
  STATES,
  type Severity,
  type State,
  UNKNOWN_HEALTH,
} from './health.ts';
import type { Sample } from './measurements.ts';
import { type AnyReason, REASONS, SELF_REASONS, type SelfReason } from './reason.ts';

/** Reason codes in columns: 0 is none, n is `REASON_CODES[n]`. */
const REASON_CODES: readonly (AnyReason | undefined)[] = [undefined, ...REASONS, ...SELF_REASONS];
const CODE_OF_REASON = new Map(REASON_CODES.map((reason, code) => [reason, code]));

/** The last probe's success: `NEVER` until one has run. */
export const NEVER = 255;

/** So many targets fit. Memory is taken only for rows that are used. */
export const MAX_TARGETS = 1 << 20;
/** Bytes before the rows: 2 doubles. */
const HEAD_BYTES = 16;
/** Bytes a row: 5 doubles, 1 word, 10 bytes. */
const DOUBLES = 5;
const BYTES = 10;
const ROW_BYTES = DOUBLES * 8 + 4 + BYTES;

/**
 * The results of every target, one row a target, a struct of arrays on shared memory: the thread that probes a target
 * writes its row, any thread reads it without a message. Each value is whole when read; two values of a row may be of
 * two probes in a row.
 */
export class HotColumns {
  /** What another thread needs to make the same columns. */
  readonly memory: SharedArrayBuffer;
  /** 1 the last probe answered (also when degraded), 0 it failed, `NEVER` none yet. */
  readonly success: Uint8Array;
  /** The last probe's duration. Unit: ms. */
  readonly durationMs: Float64Array;
  /** When the last conclusive probe ended. Epoch ms, UTC; 0 none yet. */
  readonly lastRunAtMs: Float64Array;
  /** The same on the monotonic clock, for staleness; at first, when the target was added. */
  readonly lastRunMonotonicMs: Float64Array;
  /** When the confirmed state began. Epoch ms, UTC. */
  readonly sinceMs: Float64Array;
  /** When the change now under way was first seen. Epoch ms, UTC; 0 none under way. */
  readonly changingSinceMs: Float64Array;

  /** Since when we can see (monotonic), and what blinds or blinded us, as an index of `SELF_REASONS`. */
  private readonly head: Float64Array;
  private readonly state: Uint8Array;
  private readonly reason: Uint8Array;
  private readonly lastReason: Uint8Array;
  private readonly severity: Uint8Array;
  private readonly failedStreak: Uint8Array;
  private readonly badStreak: Uint8Array;
  private readonly answeredStreak: Uint8Array;
  private readonly goodStreak: Uint8Array;
  private readonly flips: Uint32Array;
  private readonly flapping: Uint8Array;

  constructor(memory = new SharedArrayBuffer(HEAD_BYTES + MAX_TARGETS * ROW_BYTES)) {
    this.memory = memory;
    const rows = Math.floor((memory.byteLength - HEAD_BYTES) / ROW_BYTES);
    const doubles = (index: number) => new Float64Array(memory, HEAD_BYTES + index * 8 * rows, rows);
    const bytes = (index: number) =>
      new Uint8Array(memory, HEAD_BYTES + (DOUBLES * 8 + 4 + index) * rows, rows);
    this.head = new Float64Array(memory, 0, HEAD_BYTES / 8);
    this.durationMs = doubles(0);
    this.lastRunAtMs = doubles(1);
    this.lastRunMonotonicMs = doubles(2);
    this.sinceMs = doubles(3);
    this.changingSinceMs = doubles(4);
    this.flips = new Uint32Array(memory, HEAD_BYTES + DOUBLES * 8 * rows, rows);
    this.success = bytes(0);
    this.state = bytes(1);
    this.reason = bytes(2);
    this.lastReason = bytes(3);
    this.severity = bytes(4);
    this.failedStreak = bytes(5);
    this.badStreak = bytes(6);
    this.answeredStreak = bytes(7);
    this.goodStreak = bytes(8);
    this.flapping = bytes(9);
  }

  /**
   * Probes that began before this show nothing of their targets: then we were blind. Monotonic ms; 0 we never were,
   * infinite while we are.
   */
  get sightedSinceMs(): number {
    return this.head[0] ?? 0;
  }

  /** What blinds us, or blinded us last. */
  get blindReason(): SelfReason {
    return SELF_REASONS[this.head[1] ?? 0] ?? 'self-network';
  }

  /** From now on nothing is known of any target: every row is hidden. */
  goBlind(reason: SelfReason): void {
    this.head[1] = SELF_REASONS.indexOf(reason);
    this.head[0] = Number.POSITIVE_INFINITY;
  }

  /** From now on probes count again; a row is hidden until its target has been probed since. */
  seeAgain(nowMonotonicMs: number): void {
    this.head[0] = nowMonotonicMs;
  }

  /** Whether what is known of the target is from before we went blind. */
  isHiddenAt(slot: number): boolean {
    return (this.lastRunMonotonicMs[slot] ?? 0) < this.sightedSinceMs;
  }

  /** What is known of the target now: the confirmed state, or `unknown` while its row is hidden. */
  stateAt(slot: number): State {
    return this.isHiddenAt(slot) ? 'unknown' : this.confirmedAt(slot);
  }

  /** The state last confirmed, whether or not we can see now. */
  confirmedAt(slot: number): State {
    return STATES[this.state[slot] ?? 0] ?? 'unknown';
  }

  /** Why the state is not `up`. */
  reasonAt(slot: number): AnyReason | undefined {
    return this.isHiddenAt(slot) ? this.blindReason : this.confirmedReasonAt(slot);
  }

  /** Why the confirmed state is not `up`, whether or not we can see now. */
  confirmedReasonAt(slot: number): AnyReason | undefined {
    return REASON_CODES[this.reason[slot] ?? 0];
  }

  /** Why the last probe was not well, whatever is confirmed; undefined when it was. */
  lastReasonAt(slot: number): AnyReason | undefined {
    return REASON_CODES[this.lastReason[slot] ?? 0];
  }

  isFlappingAt(slot: number): boolean {
    return this.flapping[slot] === 1;
  }

  /** Copies the row's health into `health`. */
  readHealth(slot: number, health: MutableHealth): void {
    health.state = this.confirmedAt(slot);
    health.reason = this.confirmedReasonAt(slot);
    health.severity = (this.severity[slot] ?? 0) as Severity;
    health.failedStreak = this.failedStreak[slot] ?? 0;
    health.badStreak = this.badStreak[slot] ?? 0;
    health.answeredStreak = this.answeredStreak[slot] ?? 0;
    health.goodStreak = this.goodStreak[slot] ?? 0;
    health.flips = this.flips[slot] ?? 0;
    health.flapping = this.isFlappingAt(slot);
  }

  setHealth(slot: number, health: Health): void {
    this.state[slot] = STATES.indexOf(health.state);
    this.reason[slot] = CODE_OF_REASON.get(health.reason) ?? 0;
    this.severity[slot] = health.severity;
    this.failedStreak[slot] = health.failedStreak;
    this.badStreak[slot] = health.badStreak;
    this.answeredStreak[slot] = health.answeredStreak;
    this.goodStreak[slot] = health.goodStreak;
    this.flips[slot] = health.flips;
    this.flapping[slot] = health.flapping ? 1 : 0;
  }

  /** Records why the last probe was not well. */
  setLastReason(slot: number, reason: AnyReason | undefined): void {
    this.lastReason[slot] = CODE_OF_REASON.get(reason) ?? 0;
  }

  /** Makes the row new: `health`, and no probe yet. */
  resetRow(slot: number, health: Health, nowMonotonicMs: number, sinceMs: number): void {
    this.success[slot] = NEVER;
    this.durationMs[slot] = 0;
    this.lastRunAtMs[slot] = 0;
    this.lastRunMonotonicMs[slot] = nowMonotonicMs;
    this.sinceMs[slot] = sinceMs;
    this.changingSinceMs[slot] = 0;
    this.setHealth(slot, health);
    this.setLastReason(slot, undefined);
  }
}

/**
 * The hot columns with what the main thread knows besides: which target has which row, and texts. A row is found by
 * slot; a slot is reused after its target is gone, so check `targetAt` again after every await.
 */
export class TargetColumns extends HotColumns {
  /** Grows each time the slot's target changes, so that what was derived from it can be made anew. */
  readonly generation: number[] = [];

  private readonly messages: string[] = [];
  private readonly samples: (readonly Sample[])[] = [];
  private readonly targets: (Target | undefined)[] = [];
  private readonly slots = new Map<TargetId, number>();
  private readonly free: number[] = [];

  /** Slots in use are below this; some below it may be free. */
  get slotCount(): number {
    return this.targets.length;
  }

  /** Targets present. */
  get size(): number {
    return this.slots.size;
  }

  slotOf(id: TargetId): number | undefined {
    return this.slots.get(id);
  }

  /** The slot's target; undefined when the slot is free. */
  targetAt(slot: number): Target | undefined {
    return this.targets[slot];
  }

  /** The sentence of the last probe that changed what is wrong with the target. */
  messageAt(slot: number): string {
    return this.messages[slot] ?? '';
  }

  setMessage(slot: number, message: string): void {
    this.messages[slot] = message;
  }

  /** The last conclusive probe's measurements, for modules that export them. */
  samplesAt(slot: number): readonly Sample[] {
    return this.samples[slot] ?? [];
  }

  setSamples(slot: number, samples: readonly Sample[]): void {
    this.samples[slot] = samples;
  }

  /** Gives `target` a row with `health`; its id must not be present. Returns its slot. */
  add(target: Target, health: Health, nowMonotonicMs: number, sinceMs: number): number {
    if (this.slots.has(target.id)) throw new Error(`target ${target.id} is present already`);
    const slot = this.free.pop() ?? this.targets.length;
    if (slot >= this.success.length) throw new Error(`more than ${this.success.length} targets`);
    this.targets[slot] = target;
    this.slots.set(target.id, slot);
    this.resetRow(slot, health, nowMonotonicMs, sinceMs);
    this.setMessage(slot, '');
    this.setSamples(slot, []);
    this.generation[slot] = (this.generation[slot] ?? 0) + 1;
    return slot;
  }

  /** Gives a present target its new settings; its health and results stay. */
  replace(slot: number, target: Target): void {
    if (this.targets[slot]?.id !== target.id) throw new Error(`slot ${slot} does not hold ${target.id}`);
    this.targets[slot] = target;
    this.generation[slot] = (this.generation[slot] ?? 0) + 1;
  }

  /** Takes the target out of its slot, which stays empty until `release`. */
  remove(slot: number): void {
    const target = this.targets[slot];
    if (target === undefined) throw new Error(`slot ${slot} is free`);
    this.slots.delete(target.id);
    this.targets[slot] = undefined;
    this.setMessage(slot, '');
    this.setSamples(slot, []);
  }

  /** Lets an emptied slot be used again: nobody writes to its row any more. */
  release(slot: number): void {
    if (this.targets[slot] !== undefined) throw new Error(`slot ${slot} is in use`);
    this.free.push(slot);
  }

  healthAt(slot: number): Health {
    const health = { ...UNKNOWN_HEALTH };
    this.readHealth(slot, health);
    return health;
  }
}
