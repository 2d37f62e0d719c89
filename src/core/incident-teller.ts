import type { BookContext } from './book-context.ts';
import type { Incident, IncidentChanged } from './events.ts';
import { downIn, isHushed, type Life, placeOf, type Turn } from './incident-life.ts';
import type { LifeViews } from './life-views.ts';
import { compareAges } from './lives-by-scope.ts';

/** So soon after it was told of, that an incident becomes worse is told only when it becomes critical. Unit: ms. */
const SPREAD_MS = 60_000;
/** Beside opening and end, so many updates of an incident are told. The last is kept for its becoming critical. */
const MOST_UPDATES = 2;

/** What is told of incidents, and what of them is not worth telling. */
export class IncidentTeller {
  private context: BookContext;
  private readonly views: LifeViews;
  /** What this moment means for lives, to be told at its end. */
  private readonly turns = new Map<Life, Turn>();

  constructor(context: BookContext, views: LifeViews) {
    this.context = context;
    this.views = views;
  }

  /** What holds under another configuration. */
  setContext(context: BookContext): void {
    this.context = context;
  }

  /** To be told at the end of the moment. */
  turned(life: Life, turn: Exclude<Turn, 'none'>): void {
    this.turns.set(life, turn);
  }

  /** Tells what a moment meant for the lives that it changed, now that all of the moment is in. */
  tellTurns(atMs: number): void {
    for (const life of Array.from(this.turns.keys()).sort(compareAges)) {
      const isRecovering = life.incident.state === 'recovering';
      if (this.turns.get(life) === 'recovering') {
        if (!isRecovering || downIn(life) === 0) continue;
        life.isRecoveryTold = true;
      }
      this.tell(life, 'turn', atMs);
    }
    this.turns.clear();
  }

  /** Tells of those that ways to pay have made worse. */
  tellWorse(atMs: number): void {
    for (const life of this.views.worseAt(atMs, MOST_UPDATES)) this.tell(life, 'severity', atMs);
  }

  /** Brings an incident up to date, and announces the change if it is one worth an announcement. */
  tell(life: Life, what: 'scope' | 'severity' | 'turn', atMs: number): void {
    if (life.updates >= MOST_UPDATES || this.context.isBlind()) return;
    const before = life.incident.severity;
    this.describe(life, atMs);
    const isWorse = life.incident.severity !== before;
    const isCritical = life.incident.severity === 'critical';
    const isSpreading = !isCritical && atMs - life.announcedAtMs < SPREAD_MS;
    if (what === 'severity' && (!isWorse || isSpreading)) return;
    if (life.updates >= (isCritical ? MOST_UPDATES : MOST_UPDATES - 1)) return;
    if (isHushed(life, isWorse, atMs)) return;
    life.updates++;
    this.announce(life, 'incident-updated', atMs);
  }

  announce(life: Life, kind: 'incident-opened' | 'incident-updated', atMs: number): void {
    this.describe(life, atMs);
    this.turns.delete(life);
    life.announcedAtMs = atMs;
    this.emit(life, kind, atMs);
  }

  /** Announces that it is resolved, as its incident says already. */
  announceEnd(life: Life, atMs: number): void {
    this.turns.delete(life);
    this.emit(life, 'incident-resolved', atMs);
  }

  private emit({ incident, struck }: Life, kind: IncidentChanged['kind'], atMs: number): void {
    this.context.emit({ atMs, kind, incident, ...placeOf(struck, this.context.outlook.estate) });
  }

  /** Before it becomes less: what it was at its widest is what is told of it at its end. */
  noteWidest(life: Life, atMs: number): void {
    if (downIn(life) > life.widest.targetsDown) widen(life, this.views.describe(life, atMs));
  }

  private describe(life: Life, atMs: number): void {
    life.incident = this.views.describe(life, atMs);
    widen(life, life.incident);
  }
}

function widen(life: Life, { targetsDown, title }: Incident): void {
  if (targetsDown >= life.widest.targetsDown) life.widest = { targetsDown, title };
}
