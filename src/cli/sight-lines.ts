import { SELF_REASONS } from '../core/reason.ts';
import { whyMany } from './feed-words.ts';
import type { Told } from './story-lines.ts';
import type { WireChange } from './wire-events.ts';

/** From this share of the targets on that nothing is known of, through a fault of our own, that is told. */
const MUCH_SHARE = 0.1;
/** Told again at most so often. Unit: ms. */
const RETELL_MS = 30 * 60_000;
/** It lasts so long at least. Unit: ms. */
const GATHER_MS = 10_000;

/** That the monitor does not see all of the estate, for a fault of its own: told as one thing. */
export class SightNews {
  private readonly unseen = new Map<string, string>();
  private readonly gatherMs: number;
  private total: number | undefined;
  private isBlind = false;
  private isTold = false;
  private toldAtMs = Number.NEGATIVE_INFINITY;
  private manySinceMs: number | undefined;
  private told: Told[] = [];

  constructor(pace: number) {
    this.gatherMs = GATHER_MS * pace;
  }

  /** `total`: how many targets there are. */
  begin(total: number, isBlind: boolean): void {
    this.total = total;
    this.isBlind = isBlind;
    this.unseen.clear();
    this.isTold = false;
    this.manySinceMs = undefined;
  }

  /** While the monitor is blind that was told already. */
  setBlind(isBlind: boolean): void {
    this.isBlind = isBlind;
    this.manySinceMs = undefined;
  }

  hear({ target, to, reason, atMs }: WireChange): void {
    if (to === 'unknown' && SELF_REASONS.some((own) => own === reason)) this.unseen.set(target, reason ?? '');
    else this.unseen.delete(target);
    if (!this.areMany()) this.manySinceMs = undefined;
    else if (!this.isBlind) this.manySinceMs ??= atMs;
    if (this.isTold && this.unseen.size === 0) {
      this.isTold = false;
      this.told.push({ mark: 'back', atMs, text: 'The monitor sees all targets again.' });
    }
  }

  /** What has become due by `nowMs`. */
  takeDue(nowMs: number): readonly Told[] {
    const { told } = this;
    this.told = [];
    if (this.manySinceMs === undefined || this.isTold) return told;
    const dueAtMs = Math.max(this.manySinceMs + this.gatherMs, this.toldAtMs + RETELL_MS);
    if (dueAtMs > nowMs) return told;
    this.isTold = true;
    this.toldAtMs = dueAtMs;
    const why = whyMany(Array.from(this.unseen.values()));
    const text = `Nothing is known of ${this.unseen.size} of ${this.total} targets for now: ${why}.`;
    return [...told, { mark: 'warn', atMs: dueAtMs, text }];
  }

  private areMany(): boolean {
    return this.total !== undefined && this.unseen.size > MUCH_SHARE * this.total;
  }
}
