import type { EventDraft } from '../core/events.ts';

/** From so many drafts on that cannot be written, only the net change of each target is kept. */
const FOLD_FROM = 50_000;

/**
 * Drafts that wait to be written, oldest first. While they cannot be written and are many, each target's changes are
 * folded into one, from its first `from` to its last `to`, or none when they come to nothing: so they are never more
 * than the targets and what else there is to tell. Adding and taking cost the same however many wait.
 */
export class PendingDrafts {
  private front: EventDraft[] = [];
  private start = 0;
  /** What comes after `front`, folded: in the order of each subject's last change. Empty unless much waits. */
  private readonly folded = new Map<string, EventDraft>();
  private untargeted = 0;

  get length(): number {
    return this.front.length - this.start + this.folded.size;
  }

  /** `isHeldUp`: nothing can be written at present, and nothing taken is being written. */
  add(draft: EventDraft, isHeldUp: boolean): void {
    if (this.folded.size === 0 && isHeldUp && this.length >= FOLD_FROM) {
      const waiting = this.front.slice(this.start);
      this.front = [];
      this.start = 0;
      for (const earlier of waiting) this.fold(earlier);
    }
    if (this.folded.size > 0) this.fold(draft);
    else this.front.push(draft);
  }

  /** Up to `count` of the oldest. They stay until dropped. */
  first(count: number): readonly EventDraft[] {
    if (this.start === this.front.length) {
      for (const [key, draft] of this.folded.entries().take(count)) {
        this.front.push(draft);
        this.folded.delete(key);
      }
    }
    return this.front.slice(this.start, this.start + count);
  }

  /** Forgets the `count` oldest, which `first` gave. */
  drop(count: number): void {
    this.start += count;
    if (this.start * 2 < this.front.length) return;
    this.front = this.front.slice(this.start);
    this.start = 0;
  }

  private fold(draft: EventDraft): void {
    if (draft.kind !== 'target-state-changed') {
      this.folded.set(` ${this.untargeted++}`, draft);
      return;
    }
    const key = `target:${draft.target}`;
    const earlier = this.folded.get(key);
    const from = earlier?.kind === 'target-state-changed' ? earlier.from : draft.from;
    this.folded.delete(key);
    if (from !== draft.to) this.folded.set(key, from === draft.from ? draft : { ...draft, from });
  }
}
