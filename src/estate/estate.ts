import type { StoreId, TargetId } from './ids.ts';

/** Label names are `[a-zA-Z_][a-zA-Z0-9_]*`; values are any Unicode text, passed on untouched. Empty values are absent. */
export type Labels = Readonly<Record<string, string>>;

/** A shop. `labels` holds every column of its line, `chain` and `region` among them. */
export interface Store {
  readonly id: StoreId;
  readonly name: string;
  readonly chain?: string;
  readonly region?: string;
  readonly city?: string;
  /** Degrees, WGS 84. */
  readonly latitude?: number;
  readonly longitude?: number;
  /** IANA zone. */
  readonly timezone: string;
  /** As written in the file, e.g. `Mo-Sa 07:00-22:00; Su 09:00-21:00`. */
  readonly openingHours?: string;
  /** Days on which the `PH` of those hours holds, counted from 1 January 1970. Absent: they have none. */
  readonly publicHolidays?: readonly number[];
  /** SEK an ordinary week, as the file gives it; whole öre. */
  readonly weeklySalesOre?: number;
  readonly labels: Labels;
}

/** One thing probed on a schedule. */
export interface Target {
  readonly id: TargetId;
  /** Name of the module that says how it is probed. */
  readonly module: string;
  /** As the module's prober reads it: a host, host:port, or URL. */
  readonly address: string;
  /** What it is to the shop: `terminal`, `gateway`, `swish`, `web`, or any word of the user's. */
  readonly kind: string;
  readonly store?: StoreId;
  /** Its own labels over those of its store (`chain`, `region`, …); `store` and `kind` are among them. */
  readonly labels: Labels;
}

/** Everything watched. Frozen; a reload makes a new one. */
export interface Estate {
  readonly stores: ReadonlyMap<StoreId, Store>;
  readonly targets: ReadonlyMap<TargetId, Target>;
  /** What targets hang on, as declared; those that hang on nothing are absent. Never a cycle. */
  readonly needs?: ReadonlyMap<TargetId, readonly Need[]>;
  /** What tells whether we ourselves can see: targets of ours, probed for that alone. */
  readonly canaries?: readonly Canary[];
}

/** One thing a target cannot do without: broken when all of `anyOf` are down. */
export interface Need {
  readonly anyOf: readonly TargetId[];
}

/** A target that answers whenever our own path to the world is whole. */
export interface Canary {
  readonly target: TargetId;
  /** `gateway`, `dns`, `reference` or any word: a quorum needs more than one kind, where there is more than one. */
  readonly kind: string;
}
