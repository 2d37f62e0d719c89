import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { REASONS } from '../../src/core/reason.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { Pinger, safeIntervalMs } from '../../src/probes/fping.ts';
import { icmpProber } from '../../src/probes/icmp.ts';
import { type Probe, ProberUnavailable } from '../../src/probes/probe.ts';
import { canRun } from '../tools/programs.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kassavakt-icmp-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/**
 * A stand-in for fping: answers the start-up trial, then does `body` with the addresses, one to a line, in the
 * file "$hosts". Each run leaves its arguments and hosts in `runs`.
 */
function fakeFping(name: string, body: string): { readonly program: string; readonly runs: string } {
  const program = join(folder, name);
  const runs = join(folder, `${name}-runs`);
  const script = `#!/bin/sh
hosts=$(mktemp -p '${folder}')
cat > "$hosts"
case "$*" in *"-t 200") sed 's/$/ is alive (0.1 ms)/' "$hosts"; exit 0;; esac
mkdir -p '${runs}'
{ echo "$*"; cat "$hosts"; } > '${runs}'/$$
${body}
`;
  writeFileSync(program, script);
  chmodSync(program, 0o755);
  return { program, runs };
}

function runsIn(runs: string): readonly (readonly string[])[] {
  if (!existsSync(runs)) return [];
  return readdirSync(runs).map((file) => readFileSync(join(runs, file), 'utf8').trim().split('\n'));
}

function open(options: object, timeoutMs = 5_000): Promise<Probe> {
  const context = { module: 'ping', timeoutMs, clock: systemClock, baseDir: folder };
  return icmpProber.open(icmpProber.options.parse(options), context);
}

function ping(probe: Probe, address: string, signal = AbortSignal.timeout(5_000)) {
  return probe.run({ targetId: address, address }, signal);
}

const silent = (name: string) => fakeFping(name, `exec sleep 60`);

describe('an address', () => {
  test.each([
    '192.0.2.14',
    '2001:db8::1',
    'till-1.example.test',
    'kassa_7.example.test.',
    'räksmörgås.example',
  ])('accepts %s', (address) => expect(icmpProber.parseAddress(address)).toEqual({ ok: true, value: true }));
  test.each(['', '-c5', '192.0.2.14:80', 'http://a.test/', 'a b', '[::1]', 'a\n-c5', '.a'])(
    'refuses %j',
    (address) =>
      expect(icmpProber.parseAddress(address)).toMatchObject({
        ok: false,
        error: expect.stringContaining('without a port'),
      }),
  );
});

describe('at start', () => {
  test('names a program that is not there', async () => {
    const opening = open({ program: '/nonexistent/fping' });
    await expect(opening).rejects.toThrow(ProberUnavailable);
    await expect(opening).rejects.toThrow(
      'module ping: there is no program "/nonexistent/fping" (icmp.program)',
    );
  });

  test('says how to install fping on a machine without it', () => {
    const source = `
      import { systemClock } from '${import.meta.dirname}/../../src/lib/clock.ts';
      import { icmpProber } from '${import.meta.dirname}/../../src/probes/icmp.ts';
      const context = { module: 'ping', timeoutMs: 1000, clock: systemClock, baseDir: '.' };
      await icmpProber.open(icmpProber.options.parse({}), context).catch((error) => console.log(String(error)));
    `;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
      env: { PATH: folder },
      encoding: 'utf8',
    });
    expect(stdout).toContain('ProberUnavailable: module ping: the program fping is not installed');
    expect(stdout).toContain('apt-get install fping');
  });

  test('says how to allow fping to ping when it may not', async () => {
    const program = join(folder, 'forbidden');
    writeFileSync(program, `#!/bin/sh\necho "$0: can't create socket (must run as root?)" >&2\nexit 4\n`);
    chmodSync(program, 0o755);
    await expect(open({ program })).rejects.toThrow('setcap cap_net_raw+ep');
  });

  test('names a file that is no program', async () => {
    const program = join(folder, 'plain-file');
    writeFileSync(program, 'not a program');
    await expect(open({ program })).rejects.toThrow('cannot be started (EACCES)');
  });
});

describe('one batch', () => {
  test('pings many hosts with one process, each address once, and hands no name to it', async () => {
    const { program, runs } = fakeFping('batch', `sed 's/$/ is alive (1.25 ms)/' "$hosts"`);
    await using probe = await open({ program, preferred_ip_protocol: 'ip4', payload_size: 100, ttl: 9 });
    const addresses = [
      ...Array.from({ length: 100 }, (_, i) => `127.0.0.${i + 1}`),
      'localhost',
      '127.0.0.1',
    ];
    const reports = await Promise.all(addresses.map((address) => ping(probe, address)));
    expect(new Set(reports.map((report) => report.outcome.kind))).toEqual(new Set(['answered']));
    const [run, ...more] = runsIn(runs);
    expect(more).toEqual([]);
    expect(run?.[0]).toMatch(/^-b 100 -H 9 -e -r 0 -i [\d.]+ -t 5000$/);
    expect(run?.slice(1).sort()).toEqual(addresses.slice(0, 100).sort());
  });

  test('reports look-up, waiting and round trip apart, and counts only what is not ours', async () => {
    const { program } = fakeFping('phases', `sed 's/$/ is alive (1.25 ms)/' "$hosts"`);
    await using probe = await open({ program });
    const { outcome, phases, samples } = await ping(probe, '127.0.0.1');
    expect(phases.map(({ name }) => name)).toEqual(['resolve', 'setup', 'rtt']);
    expect(phases[2]?.durationMs).toBe(1.25);
    expect(outcome).toMatchObject({ kind: 'answered', message: '127.0.0.1 answers a ping in 1.25 ms' });
    expect(outcome).toHaveProperty('durationMs', (phases[0]?.durationMs ?? 0) + 1.25);
    expect(samples).toContainEqual({ name: 'probe_ip_protocol', value: 4 });
    expect(samples).toContainEqual({
      name: 'probe_icmp_duration_seconds',
      labels: { phase: 'rtt' },
      value: 0.00125,
    });
  });

  test('sends no longer than a quarter of a second in one run, and one run at a time', async () => {
    const { program, runs } = fakeFping('split', `sed 's/$/ is alive (1 ms)/' "$hosts"`);
    const settings = { program, timeoutMs: 5_000, args: [], intervalMs: 1, clock: systemClock };
    await using first = await Pinger.open(settings);
    await using second = await Pinger.open(settings);
    const startedAtMs = systemClock.monotonicMs();
    const pings = Array.from({ length: 600 }, (_, i) =>
      (i < 300 ? first : second).ping(`127.1.${i >> 8}.${i & 255}`, AbortSignal.timeout(5_000)),
    );
    const sentAtMs = (await Promise.all(pings)).map((ping) => ('sentAtMs' in ping ? ping.sentAtMs : 0));
    expect(
      runsIn(runs)
        .map((run) => run.length - 1)
        .sort((a, b) => a - b),
    ).toEqual([50, 50, 250, 250]);
    const inOrder = sentAtMs.sort((a, b) => a - b);
    expect(inOrder.filter((at, i) => i > 0 && at - (inOrder[i - 1] ?? 0) < 0.99)).toEqual([]);
    expect(inOrder[0]).toBeGreaterThan(startedAtMs);
  });

  test('gathers for a tenth of the time-out once pings keep coming', async () => {
    const { program, runs } = fakeFping('gather', `sed 's/$/ is alive (1 ms)/' "$hosts"`);
    const settings = { program, timeoutMs: 10_000, args: [], intervalMs: 1, clock: systemClock };
    await using pinger = await Pinger.open(settings);
    const signal = AbortSignal.timeout(10_000);
    await pinger.ping('127.0.0.1', signal);
    const second = pinger.ping('127.0.0.2', signal);
    // Longer than the first one waited.
    await delay(100);
    await Promise.all([second, pinger.ping('127.0.0.3', signal)]);
    expect(
      runsIn(runs)
        .map(([, ...hosts]) => hosts)
        .sort((a, b) => a.length - b.length),
    ).toEqual([['127.0.0.1'], ['127.0.0.2', '127.0.0.3']]);
  });

  test.each([
    { receiveBufferBytes: 212_992, payloadBytes: 56, intervalMs: 0.9 },
    { receiveBufferBytes: 212_992, payloadBytes: 1_400, intervalMs: 1.9 },
    { receiveBufferBytes: 16_777_216, payloadBytes: 56, intervalMs: 0.1 },
    { receiveBufferBytes: 4_096, payloadBytes: 56, intervalMs: 10 },
  ])('a buffer of $receiveBufferBytes bytes allows a ping each $intervalMs ms', (row) => {
    expect(safeIntervalMs(row.receiveBufferBytes, row.payloadBytes)).toBe(row.intervalMs);
  });
});

describe('what fping says', () => {
  const table = [
    {
      name: 'a host that the network calls unreachable',
      says: 'echo "ICMP Host Unreachable from 192.0.2.1 for ICMP Echo sent to 127.0.0.9" >&2; exec sleep 60',
      outcome: {
        kind: 'failed',
        reason: 'unreachable',
        message: expect.stringContaining('ICMP Host Unreachable'),
      },
    },
    {
      name: 'an unfinished remark before the news',
      says: 'echo " [<- 127.0.0.1]ICMP Time Exceeded from 192.0.2.1 for ICMP Echo sent to 127.0.0.9" >&2; exec sleep 60',
      outcome: { kind: 'failed', reason: 'unreachable' },
    },
    {
      name: 'a redirect before the reply',
      says: 'echo "ICMP Redirect from 192.0.2.1 for ICMP Echo sent to 127.0.0.9" >&2; echo "127.0.0.9 is alive (3 ms)"',
      outcome: { kind: 'answered' },
    },
    {
      name: 'silence',
      says: 'echo "127.0.0.9 is unreachable"',
      outcome: {
        kind: 'failed',
        reason: 'connect-timeout',
        message: '127.0.0.9 does not answer a ping within 5 s',
      },
    },
    {
      name: 'no route of our own',
      says: 'echo "127.0.0.9: error while sending ping: Network is unreachable" >&2',
      outcome: { kind: 'inconclusive', reason: 'self-network' },
    },
    {
      name: 'a neighbour that is gone',
      says: 'echo "127.0.0.9: error while sending ping: No route to host" >&2',
      outcome: { kind: 'failed', reason: 'unreachable' },
    },
    {
      name: 'no memory of our own',
      says: 'echo "127.0.0.9: error while sending ping: No buffer space available" >&2',
      outcome: { kind: 'inconclusive', reason: 'self-resources' },
    },
    {
      name: 'its own death',
      says: 'kill -9 $$',
      outcome: { kind: 'inconclusive', reason: 'self-program', message: expect.stringContaining('SIGKILL') },
    },
    {
      name: 'a complaint of its own',
      says: 'echo "fping: out of everything" >&2; exit 4',
      outcome: {
        kind: 'inconclusive',
        reason: 'self-program',
        message: expect.stringContaining('out of everything'),
      },
    },
    {
      name: 'nothing of this host',
      says: 'echo "127.0.0.8 is alive (1 ms)"; exit 1',
      outcome: { kind: 'inconclusive', reason: 'self-program' },
    },
  ] as const;

  test.each(table.map((row, index) => ({ ...row, index })))('$name', async ({ says, outcome, index }) => {
    await using probe = await open({ program: fakeFping(`says-${index}`, says).program });
    const report = await ping(probe, '127.0.0.9');
    expect(report.outcome).toMatchObject(outcome);
    if (report.outcome.kind === 'failed') expect(icmpProber.reasons).toContain(report.outcome.reason);
  });

  test('of one host says nothing of another', async () => {
    const says =
      'echo "127.0.0.2 is alive (1 ms)"; echo "127.0.0.3: error while sending ping: Permission denied" >&2';
    await using probe = await open({
      program: fakeFping('mixed', `${says}; echo "127.0.0.4 is unreachable"`).program,
    });
    const reports = await Promise.all(['127.0.0.2', '127.0.0.3', '127.0.0.4'].map((ip) => ping(probe, ip)));
    expect(reports.map(({ outcome }) => outcome.kind)).toEqual(['answered', 'inconclusive', 'failed']);
  });
});

describe('an abort', () => {
  test('by time-out fails the host that was asked, and ends fping', async () => {
    const { program, runs } = silent('hang');
    await using probe = await open({ program });
    const report = await ping(probe, '127.0.0.9', AbortSignal.timeout(400));
    expect(report.outcome).toMatchObject({ kind: 'failed', reason: 'connect-timeout' });
    const [pid = ''] = readdirSync(runs);
    await expect(waitFor(() => !existsSync(`/proc/${pid}`))).resolves.toBe(true);
  });

  test('by time-out before the ping could leave is our fault', async () => {
    await using probe = await open({ program: silent('late').program });
    const report = await ping(probe, '127.0.0.9', AbortSignal.timeout(1));
    expect(report.outcome).toMatchObject({ kind: 'inconclusive', reason: 'self-late' });
  });

  test('by time-out of a ping that left with little time to answer is our fault', async () => {
    const settings = { timeoutMs: 1_000, args: [], intervalMs: 700, clock: systemClock };
    await using pinger = await Pinger.open({ ...settings, program: silent('queue').program });
    const signal = AbortSignal.timeout(1_000);
    const pings = await Promise.all([pinger.ping('127.0.0.2', signal), pinger.ping('127.0.0.3', signal)]);
    expect(pings).toMatchObject([{ kind: 'silent' }, { kind: 'not-sent', reason: 'self-late' }]);
  });

  test('of one probe leaves the others of its batch alone', async () => {
    const { program, runs } = fakeFping(
      'patient',
      `until [ -e '${folder}/go' ]; do sleep 0.02; done; sed 's/$/ is alive (1 ms)/' "$hosts"`,
    );
    await using probe = await open({ program });
    const stop = new AbortController();
    const aborted = ping(probe, '127.0.0.2', stop.signal);
    const other = ping(probe, '127.0.0.3');
    await waitFor(() => runsIn(runs).length === 1);
    stop.abort(new Error('stopped'));
    await expect(aborted).rejects.toThrow('stopped');
    writeFileSync(join(folder, 'go'), '');
    await expect(other).resolves.toMatchObject({ outcome: { kind: 'answered' } });
  });

  test('before the start rejects without starting anything', async () => {
    const { program, runs } = silent('never');
    await using probe = await open({ program });
    await expect(ping(probe, '127.0.0.9', AbortSignal.abort(new Error('too late')))).rejects.toThrow(
      'too late',
    );
    expect(runsIn(runs)).toEqual([]);
  });
});

test('closing answers what is open and leaves no process', async () => {
  const { program, runs } = silent('close');
  const probe = await open({ program });
  const open_ = ping(probe, '127.0.0.9');
  await waitFor(() => runsIn(runs).length === 1);
  const gathered = ping(probe, '127.0.0.8');
  await probe[Symbol.asyncDispose]();
  await expect(open_).resolves.toMatchObject({ outcome: { kind: 'inconclusive', reason: 'self-program' } });
  await expect(gathered).resolves.toMatchObject({
    outcome: { kind: 'inconclusive', reason: 'self-program' },
  });
});

test('a process without a descriptor left tells so of its pings, and goes on', () => {
  const { program } = fakeFping('well', `sed 's/$/ is alive (0.2 ms)/' "$hosts"`);
  const source = (file: string): string => JSON.stringify(new URL(`../../src/${file}`, import.meta.url).href);
  const script = `
    import { closeSync, openSync } from 'node:fs';
    import { systemClock } from ${source('lib/clock.ts')};
    import { icmpProber } from ${source('probes/icmp.ts')};
    const options = icmpProber.options.parse({ program: ${JSON.stringify(program)} });
    const context = { module: 'ping', timeoutMs: 2_000, clock: systemClock, baseDir: '.' };
    await using probe = await icmpProber.open(options, context);
    const ping = () => probe.run({ targetId: 'a', address: '127.0.0.9' }, AbortSignal.timeout(2_000));
    const held = [];
    try { for (;;) held.push(openSync('/dev/null', 'r')); } catch {}
    const { outcome } = await ping();
    held.forEach(closeSync);
    console.log(outcome.kind, outcome.reason, (await ping()).outcome.kind);
  `;
  const child = spawnSync(
    '/bin/sh',
    ['-c', 'ulimit -n 100 && exec "$0" --input-type=module -e "$1"', process.execPath, script],
    { encoding: 'utf8' },
  );
  expect(child.stdout).toBe('inconclusive self-resources answered\n');
});

test('lists only known reasons', () => {
  expect(icmpProber.reasons.filter((reason) => !REASONS.includes(reason))).toEqual([]);
});

const real = canRun('icmp with a real fping', ['fping']) ? describe : describe.skip;
real('with a real fping', () => {
  test.each(['127.0.0.1', '::1', 'localhost', '::ffff:127.0.0.1'])('%s answers', async (address) => {
    await using probe = await open({});
    const report = await ping(probe, address);
    expect(report.outcome).toMatchObject({ kind: 'answered' });
    expect(report.phases.at(-1)?.durationMs).toBeGreaterThan(0);
  });

  test('pings 2,000 addresses at once', async () => {
    await using probe = await open({}, 10_000);
    const addresses = Array.from({ length: 2_000 }, (_, i) => `127.2.${i >> 8}.${i & 255}`);
    const signal = AbortSignal.timeout(10_000);
    const reports = await Promise.all(addresses.map((address) => ping(probe, address, signal)));
    expect(reports.filter(({ outcome }) => outcome.kind !== 'answered')).toEqual([]);
  });

  test('a source address that is not ours is named at start', async () => {
    await expect(open({ source_ip_address: '203.0.113.7' })).rejects.toThrow('check the module');
  });

  test('a source address leaves only its own family', async () => {
    await using probe = await open({ source_ip_address: '127.0.0.1' });
    const report = await ping(probe, '::1');
    expect(report.outcome).toMatchObject({ kind: 'failed', reason: 'dns' });
  });
});

/** Looks until `holds`; the test's own time-out bounds it. */
async function waitFor(holds: () => boolean): Promise<boolean> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
  return true;
}
