import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { notifiers } from '../../src/notifiers/registry.ts';
import { probers } from '../../src/probes/registry.ts';
import { loadSettings } from '../../src/settings/load-settings.ts';
import { formatProblem } from '../../src/settings/settings.ts';

const FOLDER = join(import.meta.dirname, '../../config/examples/bad');
const examples = globSync('*.yaml', { cwd: FOLDER }).toSorted();

describe('config/examples/bad', () => {
  test('has an example of every rule', () => {
    expect(examples.length).toBeGreaterThanOrEqual(50);
  });

  test.each(examples)('%s is refused with exactly the problems that it announces', async (name) => {
    const file = join(FOLDER, name);
    const expected = Array.from(
      readFileSync(file, 'utf8').matchAll(/^# expect: (.*)$/gm),
      ([, text]) => text,
    );
    expect(expected.length).toBeGreaterThan(0);

    const loaded = await loadSettings(file, probers, {}, notifiers);

    const problems = loaded.ok ? [] : loaded.error;
    expect(
      problems.map((problem) =>
        formatProblem({ ...problem, file: basename(problem.file) }).replaceAll(`${FOLDER}/`, ''),
      ),
    ).toEqual(expected);
  });
});
