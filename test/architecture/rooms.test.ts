import { describe, expect, test } from '@jest/globals';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const SRC = join(import.meta.dirname, '../../src');
const ALL = [
  'settings',
  'estate',
  'core',
  'probes',
  'engine',
  'journal',
  'metrics',
  'notifiers',
  'feed',
  'http',
  'simulator',
  'lib',
];
const CONTRACTS = ['probes/probe.ts', 'journal/journal.ts', 'notifiers/notifier.ts'];

/** design.md, "The house": which rooms and contract files each room may import. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  cli: ALL,
  settings: ['estate', 'core', 'lib', ...CONTRACTS],
  estate: ['lib'],
  core: ['estate', 'lib'],
  probes: ['core', 'estate', 'lib'],
  engine: ['core', 'estate', 'lib', 'settings/settings.ts', ...CONTRACTS],
  journal: ['core', 'lib'],
  metrics: ['core', 'estate', 'lib'],
  notifiers: ['core', 'lib', 'journal/journal.ts'],
  feed: ['core', 'estate', 'lib', 'journal/journal.ts'],
  http: ALL.filter((room) => room !== 'simulator'),
  simulator: ['core', 'estate', 'lib'],
  lib: [],
};
const PURE = ['core', 'estate'];

const files = globSync('**/*.ts', { cwd: SRC });
const imports = files.flatMap((file) =>
  Array.from(
    readFileSync(join(SRC, file), 'utf8').matchAll(/(?:from|import|import\()\s*'([^']+)'/g),
    ([, specifier]) => ({ file, room: file.split('/')[0] ?? '', specifier: specifier ?? '' }),
  ),
);

describe('the house', () => {
  test('has files in every room', () => {
    for (const room of Object.keys(MAY_IMPORT)) {
      expect(files.filter((file) => file.startsWith(`${room}/`)).length).toBeGreaterThan(0);
    }
    expect(imports.length).toBeGreaterThan(50);
  });

  test.each(Object.entries(MAY_IMPORT))('%s imports only what it may', (room, allowed) => {
    const wrong = imports
      .filter((found) => found.room === room && found.specifier.startsWith('.'))
      .map(({ file, specifier }) => ({ file, to: relative(SRC, join(SRC, dirname(file), specifier)) }))
      .filter(({ to }) => ![room, ...allowed].some((part) => to === part || to.startsWith(`${part}/`)));
    expect(wrong).toEqual([]);
  });

  test.each(PURE)('%s is pure: no packages and no node:', (room) => {
    expect(imports.filter((found) => found.room === room && !found.specifier.startsWith('.'))).toEqual([]);
  });

  test('lib uses node: only and has at most eight files', () => {
    const lib = files.filter((file) => file.startsWith('lib/'));
    expect(lib.length).toBeLessThanOrEqual(8);
    const packages = imports.filter((found) => found.room === 'lib' && !/^(\.|node:)/.test(found.specifier));
    expect(packages).toEqual([]);
  });

  test('has no index files and no default exports', () => {
    expect(files.filter((file) => file.endsWith('index.ts'))).toEqual([]);
    const texts = files.map((file) => [file, readFileSync(join(SRC, file), 'utf8')] as const);
    expect(texts.filter(([, text]) => /^export default /m.test(text)).map(([file]) => file)).toEqual([]);
  });
});
