import type { Estate, Labels, Target } from '../estate/estate.ts';
import { type IncidentId, type TargetId, toIncidentId, toTargetId } from '../estate/ids.ts';
import { fnv1a } from '../lib/hash.ts';
import { type Cause, isInScope, scopeKey } from './causes.ts';
import type { Incident } from './events.ts';
import type { IncidentTiming } from './outlook.ts';

/**
 * An incident as it is lived: what the fold of outages keeps of one beside what is told of it. All times are epoch
 * ms, UTC, of the events that caused them.
 */
export interface Life {
  /** As it stands now; what was told last may be a little older. */
  incident: Incident;
  scopes: readonly Labels[];
  kinds: ReadonlySet<string>;
  /** One of the targets with which it began. */
  readonly first: TargetId;
  confidence: number;
  /** Down now. */
  readonly symptoms: Set<TargetId>;
  /** Down now, but only because something that they hang on is. */
  readonly behind: Set<TargetId>;
  /** Ever down in it. */
  readonly struck: Set<TargetId>;
  /** The most that was down in it at once. */
  peak: number;
  /** The least that was down in it since it began to recover or last relapsed. */
  fewest: number;
  relapses: number;
  /** Of what was told, with the most targets: what it was, once it is over. */
  widest: { readonly targetsDown: number; readonly title: string };
  /** When something of it was told last, but for its end. */
  announcedAtMs: number;
  /** Updates told. */
  updates: number;
  /** That it recovers has been told. */
  isRecoveryTold: boolean;
  /** Small enough to be over, and waited for for the last time. */
  isLingering: boolean;
  /** When to look whether it is over, unless something changes. */
  quietAtMs: number | undefined;
  /** Once resolved: until then it may open again. */
  reopenUntilMs: number;
}

/** A life in JSON. */
export type SavedLife = Omit<Life, 'kinds' | 'symptoms' | 'behind' | 'struck' | 'quietAtMs'> & {
  readonly kinds: readonly string[];
  readonly symptoms: readonly TargetId[];
  readonly behind: readonly TargetId[];
  readonly struck: readonly TargetId[];
  readonly quietAtMs: number | null;
};

/** Fewer symptoms than these are watched one by one: nothing is said of shares of them. */
const FEW = 10;
/** From this share restored on an incident is recovering. */
const RECOVERING_SHARE = 0.5;
/** A relapse: so much of the peak has failed again. What is left over at the end is no more than this. */
const SWAY_SHARE = 0.1;
/** From so many relapses on it is unstable. */
const UNSTABLE_RELAPSES = 2;

/** A new life of what `cause` names, with nothing in it yet. `openedAtMs`: when the first of it failed. */
export function beginLife(cause: Cause, openedAtMs: number, isTaken: (id: IncidentId) => boolean): Life {
  const [first] = cause.scopes;
  const key = first === undefined ? '' : scopeKey(first);
  return {
    incident: {
      id: mintId(key, openedAtMs, isTaken),
      scope: cause.scopes,
      title: '',
      severity: 'info',
      state: 'open',
      openedAtMs,
      targetsDown: 0,
      storesAffected: 0,
      reason: 'stale',
    },
    scopes: cause.scopes,
    kinds: cause.kinds,
    first: cause.failing[0] ?? toTargetId(''),
    confidence: cause.confidence,
    symptoms: new Set(),
    behind: new Set(),
    struck: new Set(),
    peak: 0,
    fewest: 0,
    relapses: 0,
    widest: { targetsDown: 0, title: '' },
    announcedAtMs: 0,
    updates: 0,
    isRecoveryTold: false,
    isLingering: false,
    quietAtMs: undefined,
    reopenUntilMs: 0,
  };
}

/** Derived from what opened it: a replay of the same events mints the same id. */
function mintId(key: string, openedAtMs: number, isTaken: (id: IncidentId) => boolean): IncidentId {
  const name = `${openedAtMs.toString(36)}-${fnv1a(key).toString(36)}`;
  for (let n = 1; ; n++) {
    const id = toIncidentId(n === 1 ? name : `${name}-${n}`);
    if (!isTaken(id)) return id;
  }
}

/** Whether a target that fails now belongs to the incident by what it is. */
export function isOfScope(life: Life, target: Target): boolean {
  return life.kinds.has(target.kind) && life.scopes.some((scope) => isInScope(target, scope));
}

/** Whether it is about one target alone. */
export function isAlone({ scopes }: Life): boolean {
  return scopes.length === 1 && scopes[0]?.['target'] !== undefined;
}

/** What a step of a life means for what is told of it. */
export type Turn = 'none' | 'recovering' | 'unstable';

/** How much of it is down: what fails, and what is down because of that. */
export function downIn({ symptoms, behind }: Life): number {
  return symptoms.size + behind.size;
}

/** A target is down in it because something else of it is. */
export function hide(life: Life, id: TargetId): void {
  life.behind.add(id);
  life.peak = Math.max(life.peak, downIn(life));
}

/** What was hidden fails by itself. It was down in it before: that is no relapse. */
export function emerge(life: Life, id: TargetId): void {
  life.behind.delete(id);
  life.symptoms.add(id);
  life.struck.add(id);
}

/** A target fails that belongs to it. A few that do while it recovers only put its end off. */
export function strike(life: Life, id: TargetId, atMs: number, timing: IncidentTiming): Turn {
  life.symptoms.add(id);
  life.struck.add(id);
  const down = downIn(life);
  life.peak = Math.max(life.peak, down);
  life.isLingering = false;
  if (life.quietAtMs === undefined) return 'none';
  const isRelapse = down - life.fewest >= Math.max(1, SWAY_SHARE * life.peak);
  life.quietAtMs = isRelapse ? undefined : atMs + quietMs(life, timing);
  if (!isRelapse) return 'none';
  life.fewest = down;
  return relapse(life);
}

/** What was resolved fails again. */
export function reopen(life: Life): void {
  const { resolvedAtMs: _resolvedAtMs, ...incident } = life.incident;
  life.incident = { ...incident, state: 'open' };
  life.isRecoveryTold = false;
  relapse(life);
}

/** It came back when it seemed over. */
function relapse(life: Life): Turn {
  life.relapses++;
  const isUnstable = life.relapses >= UNSTABLE_RELAPSES;
  const becameUnstable = isUnstable && life.incident.unstable !== true;
  life.incident = {
    ...life.incident,
    relapses: life.relapses,
    ...(isUnstable ? { unstable: true } : {}),
  };
  return becameUnstable ? 'unstable' : 'none';
}

/** A target of it is well again, or gone. */
export function restore(life: Life, id: TargetId, atMs: number, timing: IncidentTiming): Turn {
  life.symptoms.delete(id);
  life.behind.delete(id);
  const left = downIn(life);
  life.fewest = life.quietAtMs === undefined ? left : Math.min(life.fewest, left);
  life.isLingering = false;
  const isRecovering = left === 0 || (life.peak >= FEW && left <= (1 - RECOVERING_SHARE) * life.peak);
  if (!isRecovering) return 'none';
  life.quietAtMs = atMs + quietMs(life, timing);
  life.incident = { ...life.incident, state: 'recovering' };
  const isWorthTelling = life.peak >= FEW && left > 0 && !isAlone(life) && !life.isRecoveryTold;
  return isWorthTelling ? 'recovering' : 'none';
}

/** How long all must be well: doubles with each relapse. */
export function quietMs({ relapses }: Life, { quietMs, quietLongestMs }: IncidentTiming): number {
  return Math.min(quietLongestMs, quietMs * 2 ** Math.min(relapses, 20));
}

/** Whether somebody has taken it on, so that no more is told of it, or only that it has become worse. */
export function isHushed({ incident: { acknowledgement } }: Life, isWorse: boolean, atMs: number): boolean {
  if (acknowledgement === undefined) return false;
  const { expiresAtMs = Number.POSITIVE_INFINITY, sticky } = acknowledgement;
  return expiresAtMs > atMs && (sticky || !isWorse);
}

/** What is left of a large outage that is small enough to be no part of it any more. */
export function isTail(life: Life): boolean {
  const down = downIn(life);
  return down === 0 || (life.peak >= FEW && down < SWAY_SHARE * life.peak);
}

export function saveLife({ kinds, symptoms, behind, struck, quietAtMs, ...rest }: Life): SavedLife {
  return {
    ...rest,
    kinds: Array.from(kinds),
    symptoms: Array.from(symptoms),
    behind: Array.from(behind),
    struck: Array.from(struck),
    quietAtMs: quietAtMs ?? null,
  };
}

export function reviveLife({ kinds, symptoms, behind, struck, quietAtMs, ...rest }: SavedLife): Life {
  return {
    ...rest,
    kinds: new Set(kinds),
    symptoms: new Set(symptoms),
    behind: new Set(behind),
    struck: new Set(struck),
    quietAtMs: quietAtMs ?? undefined,
  };
}

/** Where an incident is, as far as all of it is in one place. */
export function placeOf(
  targets: Iterable<TargetId>,
  estate: Estate,
): { readonly store?: NonNullable<Target['store']>; readonly chain?: string; readonly region?: string } {
  let first: Target | undefined;
  let isOneStore = true;
  let isOneChain = true;
  let isOneRegion = true;
  for (const id of targets) {
    const target = estate.targets.get(id);
    if (target === undefined) continue;
    first ??= target;
    isOneStore &&= target.store === first.store;
    isOneChain &&= target.labels['chain'] === first.labels['chain'];
    isOneRegion &&= target.labels['region'] === first.labels['region'];
  }
  const { chain, region } = first?.labels ?? {};
  return {
    ...(isOneStore && first?.store !== undefined ? { store: first.store } : {}),
    ...(isOneChain && chain !== undefined ? { chain } : {}),
    ...(isOneRegion && region !== undefined ? { region } : {}),
  };
}
