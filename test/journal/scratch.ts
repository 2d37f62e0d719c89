import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for a journal that goes away with its scope. */
export function scratch(parent = tmpdir()): { readonly folder: string; readonly path: string } & Disposable {
  const folder = mkdtempSync(join(parent, 'kassavakt-journal-'));
  return {
    folder,
    path: join(folder, 'journal.db'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
