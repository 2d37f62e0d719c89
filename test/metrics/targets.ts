import type { TargetColumns } from '../../src/core/columns.ts';
import { restoreHealth, type State } from '../../src/core/health.ts';
import type { Sample } from '../../src/core/measurements.ts';
import type { AnyReason } from '../../src/core/reason.ts';
import type { Target } from '../../src/estate/estate.ts';
import { toStoreId, toTargetId } from '../../src/estate/ids.ts';
import { systemClock } from '../../src/lib/clock.ts';

export function makeTarget(
  id: string,
  more: Partial<Omit<Target, 'id' | 'store'>> & { readonly store?: string } = {},
): Target {
  const { store, labels, ...rest } = more;
  const kind = more.kind ?? 'terminal';
  return {
    id: toTargetId(id),
    module: 'terminal',
    address: `127.0.0.1:${4_000 + id.length}`,
    ...rest,
    kind,
    ...(store === undefined ? {} : { store: toStoreId(store) }),
    labels: { kind, ...(store === undefined ? {} : { store }), ...labels },
  };
}

export interface Verdict {
  /** Unless given: not while down. */
  readonly success?: boolean;
  readonly reason?: AnyReason;
  readonly message?: string;
  readonly sinceMs?: number;
  readonly durationMs?: number;
  readonly samples?: readonly Sample[];
}

/** A verdict as the engine writes it. */
export function writeVerdict(columns: TargetColumns, id: string, state: State, verdict: Verdict = {}): void {
  const slot = columns.slotOf(toTargetId(id));
  if (slot === undefined) throw new Error(`no target ${id}`);
  const { reason, message = 'It answers.', samples = [] } = verdict;
  columns.setHealth(slot, restoreHealth(state, reason));
  columns.setLastReason(slot, reason);
  columns.setMessage(slot, message);
  columns.setSamples(slot, samples);
  columns.success[slot] = (verdict.success ?? state !== 'down') ? 1 : 0;
  columns.durationMs[slot] = verdict.durationMs ?? 12.5;
  columns.lastRunAtMs[slot] = systemClock.nowMs();
  columns.lastRunMonotonicMs[slot] = systemClock.monotonicMs();
  columns.sinceMs[slot] = verdict.sinceMs ?? systemClock.nowMs();
}
