import type { Estate } from '../estate/estate.ts';
import type { IncidentId, StoreId, TargetId } from '../estate/ids.ts';
import { unreachable } from '../lib/unreachable.ts';
import type {
  HumanReport,
  Incident,
  IncidentAcknowledged,
  JournalEvent,
  Maintenance,
  PaymentMethodChanged,
  Silence,
} from './events.ts';
import type { State } from './health.ts';
import type { MethodStatus } from './payment-methods.ts';
import { type Place, Places } from './places.ts';
import { type AnyReason, REASON_TEXT, type SelfReason } from './reason.ts';

/** A target's state as last announced. */
export interface TargetStatus {
  readonly state: State;
  readonly reason?: AnyReason;
  readonly message: string;
  /** When the state began. Epoch ms, UTC. */
  readonly sinceMs: number;
}

/** Why we cannot see the world. */
export interface Blindness {
  readonly reason: SelfReason;
  /** One plain sentence for a person. */
  readonly message: string;
  /** Since when. Epoch ms, UTC. */
  readonly sinceMs: number;
}

/** A maintenance that is not over. */
export interface OpenMaintenance extends Maintenance {
  readonly state: 'planned' | 'started';
}

/** What somebody in a store last said of a payment method. */
export type StoreReport = Pick<
  HumanReport,
  'method' | 'says' | 'by' | 'comment' | 'probesSay' | 'disagrees'
> & {
  readonly atMs: number;
};

const NO_METHODS: ReadonlyMap<string, MethodStatus> = new Map();

/**
 * What has been announced so far: the fold of the journal's events. A snapshot taken from it agrees with its `seq`
 * exactly, which the hot columns, always a little ahead, do not. Rebuilt after a restart from the journal's heads, in
 * the order of their `seq`. While we are blind it knows nothing of targets and payments, but keeps what it knew.
 */
export class Board {
  private readonly statuses = new Map<TargetId, TargetStatus>();
  private readonly open = new Map<IncidentId, Incident>();
  private readonly methods = new Map<StoreId, ReadonlyMap<string, MethodStatus>>();
  private readonly reports = new Map<StoreId, Map<string, StoreReport>>();
  private readonly openMaintenances = new Map<string, OpenMaintenance>();
  private readonly openSilences = new Map<string, Silence>();
  private newestSeq = 0;
  private places: Places | undefined;
  private blindness: Blindness | undefined;
  private unseenMethods = new Map<StoreId, ReadonlyMap<string, MethodStatus>>();

  /** `seq` of the newest event applied; 0 none. */
  get seq(): number {
    return this.newestSeq;
  }

  /** Undefined: we can see. */
  get sight(): Blindness | undefined {
    return this.blindness;
  }

  /** Undefined: nothing was ever announced of it, so it is `unknown`. While we are blind every target is. */
  statusOf(target: TargetId): TargetStatus | undefined {
    return this.blindness === undefined ? this.statuses.get(target) : notSeen(this.blindness);
  }

  /** As last announced, whether we can see now or not. */
  lastStatusOf(target: TargetId): TargetStatus | undefined {
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

  /** How customers can pay in `store`; methods of which nothing was announced are absent. The same object until one changes. */
  methodsOf(store: StoreId): ReadonlyMap<string, MethodStatus> {
    const announced = this.methods.get(store) ?? NO_METHODS;
    if (this.blindness === undefined || announced.size === 0) return announced;
    let unseen = this.unseenMethods.get(store);
    if (unseen === undefined) {
      const status = notSeen(this.blindness);
      unseen = new Map(announced.keys().map((method) => [method, status]));
      this.unseenMethods.set(store, unseen);
    }
    return unseen;
  }

  /** The last that was said of each method in `store`. */
  reportsOf(store: StoreId): readonly StoreReport[] {
    return Array.from(this.reports.get(store)?.values() ?? []);
  }

  /** Planned and begun, in the order in which they became so. */
  maintenances(): readonly OpenMaintenance[] {
    return Array.from(this.openMaintenances.values());
  }

  /** Begun and not ended, oldest first. */
  silences(): readonly Silence[] {
    return Array.from(this.openSilences.values());
  }

  /** `estate` by places, with what was announced of each. Counted when first asked for of an estate, then kept up. */
  placesOf(estate: Estate): Iterable<Place> {
    if (this.places?.estate !== estate) this.places = new Places(estate, (id) => this.statusOf(id));
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
      case 'incident-acknowledged':
        this.acknowledge(event);
        return;
      case 'payment-method-changed':
        this.changeMethod(event);
        return;
      case 'monitor-blinded':
        this.changeSight({ reason: event.reason, message: event.message, sinceMs: event.sinceMs });
        return;
      case 'monitor-recovered':
        this.changeSight(undefined);
        return;
      case 'maintenance-planned':
      case 'maintenance-started': {
        const state = event.kind === 'maintenance-planned' ? 'planned' : 'started';
        this.openMaintenances.set(event.maintenance.id, { ...event.maintenance, state });
        return;
      }
      case 'maintenance-ended':
        this.openMaintenances.delete(event.maintenance.id);
        return;
      case 'silence-started':
        this.openSilences.set(event.silence.id, event.silence);
        return;
      case 'silence-ended':
        this.openSilences.delete(event.silence.id);
        return;
      case 'human-report':
        this.hear(event);
        return;
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
    if (this.blindness === undefined) this.places?.move(target, before, status);
  }

  private changeMethod({ store, method, to, reason, message, sinceMs }: PaymentMethodChanged): void {
    const status = { state: to, ...(reason === undefined ? {} : { reason }), message, sinceMs };
    this.methods.set(store, new Map(this.methods.get(store)).set(method, status));
    this.unseenMethods.delete(store);
  }

  /** Everything is counted anew: as not known, or as it was. */
  private changeSight(blindness: Blindness | undefined): void {
    this.blindness = blindness;
    this.places = undefined;
    this.unseenMethods = new Map();
  }

  private acknowledge({ incident, acknowledgement, isWithdrawn }: IncidentAcknowledged): void {
    const known = this.open.get(incident.id);
    if (known === undefined) return;
    const { acknowledgement: _before, ...rest } = known;
    this.open.set(known.id, isWithdrawn ? rest : { ...rest, acknowledgement });
  }

  private hear({
    store,
    method,
    says,
    by,
    comment,
    probesSay,
    disagrees,
    atMs,
  }: HumanReport & { atMs: number }): void {
    const known = this.reports.get(store);
    const report = { method, says, by, comment, probesSay, disagrees, atMs };
    if (known === undefined) this.reports.set(store, new Map([[method, report]]));
    else known.set(method, report);
  }
}

function notSeen({ reason, sinceMs }: Blindness): { readonly state: 'unknown' } & Blindness {
  return { state: 'unknown', reason, message: `Not known: ${REASON_TEXT[reason]}.`, sinceMs };
}
