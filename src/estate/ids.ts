declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** A target's stable identity: unique in the estate, never its name or address. */
export type TargetId = Branded<'TargetId'>;
/** A store's stable identity. */
export type StoreId = Branded<'StoreId'>;
/** An incident's identity, derived from what opened it, so that a replay mints the same. */
export type IncidentId = Branded<'IncidentId'>;

/** Ids are minted at the edge (settings, journal, simulator) from text already checked there. */
export const toTargetId = (text: string): TargetId => text as TargetId;
export const toStoreId = (text: string): StoreId => text as StoreId;
export const toIncidentId = (text: string): IncidentId => text as IncidentId;
