import { Board } from '../../src/core/board.ts';
import type { EventDraft, JournalEvent } from '../../src/core/events.ts';
import type { Estate, Store, Target } from '../../src/estate/estate.ts';
import { toStoreId, toTargetId } from '../../src/estate/ids.ts';
import type { FeedSource } from '../../src/feed/source.ts';
import { MemoryJournal } from '../../src/journal/memory-journal.ts';

/** Announces events as the ledger does: journal, then board, then listeners. */
export class Announcer implements FeedSource {
  readonly journal: MemoryJournal;
  readonly board = new Board();
  private readonly listeners = new Set<(events: readonly JournalEvent[]) => void>();
  private current: Estate;

  constructor(estate: Estate, journal = new MemoryJournal()) {
    this.current = estate;
    this.journal = journal;
    for (const event of journal.heads()) this.board.apply(event);
  }

  estate(): Estate {
    return this.current;
  }

  reload(estate: Estate): void {
    this.current = estate;
  }

  subscribe(listener: (events: readonly JournalEvent[]) => void): Disposable {
    this.listeners.add(listener);
    return { [Symbol.dispose]: () => this.listeners.delete(listener) };
  }

  async announce(drafts: readonly EventDraft[]): Promise<readonly JournalEvent[]> {
    const events = await this.journal.append(drafts);
    for (const event of events) this.board.apply(event);
    for (const listener of this.listeners) listener(events);
    return events;
  }
}

/** Chains `Solhaga` and `Norrbo`, stores `<chain>-<n>` in Värmland and Dalarna by turns, targets `<store>-T<n>`. */
export function makeEstate(storesPerChain: number, targetsPerStore: number): Estate {
  const stores = new Map<Store['id'], Store>();
  const targets = new Map<Target['id'], Target>();
  for (const chain of ['Solhaga', 'Norrbo']) {
    for (let s = 1; s <= storesPerChain; s++) {
      const id = toStoreId(`${chain}-${s}`);
      const region = s % 2 === 1 ? 'Värmland' : 'Dalarna';
      const labels = { chain, region };
      stores.set(id, { id, name: `${chain} ${s}`, chain, region, timezone: 'Europe/Stockholm', labels });
      for (let t = 1; t <= targetsPerStore; t++) {
        const target = toTargetId(`${id}-T${t}`);
        targets.set(target, {
          id: target,
          module: 'terminal',
          address: '127.0.0.1:1',
          kind: 'terminal',
          store: id,
          labels: { ...labels, store: id, kind: 'terminal' },
        });
      }
    }
  }
  const web = toTargetId('web-Solhaga');
  targets.set(web, {
    id: web,
    module: 'shop',
    address: 'http://127.0.0.1:1/',
    kind: 'web',
    labels: { chain: 'Solhaga', kind: 'web' },
  });
  return { stores, targets };
}

/** `target` of `estate` going from one state to another. */
export function move(
  estate: Estate,
  target: string,
  from: 'unknown' | 'up' | 'degraded' | 'down',
  to: 'unknown' | 'up' | 'degraded' | 'down',
  atMs: number,
): EventDraft {
  const found = estate.targets.get(toTargetId(target));
  if (found === undefined) throw new Error(`no target ${target}`);
  const { chain, region } = found.labels;
  return {
    atMs,
    kind: 'target-state-changed',
    target: found.id,
    ...(found.store === undefined ? {} : { store: found.store }),
    ...(chain === undefined ? {} : { chain }),
    ...(region === undefined ? {} : { region }),
    from,
    to,
    ...(to === 'up' ? {} : { reason: 'host' as const }),
    message:
      to === 'up' ? 'It answers the diagnosis in 40 ms.' : 'The terminal cannot reach its payment host.',
    sinceMs: atMs - 4_000,
  };
}
