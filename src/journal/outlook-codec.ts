import { createHash, hash as digest } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { createDeflate, inflateSync } from 'node:zlib';
import { z } from 'zod';
import type { JournalEvent } from '../core/events.ts';
import type { Outlook } from '../core/outlook.ts';
import { type Journal, JournalDamaged } from './journal.ts';

type Estate = Outlook['estate'];
type Target = Estate['targets'] extends ReadonlyMap<unknown, infer Value> ? Value : never;
type Store = Estate['stores'] extends ReadonlyMap<unknown, infer Value> ? Value : never;

/** An outlook as the journal keeps it. */
export interface EncodedOutlook {
  /** SHA-256 of its JSON, hex: the same for the same outlook, whenever and wherever it is encoded. */
  readonly hash: string;
  /** That JSON, deflated. */
  readonly body: Uint8Array;
}

const VERSION = 1;
/** So many entries are encoded before others may have the thread: a few milliseconds. */
const SLICE = 500;
/** More than any estate needs; a body that claims more is damaged. Unit: bytes. */
const MAX_JSON_BYTES = 1_073_741_824;

/**
 * Encodes what the fold of outages depends on, a slice at a time. Labels and entries stay in their order, which the
 * fold may depend on. The addresses of targets are left out: no probe is made from it.
 */
export async function encodeOutlook(outlook: Outlook): Promise<EncodedOutlook> {
  const sha = createHash('sha256');
  const slices = async function* (): AsyncGenerator<Buffer> {
    for (const text of jsonOf(outlook)) {
      const bytes = Buffer.from(text);
      sha.update(bytes);
      yield bytes;
      await setImmediate();
    }
  };
  const body = await buffer(Readable.from(slices()).compose(createDeflate()));
  return { hash: sha.digest('hex'), body };
}

/** Keeps `outlook` in the journal, and gives the hash by which a `config-reloaded` event is to name it. */
export async function noteOutlook(journal: Pick<Journal, 'keepOutlook'>, outlook: Outlook): Promise<string> {
  const { hash, body } = await encodeOutlook(outlook);
  await journal.keepOutlook(hash, body);
  return hash;
}

/** The hash of the outlook in force at the journal's end, out of its heads; undefined when it names none. */
export function outlookInForce(heads: readonly JournalEvent[]): string | undefined {
  const newest = heads.findLast((head) => head.kind === 'config-reloaded');
  return newest?.kind === 'config-reloaded' ? newest.outlook : undefined;
}

/** An outlook that the journal keeps; undefined when it has none by that hash. Throws as `decodeOutlook`. */
export function loadOutlook(journal: Pick<Journal, 'loadOutlook'>, hash: string): Outlook | undefined {
  const body = journal.loadOutlook(hash);
  return body === undefined ? undefined : decodeOutlook(hash, body);
}

/** The reverse of `encodeOutlook`; addresses are empty. Throws `JournalDamaged` when `body` is not what `hash` names. */
export function decodeOutlook(hash: string, body: Uint8Array): Outlook {
  const json = inflated(hash, body);
  const read = document.safeParse(JSON.parse(json.toString()));
  if (!read.success) {
    const message = `the settings ${shortened(hash)} that the journal keeps are of a version that this one does not read`;
    throw new JournalDamaged(message, undefined, { cause: read.error });
  }
  const { timing, methods, stores, targets, needs, canaries } = read.data;
  const estate: Estate = {
    stores: new Map(stores.map((store) => [store.id, store])),
    targets: new Map(targets.map((target) => [target.id, { ...target, address: '' }])),
    ...(needs === undefined ? {} : { needs: new Map(needs) }),
    ...(canaries === undefined ? {} : { canaries }),
  };
  return { estate, timing, methods };
}

/** Throws `JournalDamaged` when `body` is not what `hash` names. */
export function checkOutlook(hash: string, body: Uint8Array): void {
  inflated(hash, body);
}

function inflated(hash: string, body: Uint8Array): Buffer {
  let json: Buffer | undefined;
  let cause: unknown;
  try {
    json = inflateSync(body, { maxOutputLength: MAX_JSON_BYTES });
  } catch (error) {
    cause = error;
  }
  if (json !== undefined && digest('sha256', json, 'hex') === hash) return json;
  const message = `the settings ${shortened(hash)} that the journal keeps are not what was written`;
  throw new JournalDamaged(message, undefined, { cause });
}

function shortened(hash: string): string {
  return `${hash.slice(0, 12)}…`;
}

/** The JSON in pieces, none of them long. */
function* jsonOf({ estate, timing, methods }: Outlook): Generator<string> {
  const { settleMs, settleAloneMs, quietMs, quietLongestMs, reopenMs } = timing;
  const plain = { settleMs, settleAloneMs, quietMs, quietLongestMs, reopenMs };
  yield `{"version":${VERSION},"timing":${JSON.stringify(plain)},"methods":${JSON.stringify(methods)}`;
  yield* listOf('stores', estate.stores.values(), (store) => store);
  yield* listOf('targets', estate.targets.values(), ({ id, module, kind, store, labels }) => ({
    id,
    module,
    kind,
    store,
    labels,
  }));
  if (estate.needs !== undefined) yield* listOf('needs', estate.needs, (need) => need);
  if (estate.canaries !== undefined) yield* listOf('canaries', estate.canaries, (canary) => canary);
  yield '}';
}

function* listOf<Entry>(
  name: string,
  entries: Iterable<Entry>,
  keep: (entry: Entry) => unknown,
): Generator<string> {
  let separator = '';
  let text = `,"${name}":[`;
  let count = 0;
  for (const entry of entries) {
    text += separator + JSON.stringify(keep(entry));
    separator = ',';
    if (++count % SLICE !== 0) continue;
    yield text;
    text = '';
  }
  yield `${text}]`;
}

/** Ids are minted here: text that a journal of ours holds as an id is one. */
const id = <Id extends string>() => z.custom<Id>((value) => typeof value === 'string', 'not an id');
const targetId = id<Target['id']>();
/** By hand: an estate has them by the hundred thousand, and zod's own records take seconds for so many. */
const labels = z.custom<Target['labels']>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((text) => typeof text === 'string'),
  'not labels',
);
const service = z.object({ match: labels, sameLabels: z.array(z.string()) });
const document = z.object({
  version: z.literal(VERSION),
  timing: z.object({
    settleMs: z.number(),
    settleAloneMs: z.number(),
    quietMs: z.number(),
    quietLongestMs: z.number(),
    reopenMs: z.number(),
  }),
  methods: z.array(
    z.object({
      name: z.string(),
      weight: z.number(),
      lanes: z.exactOptional(labels),
      services: z.array(service),
      offline: z.exactOptional(labels),
    }),
  ),
  stores: z.array(
    z.object({
      id: id<Store['id']>(),
      name: z.string(),
      chain: z.exactOptional(z.string()),
      region: z.exactOptional(z.string()),
      city: z.exactOptional(z.string()),
      latitude: z.exactOptional(z.number()),
      longitude: z.exactOptional(z.number()),
      timezone: z.string(),
      openingHours: z.exactOptional(z.string()),
      publicHolidays: z.exactOptional(z.array(z.number())),
      weeklySalesOre: z.exactOptional(z.number()),
      labels,
    }),
  ),
  targets: z.array(
    z.object({
      id: targetId,
      module: z.string(),
      kind: z.string(),
      store: z.exactOptional(id<Store['id']>()),
      labels,
    }),
  ),
  needs: z.exactOptional(z.array(z.tuple([targetId, z.array(z.object({ anyOf: z.array(targetId) }))]))),
  canaries: z.exactOptional(z.array(z.object({ target: targetId, kind: z.string() }))),
});
