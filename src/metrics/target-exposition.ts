import { NEVER, type TargetColumns } from '../core/columns.ts';
import { STATES } from '../core/health.ts';
import { MEASUREMENTS, type MeasurementName } from '../core/measurements.ts';
import { type AnyReason, type Reason, REASONS } from '../core/reason.ts';
import type { Target } from '../estate/estate.ts';
import { fnv1a } from '../lib/hash.ts';
import { makePace, type Pace } from '../lib/pace.ts';
import { TARGET_FAMILIES, TARGET_LABELS } from './catalogue.ts';
import { type Format, labelPair, labelPairs, sampleValue } from './exposition-text.ts';
import { ALL, type Shard } from './shard.ts';

/** A target whose last verdict is older than so many intervals shows nothing of it: it is unknown. */
const STALE_AFTER_INTERVALS = 3;
/** Rows written in one piece at most, and rows between two looks at the clock. */
const PIECE_ROWS = 1_000;
const CHECK_ROWS = 100;

/** What the exposition reads. */
export interface TargetExpositionSource {
  readonly columns: TargetColumns;
  /** The interval at which the target's module probes. Unit: ms. */
  intervalMsOf(target: Target): number;
  monotonicMs(): number;
}

/**
 * Per-target series, straight from the columns, in slices that let other work run between them;
 * the reader sets the pace. A target that goes away while a page is written is in none of the later families.
 */
export interface TargetExposition {
  /** All targets unless `shard` is given. Without the format's end: more may follow. */
  render(format: Format, shard?: Shard): AsyncGenerator<string, void, undefined>;
}

export function makeTargetExposition(source: TargetExpositionSource): TargetExposition {
  const labelsAt = makeLabelCache(source.columns);
  return { render: (format, shard) => renderPage(source, labelsAt, format, shard) };
}

/** A slot's labels, ready to write: those of every series, and those of the info series. */
interface SlotLabels {
  readonly generation: number;
  readonly series: string;
  readonly info: string;
  /** Of the target's id. */
  readonly hash: number;
}
type LabelsAt = (slot: number, target: Target) => SlotLabels;

function makeLabelCache(columns: TargetColumns): LabelsAt {
  const cache: (SlotLabels | undefined)[] = [];
  return (slot, target) => {
    const generation = columns.generation[slot] ?? 0;
    const cached = cache[slot];
    if (cached?.generation === generation) return cached;
    const made = { generation, ...renderLabels(target) };
    cache[slot] = made;
    return made;
  };
}

function renderLabels(target: Target): Omit<SlotLabels, 'generation'> {
  const { kind: _kind, store: _store, chain, ...rest } = target.labels;
  const own = { target: target.id, module: target.module, kind: target.kind, store: target.store, chain };
  const pairs = TARGET_LABELS.flatMap((name) => {
    const value = own[name];
    return value === undefined || value === '' ? [] : [labelPair(name, value)];
  });
  return {
    series: pairs.join(','),
    info: [...pairs, ...labelPairs(rest, TARGET_LABELS)].join(','),
    hash: fnv1a(target.id),
  };
}

/** One series of a row, as its own labels (or none) and value; undefined when the row has none. */
type ReadRow = (
  slot: number,
  target: Target,
) => { readonly extra?: string; readonly value: number } | undefined;

async function* renderPage(
  source: TargetExpositionSource,
  labelsAt: LabelsAt,
  format: Format,
  { shard, shards }: Shard = ALL,
): AsyncGenerator<string, void, undefined> {
  const { columns } = source;
  const pace = makePace();
  const nowMs = source.monotonicMs();
  /** Fixed for the page: a slot that gets another target meanwhile would tell a target twice. */
  const generations = columns.generation.slice(0, columns.slotCount);
  const isPresent = (slot: number): Target | undefined => {
    const target = columns.generation[slot] === generations[slot] ? columns.targetAt(slot) : undefined;
    if (target === undefined || shards === 1) return target;
    return labelsAt(slot, target).hash % shards === shard ? target : undefined;
  };
  const isFresh = (slot: number, target: Target): boolean =>
    columns.success[slot] !== NEVER &&
    !columns.isHiddenAt(slot) &&
    nowMs - (columns.lastRunMonotonicMs[slot] ?? 0) <= STALE_AFTER_INTERVALS * source.intervalMsOf(target);
  const families = readersOf(columns, isFresh);

  for (const [name, read] of families) {
    const { type, help } = TARGET_FAMILIES[name];
    let text = format.head(name, type, help);
    for (let slot = 0; slot < generations.length; slot++) {
      const target = isPresent(slot);
      const seen = target === undefined ? undefined : read(slot, target);
      if (target !== undefined && seen !== undefined) {
        const { series, info } = labelsAt(slot, target);
        const labels = name === 'kassavakt_target_info' ? info : series;
        text += `${name}{${labels}${seen.extra ?? ''}} ${sampleValue(seen.value)}\n`;
      }
      if (isPieceDone(slot, pace)) {
        yield text;
        text = '';
        await pace.turn();
      }
    }
    yield text;
    await pace.turn();
  }
  yield* renderMeasurements(columns, generations.length, labelsAt, { format, pace }, (slot) => {
    const target = isPresent(slot);
    return target !== undefined && isFresh(slot, target) ? target : undefined;
  });
}

function isPieceDone(row: number, pace: Pace): boolean {
  return row % PIECE_ROWS === PIECE_ROWS - 1 || (row % CHECK_ROWS === CHECK_ROWS - 1 && pace.isDue());
}

function readersOf(
  columns: TargetColumns,
  isFresh: (slot: number, target: Target) => boolean,
): readonly (readonly [keyof typeof TARGET_FAMILIES, ReadRow])[] {
  const ofFresh =
    (read: (slot: number) => { readonly extra?: string; readonly value: number } | undefined): ReadRow =>
    (slot, target) =>
      isFresh(slot, target) ? read(slot) : undefined;
  return [
    ['probe_success', ofFresh((slot) => ({ value: columns.success[slot] ?? 0 }))],
    ['probe_duration_seconds', ofFresh((slot) => ({ value: (columns.durationMs[slot] ?? 0) / 1_000 }))],
    [
      'probe_failure_info',
      ofFresh((slot) => {
        const reason = columns.success[slot] === 0 ? failureReason(columns, slot) : undefined;
        return reason === undefined ? undefined : { extra: `,${labelPair('reason', reason)}`, value: 1 };
      }),
    ],
    [
      'kassavakt_target_state',
      (slot, target) => {
        const isJudged = columns.success[slot] === NEVER || isFresh(slot, target);
        return { value: isJudged ? STATES.indexOf(columns.stateAt(slot)) : 0 };
      },
    ],
    [
      'kassavakt_probe_last_run_timestamp_seconds',
      (slot) => {
        const atMs = columns.lastRunAtMs[slot] ?? 0;
        return atMs === 0 ? undefined : { value: atMs / 1_000 };
      },
    ],
    ['kassavakt_target_info', () => ({ value: 1 })],
  ];
}

/** Why the last probe that gave a verdict failed. A fault of our own since then is not the target's. */
function failureReason(columns: TargetColumns, slot: number): Reason | undefined {
  return [columns.lastReasonAt(slot), columns.reasonAt(slot)].find(isReason);
}

function isReason(reason: AnyReason | undefined): reason is Reason {
  return REASONS.some((known) => known === reason);
}

/** The series of modules that export their measurements, family by family. */
async function* renderMeasurements(
  columns: TargetColumns,
  slotCount: number,
  labelsAt: LabelsAt,
  { format, pace }: { readonly format: Format; readonly pace: Pace },
  targetAt: (slot: number) => Target | undefined,
): AsyncGenerator<string, void, undefined> {
  const slotsOf = new Map<MeasurementName, number[]>();
  for (let slot = 0; slot < slotCount; slot++) {
    for (const { name } of columns.samplesAt(slot)) {
      const slots = slotsOf.get(name) ?? [];
      if (slots.length === 0) slotsOf.set(name, slots);
      if (slots.at(-1) !== slot) slots.push(slot);
    }
    if (slot % CHECK_ROWS === 0 && pace.isDue()) await pace.turn();
  }
  for (const [name, slots] of slotsOf) {
    let text = format.head(name, 'gauge', MEASUREMENTS[name].help);
    for (const [i, slot] of slots.entries()) {
      const target = targetAt(slot);
      for (const sample of target === undefined ? [] : columns.samplesAt(slot)) {
        if (target === undefined || sample.name !== name) continue;
        const own = labelPairs(sample.labels ?? {}, TARGET_LABELS);
        const labels = [labelsAt(slot, target).series, ...own].join(',');
        text += `${name}{${labels}} ${sampleValue(sample.value)}\n`;
      }
      if (isPieceDone(i, pace)) {
        yield text;
        text = '';
        await pace.turn();
      }
    }
    yield text;
    await pace.turn();
  }
}
