import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Result } from '../../src/lib/result.ts';
import { loadSettings } from '../../src/settings/load-settings.ts';
import { formatProblem, type Settings, type SettingsProblem } from '../../src/settings/settings.ts';
import { fakeNotifiers } from './fake-notifiers.ts';
import { fakeProbers } from './fake-probers.ts';

type Files = Readonly<Record<string, string | Uint8Array>>;

/** A folder with a configuration, `kassavakt.yaml`, gone at the end of the scope. */
export class ConfigFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'kassavakt-settings-'));
  readonly file = join(this.path, 'kassavakt.yaml');

  constructor(files: Files) {
    this.write(files);
  }

  write(files: Files): void {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(this.path, name), content);
  }

  load(env: Readonly<Record<string, string>> = {}): Promise<Result<Settings, readonly SettingsProblem[]>> {
    return loadSettings(this.file, fakeProbers, env, fakeNotifiers);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

/** The settings that `files` make; throws with the problems when they make none. */
export async function settingsOf(
  files: Files,
  env: Readonly<Record<string, string>> = {},
): Promise<Settings> {
  using folder = new ConfigFolder(files);
  const loaded = await folder.load(env);
  if (!loaded.ok) throw new Error(loaded.error.map(formatProblem).join('\n'));
  return loaded.value;
}

/** The problems of `files` as `file:line:column: message`, the folder's own path left out. */
export async function problemsOf(
  files: Files,
  env: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  using folder = new ConfigFolder(files);
  const loaded = await folder.load(env);
  return loaded.ok
    ? []
    : loaded.error.map((problem) => formatProblem(problem).replaceAll(`${folder.path}/`, ''));
}
