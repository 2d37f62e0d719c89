import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { addCheck } from '../../src/cli/check.ts';
import type { ProbeReport } from '../../src/core/outcome.ts';
import type { Prober } from '../../src/probes/probe.ts';
import { probers } from '../../src/probes/registry.ts';
import { loadSettings } from '../../src/settings/load-settings.ts';
import { startTcpPeer } from '../probes/hostile-peer.ts';
import { type Ran, runCli } from './cli-double.ts';

let folder: string;
let config: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kassavakt-check-'));
  config = join(folder, 'kassavakt.yaml');
});
afterAll(() => rmSync(folder, { recursive: true }));

function check(args: readonly string[], stop?: AbortSignal): Promise<Ran> {
  const options = stop === undefined ? {} : { stop };
  return runCli((program, cli) => addCheck(program, cli, probers, loadSettings), ['check', ...args], options);
}

function writeConfig(address: string): void {
  writeFileSync(
    config,
    `modules:
  port: { prober: tcp, timeout: 1s }
  slow: { prober: tcp, timeout: 1s, slow_after: 1ms }
  talk: { prober: tcp, timeout: 1s, tcp: { query_response: [{ expect: "^ready" }] } }
  ping: { prober: icmp, timeout: 1s, icmp: { program: /nonexistent/fping } }
  name: { prober: dns, timeout: 1s, dns: { query_name: a.test } }
targets:
  - { id: gateway, module: port, address: "${address}" }
  - { id: till, module: talk, address: "${address}" }
`,
  );
}

describe('kassavakt check', () => {
  test('probes an address by its shape, and exits with 0 when it answers', async () => {
    await using peer = await startTcpPeer('hang');
    const { code, printed, complained } = await check([peer.address]);
    expect({ code, complained }).toEqual({ code: 0, complained: [] });
    const text = printed.join('\n');
    expect(text).toContain(`${peer.address} (module tcp, prober tcp, time-out 10 s)`);
    expect(text).toMatch(/^ {2}connect +\d+(\.\d\d)? ms$/m);
    expect(text).toMatch(/^ {2}total +\d+(\.\d\d)? ms$/m);
    expect(text).toMatch(/^ANSWERED: /m);
  });

  test('takes a URL for http, and exits with 1 when it fails', async () => {
    await using peer = await startTcpPeer('close');
    const { code, printed } = await check([`http://${peer.address}/`]);
    expect(code).toBe(1);
    expect(printed.join('\n')).toMatch(
      /^FAILED because it connects but does not speak as expected \(protocol\): /m,
    );
  });

  test('probes a target of a configuration by its id, with its module', async () => {
    await using peer = await startTcpPeer('close');
    writeConfig(peer.address);
    const { code, printed } = await check(['till', '--config', config]);
    expect(code).toBe(1);
    expect(printed.join('\n')).toContain(`till at ${peer.address} (module talk, prober tcp, time-out 1 s)`);
  });

  test('probes a target with another module, and an address with a module', async () => {
    await using peer = await startTcpPeer('hang');
    writeConfig(peer.address);
    expect((await check(['till', '--module', 'port', '--config', config])).code).toBe(0);
    expect((await check([peer.address, '--module', 'port', '--config', config])).code).toBe(0);
    expect((await check([peer.address, '--config', config])).code).toBe(0);
  });

  test('prints one JSON document', async () => {
    await using peer = await startTcpPeer('refuse');
    writeConfig(peer.address);
    const { code, printed } = await check(['gateway', '--config', config, '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(printed.join('\n'))).toMatchObject({
      target: 'gateway',
      address: peer.address,
      module: 'port',
      prober: 'tcp',
      verdict: {
        kind: 'failed',
        sentence: expect.stringMatching(/^FAILED because it refuses connections \(connect-refused\)/),
      },
      outcome: { kind: 'failed', reason: 'connect-refused' },
      phases: [{ name: 'connect' }],
    });
  });

  test('keeps to the time-out of the module', async () => {
    await using peer = await startTcpPeer('hang');
    writeConfig(peer.address);
    const { code, printed } = await check(['till', '--config', config]);
    expect(code).toBe(1);
    expect(printed.join('\n')).toContain('FAILED because');
  });

  test('exits with 3 when the probe cannot be made here', async () => {
    writeConfig('127.0.0.1:1');
    const { code, complained } = await check(['127.0.0.1', '--module', 'ping', '--config', config]);
    expect(code).toBe(3);
    expect(complained.join('\n')).toContain('module ping: there is no program "/nonexistent/fping"');
  });

  test.each([
    {
      name: 'a slow answer is degraded, and still yes',
      outcome: { kind: 'answered', durationMs: 50, message: 'it answers' },
      code: 0,
      says: 'DEGRADED because it answers too slowly (slow): it answers',
    },
    {
      name: 'a fault of our own is no verdict',
      outcome: { kind: 'inconclusive', reason: 'self-network', message: 'no route' },
      code: 3,
      says: 'NO VERDICT because the monitor itself has no network (self-network): no route',
    },
  ] as const)('$name', async ({ outcome, code, says }) => {
    const tcp = probers.get('tcp');
    if (tcp === undefined) throw new Error('tcp is not registered');
    const report: ProbeReport = { outcome, phases: [], samples: [], trail: [] };
    const still: Prober = {
      ...tcp,
      open: async () => ({ run: async () => report, [Symbol.asyncDispose]: async () => undefined }),
    };
    writeConfig('127.0.0.1:1');
    const ran = await runCli(
      (program, cli) => addCheck(program, cli, new Map([...probers, ['tcp', still]]), loadSettings),
      ['check', 'gateway', '--module', 'slow', '--config', config],
    );
    expect(ran.code).toBe(code);
    expect(ran.printed.join('\n')).toContain(says);
  });

  test('ends when it is stopped', async () => {
    await using peer = await startTcpPeer('hang');
    writeConfig(peer.address);
    const stop = new AbortController();
    const running = check(['till', '--config', config], stop.signal);
    const ended = expect(running).rejects.toThrow('stopped by SIGINT');
    await peer.reached;
    stop.abort(new Error('stopped by SIGINT'));
    await ended;
  });

  test.each([
    { name: 'a word that is no address', args: ['kassa'], says: 'neither a URL nor host:port' },
    { name: 'an unknown prober', args: ['a:1', '--module', 'tcpp'], says: 'did you mean tcp?' },
    {
      name: 'an address of another kind',
      args: ['a', '--module', 'tcp'],
      says: 'is not an address for the prober tcp',
    },
    { name: 'a prober that needs options', args: ['a', '--module', 'dns'], says: 'it needs query_name' },
    {
      name: 'an unknown target',
      args: ['gatway', '--config'],
      says: 'no target "gatway"; did you mean gateway?',
    },
    {
      name: 'an unknown module',
      args: ['gateway', '--module', 'por', '--config'],
      says: 'did you mean port?',
    },
    {
      name: 'an address that the module cannot read',
      args: ['a b', '--module', 'name', '--config'],
      says: 'is not an address for module name',
    },
  ])('exits with 2 and says what is wrong with $name', async ({ args, says }) => {
    writeConfig('127.0.0.1:1');
    const { code, complained, printed } = await check(args.at(-1) === '--config' ? [...args, config] : args);
    expect({ code, printed }).toEqual({ code: 2, printed: [] });
    expect(complained.join('\n')).toContain(says);
  });

  test('exits with 2 and names every problem of a bad configuration', async () => {
    writeFileSync(config, 'modules:\n  a: { prober: tcpp }\n  b: { prober: tcp, timeot: 1s }\n');
    const { code, complained } = await check(['x', '--config', config]);
    expect(code).toBe(2);
    expect(complained).toHaveLength(2);
    expect(complained.join('\n')).toMatch(/kassavakt\.yaml:2:\d+: .*tcpp/);
  });
});
