import { writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Command } from 'commander';
import { describe, expect, test } from '@jest/globals';
import type { CliContext, ExitCode } from '../../src/cli/context.ts';
import { addValidate } from '../../src/cli/validate.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { notifiers } from '../../src/notifiers/registry.ts';
import { ConfigFolder } from '../settings/config-folder.ts';
import { fakeNotifiers } from '../settings/fake-notifiers.ts';
import { fakeProbers } from '../settings/fake-probers.ts';

interface Ran {
  readonly exitCode: ExitCode | undefined;
  readonly printed: readonly string[];
  readonly complained: readonly string[];
}

async function validate(file: string, env: CliContext['env'] = {}, known = fakeNotifiers): Promise<Ran> {
  const printed: string[] = [];
  const complained: string[] = [];
  let exitCode: ExitCode | undefined;
  const program = new Command().exitOverride();
  const cli: CliContext = {
    print: (line) => printed.push(line),
    complain: (line) => complained.push(line),
    stop: new AbortController().signal,
    onHangup: () => ({ [Symbol.dispose]: () => undefined }),
    env,
    clock: systemClock,
    terminalWidth: undefined,
    finish: async (run) => {
      exitCode = await run();
    },
  };
  addValidate(program, cli, fakeProbers, known);
  await program.parseAsync(['validate', '--config', file], { from: 'user' });
  return { exitCode, printed, complained };
}

describe('kassavakt validate', () => {
  test('counts what a good configuration has and exits with 0', async () => {
    using folder = new ConfigFolder({
      'kassavakt.yaml': `
estate: { stores: stores.csv }
modules:
  terminal: { prober: tcp }
targets:
  - { id: a, module: terminal, address: "\${HOST}:1" }
  - { id: b, module: terminal, address: "h:2" }
`,
      'stores.csv': 'store_id,name\nS1,a\nS2,b\nS3,c\n',
    });
    expect(await validate(folder.file, { HOST: 'h' })).toEqual({
      exitCode: 0,
      printed: ['OK: 3 stores, 2 targets, 1 module'],
      complained: [],
    });
  });

  test('counts channels that can be opened, and tells what keeps one from it as a start would', async () => {
    using folder = new ConfigFolder({
      'kassavakt.yaml': `
notifications:
  channels:
    - { name: duty, type: webhook, webhook: { url_file: duty-url } }
    - { name: desk, type: webhook, webhook: { url: "http://127.0.0.1:1/" } }
`,
    });
    const missing = await validate(folder.file, {}, notifiers);
    expect(missing).toMatchObject({ exitCode: 2, printed: [] });
    expect(missing.complained).toEqual([
      expect.stringMatching(/kassavakt\.yaml: channel duty: url_file .*duty-url does not exist/),
    ]);
    await writeFile(join(folder.file, '../duty-url'), 'http://127.0.0.1:1/secret\n');
    expect(await validate(folder.file, {}, notifiers)).toEqual({
      exitCode: 0,
      printed: ['OK: 0 stores, 0 targets, 0 modules, 2 channels'],
      complained: [],
    });
  });

  test('tells every problem of every file by the path that was given, counts them and exits with 2', async () => {
    using folder = new ConfigFolder({
      'kassavakt.yaml': 'lisen: x\nestate: { stores: stores.csv }\n',
      'stores.csv': 'store_id,name,latitude\nS1,a,north\n',
    });
    const given = relative(process.cwd(), folder.file);
    expect(await validate(given)).toEqual({
      exitCode: 2,
      printed: [],
      complained: [
        `${given}:1:1: unknown option "lisen", did you mean "listen"?`,
        `${join(given, '../stores.csv')}:2:6: "north" is not a latitude; write degrees from -90 to 90, as in 59.3793`,
        `2 problems in ${given}`,
      ],
    });
  });

  test('tells that there is no such file', async () => {
    expect(await validate('no/such/file.yaml')).toEqual({
      exitCode: 2,
      printed: [],
      complained: [
        'no/such/file.yaml:1:1: cannot read this file: there is no such file',
        '1 problem in no/such/file.yaml',
      ],
    });
  });
});
