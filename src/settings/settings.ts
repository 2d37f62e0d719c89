import type { Policy } from '../core/health.ts';
import type { Language } from '../core/notification.ts';
import type { IncidentTiming, PaymentMethod } from '../core/outlook.ts';
import type { Route } from '../core/route.ts';
import type { Estate } from '../estate/estate.ts';

/** What a token may do: each role includes the ones before it. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** A bearer token. The secret itself is read once and kept as its SHA-256. */
export interface Token {
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the token, 32 bytes. */
  readonly digest: Uint8Array;
}

/** A named probe configuration. */
export interface Module {
  readonly name: string;
  /** Name of a registered prober. */
  readonly prober: string;
  /** Unit: ms. 1_000 or more. */
  readonly intervalMs: number;
  /** Unit: ms. More than 0, less than the interval. */
  readonly timeoutMs: number;
  /** How soon to look again while a change is not confirmed. Unit: ms. 100 or more, at most the interval. */
  readonly retryIntervalMs: number;
  readonly policy: Policy;
  /** Whether `/metrics/targets` also has the module's `probe_http_*`, `probe_ssl_*`, … series. Default false. */
  readonly detailedMetrics: boolean;
  /** Checked against the prober's own options; defaults filled in. */
  readonly options: unknown;
}

/** How much may be in flight at once. */
export interface Limits {
  /** Over all. */
  readonly maxInFlight: number;
  /** Towards one store. Default 4. */
  readonly maxInFlightPerStore: number;
  /** Towards one network, as the label `network` names it. Infinite: no bound. */
  readonly maxInFlightPerNetwork: number;
}

/** The same as configured, with what else the probing may use. */
export interface ProbingSettings extends Omit<Limits, 'maxInFlight'> {
  /** Undefined: as much as all targets hanging at once would need, within what the system allows. */
  readonly maxInFlight: number | undefined;
  /** Threads that probe. Undefined: one fewer than processors, at least one. */
  readonly threads: number | undefined;
}

/** The modules of a blackbox_exporter configuration: for probes on demand alone, never for the schedule. */
export interface BlackboxModules {
  /** The file they were read from. */
  readonly file: string;
  readonly modules: ReadonlyMap<string, Module>;
  /** Why each of the others cannot be used here, by its name. */
  readonly unusable: ReadonlyMap<string, string>;
  /** All that an operator should know, with its place: what is unusable, and what is otherwise than there. */
  readonly warnings: readonly SettingsProblem[];
}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Maintenance that the configuration plans, once or again and again. */
export type PlannedMaintenance = {
  /** One of its own over all that is planned. */
  readonly id: string;
  /** As `parseSelector` reads it. */
  readonly selector: string;
  readonly by: string;
  readonly comment: string;
  /** It begins at the first failure within its time and lasts this long. Unit: ms. */
  readonly flexibleMs?: number;
} & (
  | {
      readonly kind: 'once';
      /** Epoch ms, UTC. */
      readonly startsAtMs: number;
      readonly endsAtMs: number;
    }
  | {
      readonly kind: 'recurring';
      /** When it starts: five fields, as node-cron reads them. */
      readonly cron: string;
      /** IANA zone of those. */
      readonly timezone: string;
      readonly lastsMs: number;
    }
);

/** Who is told of incidents as alerts. */
export interface AlertmanagerSettings {
  /** At least one; no slash at the end. */
  readonly urls: readonly string[];
  /** How often alerts are told again. Unit: ms. */
  readonly resendIntervalMs: number;
  /** For one request; at most the interval. Unit: ms. */
  readonly timeoutMs: number;
  /** The files are absolute. What they hold is read when it is used. */
  readonly auth:
    | { readonly kind: 'basic'; readonly username: string; readonly passwordFile: string }
    | { readonly kind: 'bearer'; readonly tokenFile: string }
    | undefined;
  /** Whether our silences and maintenances become silences there. */
  readonly mirrorSilences: boolean;
  /** Where docs/runbook.md can be read. Undefined: where the monitor serves it. */
  readonly runbookUrl: string | undefined;
}

/** A way to tell people or machines of incidents. */
export interface ChannelSettings {
  /** Letters, digits, `_` and `-`. */
  readonly name: string;
  /** Name of a registered notifier. */
  readonly type: string;
  readonly language: Language;
  /** IANA zone of the times in its messages, where no store has its own. */
  readonly timezone: string;
  /** How long one attempt may take. Unit: ms. */
  readonly timeoutMs: number;
  /** Checked against the notifier's own options; defaults filled in. */
  readonly options: unknown;
}

/** Whom to tell of incidents, and how. Without channels nobody is told. */
export interface NotificationSettings {
  readonly channels: ReadonlyMap<string, ChannelSettings>;
  readonly routes: readonly Route[];
  /** More messages than `after` to one channel within `windowMs` become one. */
  readonly digest: { readonly after: number; readonly windowMs: number };
}

/** A whole configuration, checked and frozen. */
export interface Settings {
  /** The file it was read from; relative files are read against its folder. */
  readonly file: string;
  readonly baseDir: string;
  readonly listen: ListenAddress;
  /** Where people reach this monitor; no slash at the end. Undefined: where it listens. */
  readonly externalUrl: string | undefined;
  readonly dataDir: string;
  readonly tokens: readonly Token[];
  readonly limits: ProbingSettings;
  /** Until then probing runs at a quarter of its rate. Epoch ms, UTC. */
  readonly calmUntilMs: number | undefined;
  readonly modules: ReadonlyMap<string, Module>;
  /** Given with `--blackbox-config`; its modules are among `modules`, too. */
  readonly blackbox?: BlackboxModules;
  readonly estate: Estate;
  readonly timing: IncidentTiming;
  readonly methods: readonly PaymentMethod[];
  readonly maintenance: readonly PlannedMaintenance[];
  /** Undefined: nobody. */
  readonly alertmanager: AlertmanagerSettings | undefined;
  readonly notifications: NotificationSettings;
}

/** One thing to change in a configuration. Lines and columns count from 1. */
export interface SettingsProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Where in the document, e.g. `modules.terminal.interva1`. */
  readonly path: string;
  /** What is wrong with which value, and what to write instead. */
  readonly message: string;
}

/** `file:line:column: message`, as editors and people read it. */
export function formatProblem(problem: SettingsProblem): string {
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.message}`;
}
