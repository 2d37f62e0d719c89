import type { Incident } from '../../../src/core/events.ts';
import { toIncidentId } from '../../../src/estate/ids.ts';
import type { LostMethod, ToldIncident } from '../../../src/notifiers/alertmanager/incident-alerts.ts';

export const LINKS = { externalUrl: 'https://kassavakt.test', runbookUrl: 'docs/runbook.md' };

/** The chain Solhaga, of which nobody can pay by card. */
export function makeIncident(more: Partial<Omit<Incident, 'id'>> & { readonly id?: string } = {}): Incident {
  const { id = 'i1', ...rest } = more;
  return {
    scope: [{ chain: 'Solhaga' }],
    title: '40 of 41 card terminals of Solhaga are down, 3 stores',
    severity: 'critical',
    state: 'open',
    openedAtMs: Date.UTC(2026, 11, 22, 13, 0, 0),
    targetsDown: 40,
    storesAffected: 3,
    reason: 'host',
    evidence: '1 of 41 is not confirmed down; mostly they cannot reach the payment host.',
    methodsLost: ['card'],
    ...rest,
    id: toIncidentId(id),
  };
}

export function makeLost(store: string, more: Partial<LostMethod> = {}): LostMethod {
  return {
    store,
    chain: 'Solhaga',
    method: 'card',
    message: 'No card terminal works.',
    sinceMs: Date.UTC(2026, 11, 22, 13, 0, 1),
    ...more,
  };
}

export function makeTold(
  incident: Incident,
  lost: readonly LostMethod[] = [],
  more: Partial<ToldIncident> = {},
): ToldIncident {
  const [place = {}, ...others] = incident.scope;
  return { incident, now: incident, place: others.length === 0 ? place : {}, lost, ...more };
}
