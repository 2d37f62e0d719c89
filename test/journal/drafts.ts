import type { EventDraft } from '../../src/core/events.ts';
import type { State } from '../../src/core/health.ts';
import { toIncidentId, toStoreId, toTargetId } from '../../src/estate/ids.ts';

const NOON_MS = Date.UTC(2025, 11, 22, 12);

/** Target `T<n>` going to `to`. */
export function change(n: number, to: State = 'down', atMs = NOON_MS + n): EventDraft {
  return {
    atMs,
    kind: 'target-state-changed',
    target: toTargetId(`T${n}`),
    store: toStoreId('karlstad-1'),
    chain: 'Solhaga',
    region: 'Värmland',
    from: to === 'up' ? 'down' : 'up',
    to,
    ...(to === 'up' ? {} : { reason: 'connect-timeout' as const }),
    message: 'It does not answer a connection attempt within 5 s.',
    sinceMs: atMs - 4_000,
  };
}

/** `count` targets going down, T<from> and on. */
export function changes(count: number, from = 1): EventDraft[] {
  return Array.from({ length: count }, (_, i) => change(from + i));
}

export function incident(id: string, kind: 'opened' | 'updated' | 'resolved'): EventDraft {
  return {
    atMs: NOON_MS,
    kind: `incident-${kind}`,
    incident: {
      id: toIncidentId(id),
      scope: [{ store: 'karlstad-1' }],
      title: '3 of 9 targets are down in Solhaga Karlstad',
      severity: 'major',
      state: kind === 'resolved' ? 'resolved' : 'open',
      openedAtMs: NOON_MS,
      ...(kind === 'resolved' ? { resolvedAtMs: NOON_MS + 60_000 } : {}),
      targetsDown: kind === 'resolved' ? 0 : 3,
      storesAffected: 1,
      reason: 'connect-timeout',
    },
    store: toStoreId('karlstad-1'),
    chain: 'Solhaga',
  };
}

export const reloaded: Extract<EventDraft, { kind: 'config-reloaded' }> = {
  atMs: NOON_MS,
  kind: 'config-reloaded',
  message: 'The configuration was read anew.',
  targetsAdded: 1,
  targetsRemoved: 0,
  targetsChanged: 2,
};
