import type { Target } from '../estate/estate.ts';
import type { TargetId } from '../estate/ids.ts';
import { type Health, STATES, type Severity, type State } from './health.ts';
import type { Sample } from './measurements.ts';
import { type AnyReason, REASONS, SELF_REASONS } from './reason.ts';

/** Reason codes in columns: 0 is none, n is `REASON_CODES[n]`. */
const REASON_CODES: readonly (AnyReason | undefined)[] = [undefined, ...REASONS, ...SELF_REASONS];
const CODE_OF_REASON = new Map(REASON_CODES.map((reason, code) => [reason, code]));

/** The last probe's success: `NEVER` until one has run. */
export const NEVER = 255;

/**
 * What the hot path knows of every target, one row a target, a struct of arrays. The engine alone writes; metrics
 * and API read. A row is found by slot; a slot is reused after its target is gone, so check `targetAt` again
 * after every await.
 */
export class TargetColumns {
  /** 1 the last probe answered (also when degraded), 0 it failed, `NEVER` none yet. */
  success = new Uint8Array(0);
  /** The last probe's duration. Unit: ms. */
  durationMs = new Float64Array(0);
  /** When the last conclusive probe ended. Epoch ms, UTC; 0 none yet. */
  lastRunAtMs = new Float64Array(0);
  /** The same on the monotonic clock, for staleness; at first, when the target was added. */
  lastRunMonotonicMs = new Float64Array(0);
  /** When the confirmed state began. Epoch ms, UTC. */
  sinceMs = new Float64Array(0);
  /** When the change now under way was first seen. Epoch ms, UTC; 0 none under way. */
  changingSinceMs = new Float64Array(0);
  /** Grows each time the slot's target changes, so that what was derived from it can be made anew. */
  generation = new Uint32Array(0);

  private state = new Uint8Array(0);
  private reason = new Uint8Array(0);
  private lastReason = new Uint8Array(0);
  private severity = new Uint8Array(0);
  private failedStreak = new Uint8Array(0);
  private badStreak = new Uint8Array(0);
  private answeredStreak = new Uint8Array(0);
  private goodStreak = new Uint8Array(0);
  private flips = new Uint32Array(0);
  private flapping = new Uint8Array(0);
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

  stateAt(slot: number): State {
    return STATES[this.state[slot] ?? 0] ?? 'unknown';
  }

  /** Why the confirmed state is not `up`. */
  reasonAt(slot: number): AnyReason | undefined {
    return REASON_CODES[this.reason[slot] ?? 0];
  }

  /** Why the last probe was not well, whatever is confirmed; undefined when it was. */
  lastReasonAt(slot: number): AnyReason | undefined {
    return REASON_CODES[this.lastReason[slot] ?? 0];
  }

  /** The last probe's sentence. */
  messageAt(slot: number): string {
    return this.messages[slot] ?? '';
  }

  /** The last conclusive probe's measurements, for modules that export them. */
  samplesAt(slot: number): readonly Sample[] {
    return this.samples[slot] ?? [];
  }

  isFlappingAt(slot: number): boolean {
    return this.flapping[slot] === 1;
  }

  healthAt(slot: number): Health {
    const reason = this.reasonAt(slot);
    return {
      state: this.stateAt(slot),
      severity: (this.severity[slot] ?? 0) as Severity,
      failedStreak: this.failedStreak[slot] ?? 0,
      badStreak: this.badStreak[slot] ?? 0,
      answeredStreak: this.answeredStreak[slot] ?? 0,
      goodStreak: this.goodStreak[slot] ?? 0,
      flips: this.flips[slot] ?? 0,
      flapping: this.isFlappingAt(slot),
      ...(reason === undefined ? {} : { reason }),
    };
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

  /** Records why the last probe was not well, and its sentence. */
  setLast(slot: number, reason: AnyReason | undefined, message: string, samples: readonly Sample[]): void {
    this.lastReason[slot] = CODE_OF_REASON.get(reason) ?? 0;
    this.messages[slot] = message;
    this.samples[slot] = samples;
  }

  /** Gives `target` a row with `health`; its id must not be present. Returns its slot. */
  add(target: Target, health: Health, nowMonotonicMs: number, sinceMs: number): number {
    if (this.slots.has(target.id)) throw new Error(`target ${target.id} is present already`);
    const slot = this.free.pop() ?? this.targets.length;
    if (slot >= this.success.length) this.grow(Math.max(64, slot * 2));
    this.targets[slot] = target;
    this.slots.set(target.id, slot);
    this.success[slot] = NEVER;
    this.durationMs[slot] = 0;
    this.lastRunAtMs[slot] = 0;
    this.lastRunMonotonicMs[slot] = nowMonotonicMs;
    this.sinceMs[slot] = sinceMs;
    this.changingSinceMs[slot] = 0;
    this.setHealth(slot, health);
    this.setLast(slot, undefined, '', []);
    this.generation[slot] = (this.generation[slot] ?? 0) + 1;
    return slot;
  }

  /** Gives a present target its new settings; its health and results stay. */
  replace(slot: number, target: Target): void {
    if (this.targets[slot]?.id !== target.id) throw new Error(`slot ${slot} does not hold ${target.id}`);
    this.targets[slot] = target;
    this.generation[slot] = (this.generation[slot] ?? 0) + 1;
  }

  /** Frees the slot. */
  remove(slot: number): void {
    const target = this.targets[slot];
    if (target === undefined) throw new Error(`slot ${slot} is free`);
    this.slots.delete(target.id);
    this.targets[slot] = undefined;
    this.setLast(slot, undefined, '', []);
    this.free.push(slot);
  }

  private grow(capacity: number): void {
    const widen = <Column extends Uint8Array | Uint32Array | Float64Array>(
      from: Column,
      to: Column,
    ): Column => {
      to.set(from);
      return to;
    };
    this.success = widen(this.success, new Uint8Array(capacity));
    this.durationMs = widen(this.durationMs, new Float64Array(capacity));
    this.lastRunAtMs = widen(this.lastRunAtMs, new Float64Array(capacity));
    this.lastRunMonotonicMs = widen(this.lastRunMonotonicMs, new Float64Array(capacity));
    this.sinceMs = widen(this.sinceMs, new Float64Array(capacity));
    this.changingSinceMs = widen(this.changingSinceMs, new Float64Array(capacity));
    this.generation = widen(this.generation, new Uint32Array(capacity));
    this.state = widen(this.state, new Uint8Array(capacity));
    this.reason = widen(this.reason, new Uint8Array(capacity));
    this.lastReason = widen(this.lastReason, new Uint8Array(capacity));
    this.severity = widen(this.severity, new Uint8Array(capacity));
    this.failedStreak = widen(this.failedStreak, new Uint8Array(capacity));
    this.badStreak = widen(this.badStreak, new Uint8Array(capacity));
    this.answeredStreak = widen(this.answeredStreak, new Uint8Array(capacity));
    this.goodStreak = widen(this.goodStreak, new Uint8Array(capacity));
    this.flips = widen(this.flips, new Uint32Array(capacity));
    this.flapping = widen(this.flapping, new Uint8Array(capacity));
  }
}
