import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  getJson,
  CommandProcess,
  makeFolder,
  startServe,
  TcpTarget,
  until,
  writeTcpConfig,
} from '../tools/monitor-process.ts';

let folder: Awaited<ReturnType<typeof makeFolder>>;
let target: TcpTarget;
let serve: Awaited<ReturnType<typeof startServe>>;
let config: string;

/** What arguments may name: the place of the configuration, the data, the monitor, the target. */
const fill = (argument: string): string =>
  argument
    .replace('CONFIG', config)
    .replace('FOLDER', folder.path)
    .replace('MONITOR', serve.url)
    .replace('TARGET', `127.0.0.1:${target.port}`);

async function run(args: readonly string[]) {
  await using command = new CommandProcess(args.map(fill));
  return { code: await command.exited, said: command.lines, complaints: command.complaints };
}

beforeAll(async () => {
  folder = await makeFolder();
  target = await TcpTarget.start();
  const module = '{ prober: tcp, interval: 5s, timeout: 500ms }';
  config = await writeTcpConfig(folder.path, [target.port], module);
  await writeFile(join(folder.path, 'bad.yaml'), 'modules:\n  shop: { prober: http, interva1: 30s }\n');
  await writeFile(
    join(folder.path, 'blackbox.yml'),
    'modules:\n  tcp_connect: { prober: tcp }\n  grpc: { prober: grpc }\n',
  );
  serve = await startServe(config, join(folder.path, 'data'));
  await until(async () => {
    const { targets } = await getJson<{ targets: { state: string }[] }>(`${serve.url}/api/v1/targets`);
    return targets[0]?.state === 'up' ? true : undefined;
  });
});
afterAll(async () => {
  await serve[Symbol.asyncDispose]();
  await target[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

describe('contract: commands and exit codes (0 yes, 1 no, 2 usage or configuration, 3 could not run)', () => {
  test.each([
    { args: ['check', 'TARGET'], code: 0, says: /^ANSWERED/m },
    { args: ['check', 'TARGET', '--module', 'tcp', '--json'], code: 0, says: /"kind": "answered"/ },
    { args: ['check', 'T0', '--config', 'CONFIG'], code: 0, says: /^T0 at 127/m },
    { args: ['check', '127.0.0.1:1'], code: 1, says: /connect-refused/ },
    {
      args: ['check', 'TARGET', '--module', 'tpc'],
      code: 2,
      says: /"tpc".*icmp, tcp, tls, http, dns, nexo, swish/,
    },
    { args: ['validate', '--config', 'CONFIG'], code: 0, says: /^OK: 1 store, 1 target, 1 module/ },
    {
      args: ['validate', '--config', 'FOLDER/bad.yaml'],
      code: 2,
      says: /bad\.yaml:2:25: unknown option "interva1", did you mean "interval"\?/,
    },
    { args: ['serve', '--config', 'FOLDER/bad.yaml'], code: 2, says: /bad\.yaml:2:25/ },
    { args: ['serve'], code: 2, says: /--config FILE, --blackbox-config FILE, or both/ },
    { args: ['validate'], code: 2, says: /--config FILE, --blackbox-config FILE, or both/ },
    {
      args: ['validate', '--blackbox-config', 'FOLDER/blackbox.yml'],
      code: 0,
      says: /^OK: 1 module of blackbox_exporter, and 1 that cannot be used\n.*blackbox\.yml:3:19: module "grpc": .*\(warning\)$/,
    },
    {
      args: ['validate', '--config', 'CONFIG', '--blackbox-config', 'FOLDER/terminals.csv'],
      code: 2,
      says: /^OK: 1 store[\s\S]*terminals\.csv:1:1: /,
    },
    {
      args: ['validate', '--blackbox-config', 'FOLDER/bad.yaml'],
      code: 1,
      says: /bad\.yaml:2:25: module "shop": unknown option "interva1"[\s\S]*no module that can be used/,
    },
    { args: ['serve', '--blackbox-config', 'FOLDER/terminals.csv'], code: 2, says: /terminals\.csv:1:1: / },
    {
      args: ['serve', '--blackbox-config', 'FOLDER/blackbox.yml', '--listen', '0.0.0.0:0'],
      code: 2,
      says: /other machines, and no token/,
    },
    {
      args: ['import', 'csv', 'FOLDER/terminals.csv', '--out', 'FOLDER/imported'],
      code: 0,
      says: /1 of 1 rows are targets[\s\S]*kassavakt serve --config/,
    },
    { args: ['import', 'csv', 'FOLDER/terminals.csv', '--out', 'FOLDER'], code: 2, says: /is there already/ },
    { args: ['import', 'uptime-kuma', 'CONFIG'], code: 2, says: /this is not valid JSON here/ },
    {
      args: ['import', 'nagios', 'CONFIG'],
      code: 2,
      says: /uptime-kuma, gatus, blackbox, csv/,
    },
    {
      args: ['serve', '--config', 'CONFIG', '--data', 'FOLDER/data', '--listen', '127.0.0.1:0'],
      code: 3,
      says: /another monitor/,
    },
    { args: ['watch', '--url', 'MONITOR', '--since', 'soon'], code: 2, says: /number/ },
    {
      args: ['simulate', '--stores', '0', '--terminals', '1', '--out', 'FOLDER/out'],
      code: 2,
      says: /stores/,
    },
    {
      args: ['simulate', '--stores', '1', '--terminals', '1', '--out', 'CONFIG'],
      code: 3,
      says: /is a file/,
    },
    { args: ['demo', '--scenario', 'earthquake'], code: 2, says: /friday/ },
    {
      args: ['demo', '--stores', '1', '--terminals', '1', '--listen', '0.0.0.0:0'],
      code: 2,
      says: /other machines/,
    },
    { args: ['demo', '--stores', '1', '--terminals', '1', '--listen', 'TARGET'], code: 3, says: /is taken/ },
    { args: ['status', '--url', 'MONITOR'], code: 0, says: /^Nothing is down/ },
    { args: ['status', '--url', 'http://127.0.0.1:1'], code: 3, says: /ECONNREFUSED/ },
    { args: ['why', 'T0', '--url', 'MONITOR'], code: 0, says: /^T0 is up, not announced/ },
    { args: ['why', 'T9', '--url', 'MONITOR'], code: 2, says: /There is no target "T9"/ },
    { args: ['notify', 'list', '--url', 'MONITOR'], code: 0, says: /^There are no channels/ },
    { args: ['notify', 'list', '--data', 'FOLDER/none'], code: 3, says: /does not exist/ },
    { args: ['notify', 'list', '--state', 'lost'], code: 2, says: /pending, delivered, dead/ },
    {
      args: ['notify', 'test', 'duty', '--config', 'CONFIG'],
      code: 2,
      says: /has no channel "duty"; it has none/,
    },
    { args: ['silence', '--list', '--url', 'MONITOR'], code: 0, says: /^There are no silences/ },
    {
      args: ['silence', 'store=s1', '--for', '1h', '--url', 'MONITOR'],
      code: 2,
      says: /--comment is missing/,
    },
    { args: ['maintenance', '--url', 'MONITOR'], code: 2, says: /give one of these/ },
    { args: ['ack', 'i1', '--comment', 'x', '--url', 'MONITOR'], code: 3, says: /role operator/ },
    { args: ['report', 's1', 'card', 'perhaps', '--url', 'MONITOR'], code: 2, says: /works, fails/ },
    { args: ['journal', 'verify', '--data', 'FOLDER/data'], code: 0, says: /is intact/ },
    { args: ['journal', 'verify', '--data', 'FOLDER/none'], code: 3, says: /does not exist/ },
    { args: ['replay', '--journal', 'FOLDER/none.db'], code: 3, says: /does not exist/ },
    { args: ['replay', '--journal', 'CONFIG'], code: 3, says: /not a database/ },
    {
      args: ['replay', '--journal', 'CONFIG', '--until', '2026-12-24 15:00'],
      code: 2,
      says: /write it as 2026-12-24T15:00:00Z/,
    },
    { args: ['surve'], code: 2, says: /serve/ },
    {
      args: ['--help'],
      code: 0,
      says: /serve.*\n[\s\S]*demo[\s\S]*simulate[\s\S]*check[\s\S]*validate[\s\S]*watch/,
    },
  ])('kassavakt $args exits with $code', async ({ args, code, says }) => {
    const ended = await run(args);
    const text = [...ended.said, ...ended.complaints].join('\n');
    expect(text).toMatch(says);
    expect(ended.code).toBe(code);
    expect(text).not.toMatch(/Warning|\n {4}at /);
  });

  test('kassavakt watch --since 0 --json follows from the first event, and ends with 0 when it is stopped', async () => {
    await using watch = new CommandProcess(['watch', '--url', serve.url, '--since', '0', '--json']);
    const event = await watch.line((line) => JSON.parse(line) as Record<string, unknown>);
    expect(event).toMatchObject({
      seq: 1,
      kind: 'config-reloaded',
      message: expect.stringContaining('started'),
    });
    expect(await watch.end('SIGINT')).toBe(0);
    expect(watch.complaints).toEqual([]);
  });

  const onLinux = process.platform === 'linux' ? test : test.skip;
  onLinux('kassavakt serve outlives a SIGHUP from its first moments on', async () => {
    const data = join(folder.path, 'other');
    const args = ['serve', '--config', config, '--data', data, '--listen', '127.0.0.1:0'];
    await using starting = new CommandProcess(args);
    await until(async () => ((await catchesHangUp(starting.child.pid ?? 0)) ? true : undefined));
    starting.child.kill('SIGHUP');
    await starting.line((line) => (line.includes('"monitor.started"') ? line : undefined));
    expect(await starting.end('SIGTERM')).toBe(0);
    expect(starting.lines.filter((line) => line.includes('"level":50'))).toEqual([]);
  });
});

/** As Linux tells it: SIGHUP is the lowest bit of the signals caught. */
async function catchesHangUp(pid: number): Promise<boolean> {
  const [, caught] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return (BigInt(`0x${caught ?? '0'}`) & 1n) === 1n;
}
