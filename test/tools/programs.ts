import { accessSync, appendFileSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The Debian package that brings each program the tests want. */
export const PACKAGE_OF_PROGRAM: Readonly<Record<string, string>> = {
  prometheus: 'prometheus',
  promtool: 'prometheus',
  'prometheus-blackbox-exporter': 'prometheus-blackbox-exporter',
  fping: 'fping',
  'prometheus-alertmanager': 'prometheus-alertmanager',
  amtool: 'prometheus-alertmanager',
};

/** Whether `program` can be started by name. */
export function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Whether `suite` can run here. If it cannot, says so on standard error and in the file that
 * `KASSAVAKT_SKIPPED_SUITES` names, one line a suite; throws instead where `KASSAVAKT_REQUIRE_ALL` is 1.
 * Use: `const when = canRun('name', ['fping']) ? describe : describe.skip;`
 */
export function canRun(suite: string, programs: readonly string[]): boolean {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) return true;
  const names = missing.length === 1 ? `program ${missing[0]} is` : `programs ${missing.join(', ')} are`;
  skipSuite(suite, `${names} not installed`);
  return false;
}

/** Tells that `suite` is left out and why, as `canRun` does. */
export function skipSuite(suite: string, why: string): void {
  const line = `SKIPPED SUITE: ${suite} (${why})`;
  if (process.env['KASSAVAKT_REQUIRE_ALL'] === '1') throw new Error(line);
  const file = process.env['KASSAVAKT_SKIPPED_SUITES'];
  if (file !== undefined && file !== '') appendFileSync(file, `${line}\n`);
  process.stderr.write(`${line}\n`);
}
