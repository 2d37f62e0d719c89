import type { Estate } from '../estate/estate.ts';
import type { IncidentId, TargetId } from '../estate/ids.ts';
import { unreachable } from '../lib/unreachable.ts';
import type { Incident, JournalEvent } from './events.ts';
import type { State } from './health.ts';
import { type Place, Places } from './places.ts';
import type { AnyReason } from './reason.ts';

/** A target's state as last announced. */
export interface TargetStatus {
  readonly state: State;
  readonly reason?: AnyReason;
  readonly message: string;
  /** When the state began. Epoch ms, UTC. */
  readonly sinceMs: number;
}

/**
 * What has been announced so far: the fold of the journal's events. A snapshot taken from it agrees with its `seq`
 * exactly, which the hot columns, always a little ahead, do not. Rebuilt after a restart from the journal's heads.
 */
export class Board {
  private readonly statuses = new Map<TargetId, TargetStatus>();
  private readonly open = new Map<IncidentId, Incident>();
  private newestSeq = 0;
  private places: Places | undefined;

  /** `seq` of the newest event applied; 0 none. */
  get seq(): number {
    return this.newestSeq;
  }

  /** Undefined: nothing was ever announced of it, so it is `unknown`. */
  statusOf(target: TargetId): TargetStatus | undefined {
    return this.statuses.get(target);
  }

  /** Open incidents, oldest first. */
  openIncidents(): readonly Incident[] {
    return Array.from(this.open.values());
  }

  /** Open, or undefined. */
  openIncident(id: IncidentId): Incident | undefined {
    return this.open.get(id);
  }

  /** `estate` by places, with what was announced of each. Counted when first asked for of an estate, then kept up. */
  placesOf(estate: Estate): Iterable<Place> {
    if (this.places?.estate !== estate) this.places = new Places(estate, (id) => this.statuses.get(id));
    return this.places.all();
  }

  apply(event: JournalEvent): void {
    this.newestSeq = Math.max(this.newestSeq, event.seq);
    switch (event.kind) {
      case 'target-state-changed':
        this.changeStatus(event.target, {
          state: event.to,
          message: event.message,
          sinceMs: event.sinceMs,
          ...(event.reason === undefined ? {} : { reason: event.reason }),
        });
        return;
      case 'incident-opened':
      case 'incident-updated':
        this.open.set(event.incident.id, event.incident);
        return;
      case 'incident-resolved':
        this.open.delete(event.incident.id);
        return;
      case 'payment-method-changed':
      case 'monitor-blinded':
      case 'monitor-recovered':
      case 'maintenance-planned':
      case 'maintenance-started':
      case 'maintenance-ended':
      case 'silence-started':
      case 'silence-ended':
      case 'incident-acknowledged':
      case 'human-report':
      case 'evidence-gathered':
      case 'config-reloaded':
        return;
      default:
        unreachable(event);
    }
  }

  private changeStatus(target: TargetId, status: TargetStatus): void {
    const before = this.statuses.get(target);
    this.statuses.set(target, status);
    this.places?.move(target, before, status);
  }
}
