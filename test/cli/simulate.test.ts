import { describe, expect, test } from '@jest/globals';
import { type AddressInfo, createServer } from 'node:net';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import type { CliContext, ExitCode } from '../../src/cli/context.ts';
import { addSimulate } from '../../src/cli/simulate.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { dial } from '../simulator/clients.ts';
import { makeFolder } from '../tools/monitor-process.ts';

/** A command under way: its lines so far, and its end. */
function run(args: readonly string[], stop = new AbortController()) {
  const printed: string[] = [];
  const complained: string[] = [];
  const ready = Promise.withResolvers<string>();
  let exitCode: ExitCode | undefined;
  const program = new Command('kassavakt').exitOverride().configureOutput({
    writeErr: (text) => complained.push(text),
  });
  const cli: CliContext = {
    print: (line) => {
      printed.push(line);
      const url = /^Control: +(http\S+)/.exec(line)?.[1];
      if (url !== undefined) ready.resolve(url);
    },
    complain: (line) => complained.push(line),
    stop: stop.signal,
    onHangup: () => ({ [Symbol.dispose]: () => undefined }),
    env: {},
    clock: systemClock,
    terminalWidth: undefined,
    finish: async (work) => {
      exitCode = await work();
    },
  };
  addSimulate(program, cli);
  const ended = program.parseAsync(['simulate', ...args], { from: 'user' }).then(() => exitCode);
  // Whoever waits for either is told; neither goes unheard when nobody does.
  ended.catch(ready.reject);
  ready.promise.catch(() => undefined);
  return { printed, complained, ready: ready.promise, ended, stop };
}

describe('kassavakt simulate', () => {
  test('writes a configuration, takes orders, and ends cleanly when stopped', async () => {
    await using folder = await makeFolder();
    const out = join(folder.path, 'my estate');
    const { printed, ready, ended, stop } = run([
      '--stores',
      '3',
      '--terminals',
      '9',
      '--out',
      out,
      '--interval',
      '2s',
      '--seed',
      '7',
    ]);
    const url = await ready;
    expect(printed[0]).toBe('Simulating 3 stores and 9 terminals, to be probed every 2 s.');
    expect(printed[1]).toContain(`kassavakt serve --config '${join(out, 'kassavakt.yaml')}'`);
    expect((await readdir(out)).sort()).toEqual(['kassavakt.yaml', 'secrets', 'stores.csv', 'terminals.csv']);
    expect(await readFile(join(out, 'kassavakt.yaml'), 'utf8')).toContain('interval: 2s');
    const rows = (await readFile(join(out, 'terminals.csv'), 'utf8')).trim().split('\n');
    expect(rows).toHaveLength(10);
    const port = Number(/:(\d+),/.exec(rows[1] ?? '')?.[1]);
    expect(await dial(port)).toBe('connected');
    const targets = (await (await fetch(`${url}/targets`)).json()) as { targets: readonly unknown[] };
    expect(targets.targets).toHaveLength(9 + 3 + 3 + 1);
    const where = { kind: 'terminal' };
    const order = { method: 'POST', headers: { 'content-type': 'application/json' } };
    await fetch(`${url}/faults`, { ...order, body: JSON.stringify({ where, fault: 'blackhole' }) });
    expect(await dial(port)).toBe('pending');
    stop.abort();
    expect(await ended).toBe(0);
    expect(await dial(port)).toBe('ECONNREFUSED');
    await expect(fetch(`${url}/targets`)).rejects.toThrow();
  });

  test('the same seed gives the same estate again, and only its own files are written over', async () => {
    await using folder = await makeFolder();
    const list = join(folder.path, 'stores.csv');
    await writeFile(join(folder.path, 'notes.txt'), 'mine');
    await writeFile(list, 'old');
    const texts: string[] = [];
    for (const seed of ['3', '3', '4']) {
      const { ready, ended, stop } = run([
        '--stores',
        '5',
        '--terminals',
        '5',
        '--out',
        folder.path,
        '--seed',
        seed,
      ]);
      await ready;
      texts.push(await readFile(list, 'utf8'));
      stop.abort();
      await ended;
    }
    expect(texts[0]).toBe(texts[1]);
    expect(texts[2]).not.toBe(texts[0]);
    expect(await readFile(join(folder.path, 'notes.txt'), 'utf8')).toBe('mine');
  });

  test('ends at once when it was stopped before', async () => {
    await using folder = await makeFolder();
    const stop = new AbortController();
    stop.abort();
    expect(await run(['--stores', '1', '--terminals', '1', '--out', folder.path], stop).ended).toBe(0);
  });

  test.each([
    { name: 'no stores', args: ['--stores', '0'], says: /--stores.*'0'.*whole number from 1/ },
    { name: 'half a store', args: ['--stores', '1.5'], says: /--stores.*'1.5'/ },
    { name: 'no terminals', args: ['--terminals', '0'], says: /--terminals/ },
    { name: 'a number that is none', args: ['--terminals', 'many'], says: /--terminals.*'many'/ },
    { name: 'a negative number', args: ['--terminals=-4'], says: /--terminals.*'-4'/ },
    {
      name: 'an interval without a unit',
      args: ['--interval', '5'],
      says: /--interval.*write a number with a unit/,
    },
    { name: 'an interval too short', args: ['--interval', '10ms'], says: /from 1s to 24h/ },
    { name: 'a seed that is none', args: ['--seed', 'x'], says: /--seed/ },
    { name: 'a control address without a port', args: ['--control', 'localhost'], says: /write host:port/ },
    {
      name: 'a control address open to others',
      args: ['--control', '0.0.0.0:80'],
      says: /write 127\.0\.0\.1:80/,
    },
    { name: 'an unknown option', args: ['--store', '3'], says: /unknown option '--store'.*--stores/s },
  ])('refuses $name', async ({ args, says }) => {
    await using folder = await makeFolder();
    const given = ['--stores', '1', '--terminals', '1', '--out', folder.path, ...args];
    const { ended, complained } = run(given);
    const error = await ended.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(CommanderError);
    expect(complained.join('')).toMatch(says);
    expect(await readdir(folder.path)).toEqual([]);
  });

  test('says so when it cannot write there', async () => {
    await using folder = await makeFolder();
    const file = join(folder.path, 'file');
    await writeFile(file, '');
    const { ended, complained } = run(['--stores', '1', '--terminals', '1', '--out', join(file, 'deeper')]);
    expect(await ended).toBe(3);
    expect(complained).toEqual([
      `The configuration cannot be written to "${join(file, 'deeper')}": it, or a part of it, is a file; choose another folder with --out.`,
    ]);
    await mkdir(join(folder.path, 'estate', 'kassavakt.yaml'), { recursive: true });
    const second = run(['--stores', '1', '--terminals', '1', '--out', join(folder.path, 'estate')]);
    expect(await second.ended).toBe(3);
  });

  test('says so when the control port is taken', async () => {
    await using folder = await makeFolder();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const { ended, complained } = run([
      '--stores',
      '1',
      '--terminals',
      '1',
      '--out',
      folder.path,
      '--control',
      `127.0.0.1:${port}`,
    ]);
    expect(await ended).toBe(3);
    expect(complained[0]).toMatch(/another program has that port/);
    await new Promise((resolve) => other.close(resolve));
  });
});
