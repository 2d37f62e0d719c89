import type { Result } from '../../lib/result.ts';
import type { SettingsProblem } from '../settings.ts';
import type { ImportDraft } from './import-draft.ts';

/** What an importer is given. */
export interface ImportSource {
  /** As it was named; only for messages. */
  readonly file: string;
  readonly text: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** One kind of export. A new one is its own file, and one line in `import-files.ts`. */
export interface Importer {
  /** The word after `kassavakt import`. */
  readonly name: string;
  readonly summary: string;
  /** A longer file is refused. Unit: bytes. */
  readonly mostBytes: number;
  /** Puts into `draft` what the export holds, and tells it of all that it cannot. Fails when it is no such export. */
  read(source: ImportSource, draft: ImportDraft): Promise<Result<true, readonly SettingsProblem[]>>;
}

/** One problem of a whole file. */
export function fileProblem(file: string, message: string, line = 1, column = 1): readonly SettingsProblem[] {
  return [{ file, line, column, path: '', message }];
}
