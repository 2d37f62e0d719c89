import { existsSync, renameSync } from 'node:fs';
import { format, parse } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { takeLock } from './journal-file.ts';

/**
 * Renames a damaged journal, with all that belongs to it, so that a new one can be begun and the old one be looked
 * into. Returns its new path, `journal-damaged-20251222T140512Z.db` beside the old. Throws `JournalUnavailable`
 * when another process uses it, and what the file system throws.
 */
export function setAside(path: string, clock: Clock): string {
  using _lock = takeLock(path);
  const { dir, name, ext } = parse(path);
  const stamp = new Date(clock.nowMs()).toISOString().replace(/[-:]|\.\d+/g, '');
  const target = firstFree((suffix) => format({ dir, name: `${name}-damaged-${stamp}${suffix}`, ext }));
  for (const part of ['-wal', '-shm', '']) {
    if (existsSync(path + part)) renameSync(path + part, target + part);
  }
  return target;
}

function firstFree(candidate: (suffix: string) => string): string {
  for (let n = 1; ; n++) {
    const path = candidate(n === 1 ? '' : `-${n}`);
    if (!existsSync(path) && !existsSync(`${path}-wal`)) return path;
  }
}
