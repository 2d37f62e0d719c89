import { describe, expect, test } from '@jest/globals';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { systemClock } from '../src/lib/clock.ts';
import { chooseDataDir, loadMonitorSettings } from '../src/monitor-settings.ts';
import { probers } from '../src/probes/registry.ts';
import { loadSettings } from '../src/settings/load-settings.ts';
import { makeFolder } from './tools/monitor-process.ts';

const sources = {
  notifiers: new Map(),
  probers,
  loadSettings,
  clock: systemClock,
  env: {},
};

/** Reads both files, and what is logged meanwhile. */
async function load(own: string | undefined, blackbox: string | undefined) {
  await using folder = await makeFolder();
  const place = async (name: string, text: string | undefined): Promise<string | undefined> => {
    if (text === undefined) return undefined;
    await writeFile(join(folder.path, name), text);
    return join(folder.path, name);
  };
  const [config, blackboxConfig] = [await place('own.yaml', own), await place('blackbox.yml', blackbox)];
  const logged: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => logged.push(line) });
  const options = {
    ...(config === undefined ? {} : { config }),
    ...(blackboxConfig === undefined ? {} : { blackboxConfig }),
  };
  const loaded = await loadMonitorSettings(sources, options, undefined, log);
  const problems = loaded.ok
    ? []
    : loaded.error.map(({ file, message }) => `${file.split('/').at(-1)}: ${message}`);
  return { settings: loaded.ok ? loaded.value : undefined, problems, logged };
}

describe('settings from a configuration of blackbox_exporter', () => {
  test('alone, they have its modules, no target, and all else as by default', async () => {
    const { settings } = await load(undefined, 'modules: { ports: { prober: tcp } }');
    expect(settings).toMatchObject({ listen: { host: '127.0.0.1', port: 9840 }, tokens: [] });
    expect(Array.from(settings?.modules.keys() ?? [])).toEqual(['ports']);
    expect(settings?.estate.targets.size).toBe(0);
  });

  test('beside one of our own, they have the modules of both', async () => {
    const { settings } = await load(
      'modules: { own: { prober: tcp } }',
      'modules: { ports: { prober: tcp } }',
    );
    expect(Array.from(settings?.modules.keys() ?? [])).toEqual(['own', 'ports']);
    expect(Array.from(settings?.blackbox?.modules.keys() ?? [])).toEqual(['ports']);
  });

  test('refuse a name that both have', async () => {
    const { problems } = await load(
      'modules: { ports: { prober: tcp } }',
      'modules: { ports: { prober: tcp } }',
    );
    expect(problems).toEqual([
      expect.stringMatching(/^blackbox\.yml: the module "ports" is in .*own\.yaml, too; rename/),
    ]);
  });

  test('tell what is wrong with both at once', async () => {
    const { problems } = await load('modulles: {}', 'modulles: {}');
    expect(problems).toEqual([
      expect.stringMatching(/^own\.yaml: unknown option "modulles"/),
      expect.stringMatching(/^blackbox\.yml: "modulles" does not belong/),
    ]);
  });

  test('log each module that cannot be used', async () => {
    const { logged } = await load(undefined, 'modules: { a: { prober: grpc }, b: { prober: tcp } }');
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain('module \\"a\\": the prober \\"grpc\\" is not supported here');
  });
});

describe('the folder of the journal', () => {
  test('is the configuration’s unless ordered otherwise', async () => {
    await using configured = await chooseDataDir({ config: 'a.yaml' });
    await using ordered = await chooseDataDir({ blackboxConfig: 'b.yml', data: '/somewhere' });
    expect([configured.path, ordered.path]).toEqual([undefined, '/somewhere']);
  });

  test('is gone with a monitor that only answers probes', async () => {
    let path = '';
    {
      await using chosen = await chooseDataDir({ blackboxConfig: 'b.yml' });
      path = chosen.path ?? '';
      expect((await stat(path)).isDirectory()).toBe(true);
    }
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });
});
