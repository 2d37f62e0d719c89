import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isOutcome } from '../core/events.ts';
import { Outages, type SavedOutages } from '../core/outages.ts';
import type { Outlook } from '../core/outlook.ts';
import { begin } from '../core/replay.ts';
import type { EventDraft } from '../core/events.ts';
import type { Journal } from '../journal/journal.ts';
import { type Clock, repeat } from '../lib/clock.ts';

const FILE = 'outages.json';
/** Grows when the layout of `SavedOutages` changes: an older file is then not read. */
const VERSION = 2;
/** How often what has changed is saved: a restart folds no more than that anew. Unit: ms. */
const SAVE_EVERY_MS = 10_000;
const PAGE_EVENTS = 5_000;

interface Checkpoint {
  readonly version: number;
  /** The newest event of the journal that is in it. */
  readonly seq: number;
  /** By which outlook of the journal's it was folded; null: it keeps none. */
  readonly outlook: string | null;
  readonly outages: SavedOutages;
}

/** What a checkpoint says of the journal. */
export interface Folded {
  readonly seq: number;
  readonly outlook: string | undefined;
}

/** The fold as it was at the journal's end, and what it would still have told there. */
export interface Resumed {
  readonly outages: Outages;
  /** To be journalled: it followed from what is in the journal and is not there. */
  readonly owed: readonly EventDraft[];
}

/**
 * The outages at the end of `journal`: from the checkpoint in `folder`, if there is one of this journal, and the events
 * after it, each under the outlook that was then in force (see `outlookOf`; `current` where that has none). Without a
 * checkpoint the targets' newest states are all that is known, and what is down settles anew.
 */
export function resumeOutages(
  folder: string,
  journal: Journal,
  current: Outlook,
  outlookOf: (hash: string) => Outlook | undefined,
): Resumed {
  const checkpoint = load(folder, journal);
  if (checkpoint === undefined && journal.lastSeq > 0)
    return { outages: begin(journal.heads(), current), owed: [] };
  const { outlook = null } = checkpoint ?? {};
  const before = outlook === null ? current : (outlookOf(outlook) ?? current);
  const outages = checkpoint === undefined ? new Outages(before) : Outages.revive(checkpoint.outages, before);
  const told: EventDraft[] = [];
  const due: EventDraft[] = [];
  let seq = checkpoint?.seq ?? 0;
  for (let page = journal.read(seq, PAGE_EVENTS); page.length > 0; page = journal.read(seq, PAGE_EVENTS)) {
    for (const event of page) {
      seq = event.seq;
      if (isOutcome(event)) {
        told.push(event);
        continue;
      }
      due.push(...outages.advanceTo(event.atMs).filter(isOutcome));
      if (event.kind === 'config-reloaded' && event.outlook !== undefined)
        outages.setOutlook(outlookOf(event.outlook) ?? current);
      due.push(...outages.apply(event).filter(isOutcome));
    }
  }
  const lastMs = told.at(-1)?.atMs ?? 0;
  if (due.length < told.length) due.push(...outages.advanceTo(lastMs + 1).filter(isOutcome));
  return { outages, owed: due.slice(told.length) };
}

function load(folder: string, journal: Journal): Checkpoint | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, FILE), 'utf8');
  } catch {
    return undefined;
  }
  try {
    const checkpoint = JSON.parse(text) as Checkpoint;
    return checkpoint.version === VERSION && checkpoint.seq <= journal.lastSeq ? checkpoint : undefined;
  } catch {
    // Torn by a power cut: all of it can be had from the journal.
    return undefined;
  }
}

/** Keeps the checkpoint in `folder` near the journal's end, and at it when disposed of. */
export class OutageCheckpoints implements AsyncDisposable {
  private readonly folder: string;
  private readonly outages: Outages;
  private readonly foldedOf: () => Folded | undefined;
  private readonly timer: Disposable;
  private savedSeq = -1;
  private saving: Promise<void> = Promise.resolve();

  /** `foldedOf`: what the fold holds; undefined while it holds more than the journal does. */
  constructor(folder: string, outages: Outages, foldedOf: () => Folded | undefined, clock: Clock) {
    this.folder = folder;
    this.outages = outages;
    this.foldedOf = foldedOf;
    this.save();
    this.timer = repeat(clock, SAVE_EVERY_MS, () => this.save());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.timer[Symbol.dispose]();
    this.save();
    await this.saving;
  }

  private save(): void {
    const folded = this.foldedOf();
    if (folded === undefined || folded.seq === this.savedSeq) return;
    const { seq, outlook = null } = folded;
    this.savedSeq = seq;
    const checkpoint: Checkpoint = { version: VERSION, seq, outlook, outages: this.outages.save() };
    const text = JSON.stringify(checkpoint);
    this.saving = this.saving.then(() => write(join(this.folder, FILE), text));
  }
}

/** A checkpoint that cannot be written costs a slower restart, no more. */
async function write(path: string, text: string): Promise<void> {
  try {
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  } catch {
    // The disk is full or gone: the journal says so.
  }
}
