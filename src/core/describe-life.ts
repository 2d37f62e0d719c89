import type { StoreId, TargetId } from '../estate/ids.ts';
import type { CauseFinder } from './causes.ts';
import type { Incident, MethodState } from './events.ts';
import type { Life } from './incident-life.ts';
import { methodsOn, weigh, worseOf } from './incident-weight.ts';
import { evidenceOf, titleOf } from './incident-words.ts';
import type { Outlook, PaymentMethod } from './outlook.ts';
import type { AnyReason } from './reason.ts';

/** What describing a life takes beside it. */
export interface DescribeContext {
  readonly outlook: Outlook;
  readonly finder: CauseFinder;
  readonly failureOf: (id: TargetId) => { readonly reason: AnyReason } | undefined;
  readonly methodState: (store: StoreId, method: string) => MethodState | undefined;
}

/** The incident as it stands at `atMs`. `stores`: those in which something of it is down. */
export function describeLife(
  life: Life,
  stores: ReadonlySet<StoreId>,
  { outlook, finder, failureOf, methodState }: DescribeContext,
  atMs: number,
): Incident {
  const { symptoms, behind, scopes } = life;
  const { methodsLost: _methodsLost, ...before } = life.incident;
  const ownKinds = kindsOf(symptoms, outlook);
  const allKinds = ownKinds.union(kindsOf(behind, outlook));
  const methods = methodsOf(life, outlook);
  const weight = weigh(stores, { estate: outlook.estate, methods }, methodState, atMs);
  // Gateways, "and with them what is behind them"; but with terminals among the symptoms all are one sum.
  const isMixed = ownKinds.size > 1;
  const kinds = isMixed ? allKinds : ownKinds;
  const named = Array.from(allKinds)
    .filter((kind) => kind !== '')
    .sort();
  const down = isMixed ? symptoms.size + behind.size : symptoms.size;
  const size = Math.max(
    down,
    kinds.size === 0 ? (before.targetsInScope ?? 0) : finder.sizeOf(scopes[0] ?? {}, kinds),
  );
  const reason = commonReason(symptoms, failureOf) ?? before.reason;
  const told = { scopes, kinds, down, size, stores: stores.size, behind: isMixed ? 0 : behind.size };
  return {
    ...before,
    scope: scopes,
    title: down === 0 ? before.title : titleOf(told, outlook.estate),
    severity: worseOf(before.severity, weight.severity),
    targetsDown: symptoms.size + behind.size,
    targetsInScope: Math.max(size, symptoms.size + behind.size),
    ...(named.length === 0 ? {} : { kinds: named }),
    storesAffected: stores.size,
    reason,
    confidence: Math.round(life.confidence * 1_000) / 1_000,
    evidence: evidenceOf(told, reason, weight.methodsLost),
    ...(weight.methodsLost.length === 0 ? {} : { methodsLost: weight.methodsLost }),
  };
}

/** A target that is no longer in the estate has none. */
function kindsOf(ids: Iterable<TargetId>, { estate }: Outlook): Set<string> {
  const kinds = new Set<string>();
  for (const id of ids) kinds.add(estate.targets.get(id)?.kind ?? '');
  return kinds;
}

/** The payment methods that hang on what is down in it. */
export function methodsOf({ kinds, behind }: Life, { estate, methods }: Outlook): readonly PaymentMethod[] {
  const all = new Set(kinds);
  for (const id of behind) all.add(estate.targets.get(id)?.kind ?? '');
  return methodsOn(all, methods);
}

/** Of those that are equally common the first in the order of the letters. */
function commonReason(
  ids: Iterable<TargetId>,
  failureOf: DescribeContext['failureOf'],
): AnyReason | undefined {
  const counts = new Map<AnyReason, number>();
  for (const id of ids) {
    const reason = failureOf(id)?.reason;
    if (reason !== undefined) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const [first] = Array.from(counts).sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  return first?.[0];
}
