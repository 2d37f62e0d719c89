/** A share of what a page tells of, by ids alone: shards 0 to n − 1 together have everything once. */
export interface Shard {
  readonly shard: number;
  readonly shards: number;
}

/** Everything. */
export const ALL: Shard = { shard: 0, shards: 1 };
