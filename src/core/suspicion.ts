import type { Target } from '../estate/estate.ts';
import { fnv1a } from '../lib/hash.ts';

/** A suspect buys so many extra probes, and no more are ever owed: an outage pays for its own search, noise for little. */
const PICKS_PER_SUSPECT = 32;
const MOST_CREDIT = 2_048;
/** So many are chosen at once at most. */
const MOST_PICKS = 1_024;
/** With the scheduled ones, so many times the ordinary rate. */
const RATE_FACTOR = 3;
/** What may be saved up. Unit: ms of the ordinary rate, but at least so many probes. */
const SAVED_MS = 1_000;
const FEWEST_SAVED = 10;
/** So many times as much may be owed, when probes that confirm failures took more than their part. */
const MOST_OWED = 5;
/** A probe is news for so long; a suspect is not suspected again, and what it shares is forgotten after. Unit: ms. */
const NEWS_MS = 5_000;
const SUSPECT_MS = 10_000;
/** So many values of a label are followed, the newest, and so many members are looked at for one worth probing. */
const MOST_HOT = 64;
const MOST_STEPS = 64;

/** A value of a label that suspects bear. */
interface Hot {
  hits: number;
  picks: number;
  /** When the first of them failed. */
  readonly sinceMs: number;
  lastMs: number;
}

/** One label's groups: the members (as ranks) of value `code` are `members[starts[code]]` to `members[starts[code + 1]]`. */
interface Grouping {
  readonly codes: Int32Array;
  readonly starts: Int32Array;
  readonly members: Int32Array;
  /** Where in its group the next look begins. */
  readonly cursors: Int32Array;
  readonly hot: Map<number, Hot>;
}

/** A label's part of a choice: the one that has cost least is next. */
interface Turn {
  readonly grouping: Grouping;
  readonly step: number;
  cost: number;
}

/** What is known of a target's probes. */
export interface ProbedRows {
  /** When the last probe ended, monotonic ms. */
  lastProbedMs(slot: number): number;
  /** Whether it failed: nothing is learnt from probing it again. */
  isFailing(slot: number): boolean;
}

/**
 * Which targets to probe now, out of turn, so that it shows soon what failures have in common. Each suspect points at
 * all that it shares with others: its store, chain, model, network and whatever else its labels say. Each of these
 * explanations is sampled by turns, the more often the more suspects agree on it: members of the right one fail, of
 * the others answer. Bounded: by what suspects pay for, and by three times the ordinary rate
 * over all probes.
 *
 * Deterministic; time is an argument (monotonic ms). Built in steps, as large as the caller allows.
 */
export class Suspicion {
  /** By rank, the order of the ids' hashes: neighbours share nothing. */
  private readonly slots: Int32Array;
  private readonly targets: (Target | undefined)[] = [];
  /** −1: no target is in the row. */
  private readonly rankOfSlot: Int32Array;
  private readonly coded = new Map<
    string,
    { readonly codes: Int32Array; readonly values: Map<string, number> }
  >();
  private uncoded: string[] | undefined;
  private built = 0;
  private readonly groupings: Grouping[] = [];
  private readonly suspectedMs: Float64Array;
  private readonly pickedMs: Float64Array;
  private ratePerMs: number;
  private tokens: number;
  private refilledMs = 0;
  /** Chosen and not yet seen to have been probed. */
  private outstanding = 0;
  private credit = 0;
  private lastSuspectMs = Number.NEGATIVE_INFINITY;

  /** `members`: each target with its row. `ratePerS`: how many probes a second there ordinarily are. */
  constructor(members: readonly { readonly slot: number; readonly target: Target }[], ratePerS: number) {
    const count = members.length;
    const keys = new Float64Array(count);
    let slots = 0;
    for (const [i, { slot, target }] of members.entries()) {
      keys[i] = fnv1a(target.id) * 2 ** 20 + i;
      slots = Math.max(slots, slot + 1);
    }
    keys.sort();
    this.slots = new Int32Array(count);
    this.rankOfSlot = new Int32Array(slots).fill(-1);
    for (let rank = 0; rank < count; rank++) {
      const member = members[(keys[rank] ?? 0) % 2 ** 20];
      if (member === undefined) continue;
      this.targets.push(member.target);
      this.slots[rank] = member.slot;
      this.rankOfSlot[member.slot] = rank;
    }
    this.suspectedMs = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
    this.pickedMs = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
    this.ratePerMs = ratePerS / 1_000;
    this.tokens = this.mostTokens;
  }

  /** How many probes a second there ordinarily are, from now on. */
  setRate(ratePerS: number): void {
    this.ratePerMs = ratePerS / 1_000;
  }

  /** Goes on building for about `rows` targets' worth. Nothing is suspected or chosen before it is done. */
  build(rows: number): void {
    const end = Math.min(this.targets.length, this.built + rows);
    if (this.built < this.targets.length) {
      for (let rank = this.built; rank < end; rank++) this.code(rank);
      this.built = end;
      return;
    }
    this.uncoded ??= Array.from(this.coded.keys());
    const label = this.uncoded.pop();
    if (label !== undefined) this.group(label);
  }

  get isBuilt(): boolean {
    return this.built === this.targets.length && this.uncoded?.length === 0;
  }

  /** The target in this row has begun to fail. */
  suspect(slot: number, nowMs: number): void {
    const rank = this.rankOfSlot[slot] ?? -1;
    if (rank === -1 || nowMs - (this.suspectedMs[rank] ?? 0) < SUSPECT_MS) return;
    this.suspectedMs[rank] = nowMs;
    this.lastSuspectMs = nowMs;
    this.credit = Math.min(MOST_CREDIT, this.credit + PICKS_PER_SUSPECT);
    for (const { codes, hot } of this.groupings) {
      const code = codes[rank] ?? -1;
      if (code === -1) continue;
      const known = hot.get(code);
      const isFresh = known !== undefined && nowMs - known.lastMs < SUSPECT_MS;
      const value = isFresh ? known : { hits: 0, picks: 0, sinceMs: nowMs, lastMs: nowMs };
      value.hits++;
      value.lastMs = nowMs;
      hot.delete(code);
      hot.set(code, value);
      if (hot.size > MOST_HOT) for (const [oldest] of hot.entries().take(1)) hot.delete(oldest);
    }
  }

  /** So many probes ended, of whatever cause. */
  probed(count: number): void {
    const chosen = Math.min(this.outstanding, count);
    this.outstanding -= chosen;
    this.tokens = Math.max(-MOST_OWED * this.mostTokens, this.tokens - (count - chosen));
  }

  /** The rows to probe now. */
  choose(nowMs: number, rows: ProbedRows): readonly number[] {
    const passedMs = Math.min(SAVED_MS, Math.max(0, nowMs - this.refilledMs));
    this.refilledMs = nowMs;
    this.tokens = Math.min(this.mostTokens, this.tokens + RATE_FACTOR * this.ratePerMs * passedMs);
    if (nowMs - this.lastSuspectMs >= SUSPECT_MS) this.end();
    const chosen: number[] = [];
    let turns: readonly Turn[] = this.groupings.filter(({ hot }) => hot.size > 0).map(beginTurn);
    while (this.tokens >= 1 && this.credit > 0 && chosen.length < MOST_PICKS) {
      const turn = turns.reduce<Turn | undefined>(
        (first, one) => (first === undefined || one.cost < first.cost ? one : first),
        undefined,
      );
      if (turn === undefined) {
        this.credit = 0;
        break;
      }
      const rank = this.pick(turn.grouping, nowMs, rows);
      if (rank === undefined) {
        turns = turns.filter((one) => one !== turn);
        continue;
      }
      turn.cost += turn.step;
      this.pickedMs[rank] = nowMs;
      this.tokens--;
      this.credit--;
      this.outstanding++;
      chosen.push(this.slots[rank] ?? -1);
    }
    return chosen;
  }

  private get mostTokens(): number {
    return Math.max(FEWEST_SAVED, SAVED_MS * this.ratePerMs);
  }

  private end(): void {
    this.credit = 0;
    this.outstanding = 0;
    for (const { hot } of this.groupings) hot.clear();
  }

  /** A member, worth probing, of the value that has had the fewest picks for its suspects. */
  private pick(
    { starts, members, cursors, hot }: Grouping,
    nowMs: number,
    rows: ProbedRows,
  ): number | undefined {
    for (;;) {
      let best: number | undefined;
      let bestScore = 0;
      for (const [code, { hits, picks }] of hot) {
        const score = hits / (picks + 1);
        if (score > bestScore) [best, bestScore] = [code, score];
      }
      const value = best === undefined ? undefined : hot.get(best);
      if (best === undefined || value === undefined) return undefined;
      const start = starts[best] ?? 0;
      const size = (starts[best + 1] ?? start) - start;
      for (let step = 0; step < Math.min(size, MOST_STEPS); step++) {
        const cursor = (cursors[best] ?? 0) % size;
        cursors[best] = (cursor + 1) % size;
        const rank = members[start + cursor] ?? -1;
        if (!this.isWorthProbing(rank, value.sinceMs, nowMs, rows)) continue;
        value.picks++;
        return rank;
      }
      hot.delete(best);
    }
  }

  private isWorthProbing(rank: number, sinceMs: number, nowMs: number, rows: ProbedRows): boolean {
    if (nowMs - (this.pickedMs[rank] ?? 0) < NEWS_MS) return false;
    const slot = this.slots[rank] ?? -1;
    return !rows.isFailing(slot) && rows.lastProbedMs(slot) < Math.max(sinceMs, nowMs - NEWS_MS);
  }

  private code(rank: number): void {
    for (const [label, value] of Object.entries(this.targets[rank]?.labels ?? {})) {
      let coding = this.coded.get(label);
      if (coding === undefined) {
        coding = { codes: new Int32Array(this.targets.length).fill(-1), values: new Map() };
        this.coded.set(label, coding);
      }
      const code = coding.values.get(value) ?? coding.values.size;
      if (code === coding.values.size) coding.values.set(value, code);
      coding.codes[rank] = code;
    }
    this.targets[rank] = undefined;
  }

  /** Groups by a label, unless all share its value or hardly any two do (an id): then it explains nothing. */
  private group(label: string): void {
    const coding = this.coded.get(label);
    if (coding === undefined) return;
    this.coded.delete(label);
    const { codes, values } = coding;
    const starts = new Int32Array(values.size + 1);
    for (const code of codes) if (code !== -1) starts[code + 1] = (starts[code + 1] ?? 0) + 1;
    for (let code = 0; code < values.size; code++) {
      starts[code + 1] = (starts[code + 1] ?? 0) + (starts[code] ?? 0);
    }
    const bearing = starts[values.size] ?? 0;
    if (values.size * 2 > bearing || (values.size === 1 && bearing === codes.length)) return;
    const members = new Int32Array(bearing);
    const next = starts.slice();
    for (const [rank, code] of codes.entries()) {
      if (code === -1) continue;
      const place = next[code] ?? 0;
      members[place] = rank;
      next[code] = place + 1;
    }
    // Each label begins elsewhere: else one would find its members chosen by the other, and sample only the rest.
    const offset = fnv1a(label) >>> 1;
    const cursors = new Int32Array(values.size).fill(offset);
    this.groupings.push({ codes, starts, members, cursors, hot: new Map() });
  }
}

/** A label that suspects scatter over explains them badly, and costs more. */
function beginTurn(grouping: Grouping): Turn {
  let most = 0;
  let all = 0;
  for (const { hits } of grouping.hot.values()) {
    most = Math.max(most, hits);
    all += hits;
  }
  return { grouping, step: all / most, cost: all / most };
}
