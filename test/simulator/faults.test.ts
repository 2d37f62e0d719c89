import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import { systemClock } from '../../src/lib/clock.ts';
import type { TargetKind } from '../../src/simulator/estate-plan.ts';
import { FAULT_NAMES, FAULTS, type FaultName } from '../../src/simulator/faults.ts';
import type { SimulatedTarget, Simulator } from '../../src/simulator/simulator.ts';
import { startSimulator } from '../../src/simulator/start-simulator.ts';
import { ask, codeOf, diagnose, dial, greet, outlast, pickTarget } from './clients.ts';

const NOTHING_COMES_MS = 400;
const LATENCY_MS = 350;

let simulator: Simulator;
let targets: Readonly<Record<TargetKind, SimulatedTarget>>;

beforeAll(async () => {
  simulator = await startSimulator({
    stores: 3,
    terminals: 12,
    seed: 5,
    clock: systemClock,
    intervalMs: 1_000,
  });
  targets = {
    terminal: pickTarget(simulator, 'terminal', ({ device }) => device?.isEncrypted === true),
    gateway: pickTarget(simulator, 'gateway'),
    swish: pickTarget(simulator, 'swish'),
    web: pickTarget(simulator, 'web'),
  };
});
afterAll(async () => {
  await simulator[Symbol.asyncDispose]();
});

afterEach(async () => {
  for (const { id } of simulator.faults()) await simulator.removeFault(id);
});

const PATHS = {
  terminal: '/nexo/',
  gateway: '/',
  swish: '/swish-cpcapi/api/v1/paymentrequests/A1',
  web: '/',
};

/** Asks a target what a monitor would ask it; the answer, in words. */
async function check(kind: TargetKind): Promise<string> {
  const target = targets[kind];
  switch (kind) {
    case 'gateway':
      return dial(target.port);
    case 'terminal':
      return (await diagnose(simulator, target)).status['GlobalStatus'] as string;
    case 'swish':
      return String((await ask(simulator, target, { path: PATHS.swish })).status);
    case 'web': {
      const { status, body } = await ask(simulator, target);
      return `${status} ${/driftst[öo]rning/.test(body) ? 'disrupted' : 'open'}`;
    }
    default:
      return kind satisfies never;
  }
}

const WELL = { terminal: 'OK', gateway: 'connected', swish: '404', web: '200 open' } as const;

const codeOnAsk = (kind: TargetKind): Promise<string> =>
  codeOf(ask(simulator, targets[kind], { path: PATHS[kind], method: kind === 'terminal' ? 'POST' : 'GET' }));

/** How each fault shows itself to a plain client. `flap` has tests of its own. */
const SIGNS: Readonly<Record<Exclude<FaultName, 'flap'>, (kind: TargetKind) => Promise<void>>> = {
  refuse: async (kind) => expect(await dial(targets[kind].port)).toBe('ECONNREFUSED'),
  blackhole: async (kind) => expect(await dial(targets[kind].port, 1_000)).toBe('pending'),
  reset: async (kind) => expect(await outlast(targets[kind].port)).toBe('ECONNRESET'),
  slow: async (kind) => {
    const { tookMs } = await ask(simulator, targets[kind], { path: PATHS[kind] });
    expect(tookMs).toBeGreaterThanOrEqual(LATENCY_MS - 1);
    expect(await greet(targets[kind].port)).toBe('greeted');
  },
  hang: async (kind) => expect(await greet(targets[kind].port, NOTHING_COMES_MS)).toBe('silent'),
  garbage: async (kind) => {
    expect(await greet(targets[kind].port)).toBe('greeted');
    expect(await codeOnAsk(kind)).toMatch(/^HPE_/);
  },
  'tls-expired': async (kind) => expect(await codeOnAsk(kind)).toBe('CERT_HAS_EXPIRED'),
  'tls-wrong-name': async (kind) => expect(await codeOnAsk(kind)).toBe('ERR_TLS_CERT_ALTNAME_INVALID'),
  'http-500': async (kind) => {
    const method = kind === 'terminal' ? 'POST' : 'GET';
    expect((await ask(simulator, targets[kind], { path: PATHS[kind], method })).status).toBe(500);
  },
  'maintenance-page': async (kind) => expect(await check(kind)).toBe('200 disrupted'),
  busy: async (kind) => expect(await check(kind)).toBe('Busy'),
  'host-unreachable': async (kind) => {
    const first = await diagnose(simulator, targets[kind], { hosts: true });
    expect(first.status).toMatchObject({ GlobalStatus: 'OK', CommunicationOKFlag: false });
    expect(first.hosts).toEqual([{ AcquirerID: targets[kind].device?.acquirer, IsReachableFlag: false }]);
    const unsent = Number(first.additional.get('unconfirmedBatchCount'));
    expect(unsent).toBeGreaterThan(0);
    for (;;) {
      const later = await diagnose(simulator, targets[kind]);
      if (Number(later.additional.get('unconfirmedBatchCount')) > unsent) break;
    }
  },
  'wrong-key': async (kind) => {
    if (kind === 'swish') expect(await check(kind)).toBe('401');
    else await expect(check(kind)).rejects.toThrow('crypto error (9)');
  },
};

const shown = FAULT_NAMES.filter((name) => name !== 'flap');
const cases = shown.flatMap((fault) => FAULTS[fault].fits.map((kind) => ({ fault, kind })));
const misfits = FAULT_NAMES.flatMap((fault) =>
  (['terminal', 'gateway', 'swish', 'web'] as const)
    .filter((kind) => !FAULTS[fault].fits.includes(kind))
    .map((kind) => ({ fault, kind })),
);

describe('faults', () => {
  test.each(Object.entries(WELL))('a %s without a fault is well', async (kind, sign) => {
    expect(await check(kind as TargetKind)).toBe(sign);
  });

  test.each(cases)('$fault on a $kind shows itself and ends without a trace', async ({ fault, kind }) => {
    const added = await simulator.addFault({
      where: { target: targets[kind].id },
      fault,
      ...(fault === 'slow' ? { latencyMs: LATENCY_MS } : {}),
    });
    if (!added.ok) throw new Error(added.error.message);
    expect(added.value.targets).toEqual([targets[kind].id]);
    await SIGNS[fault](kind);
    await simulator.removeFault(added.value.id);
    expect(await check(kind)).toBe(WELL[kind]);
  });

  test.each(misfits)('$fault on a $kind is refused', async ({ fault, kind }) => {
    const added = await simulator.addFault({ where: { kind }, fault });
    expect(added).toMatchObject({ ok: false, error: { code: 'fault-does-not-fit', field: 'fault' } });
    expect(simulator.faults()).toEqual([]);
  });

  test('targets that a fault does not fit are left out', async () => {
    const busy = await simulator.addFault({ where: {}, fault: 'busy' });
    if (!busy.ok) throw new Error(busy.error.message);
    const terminals = simulator.targets.filter(({ kind }) => kind === 'terminal').map(({ id }) => id);
    expect(busy.value.targets).toEqual(terminals);
    await simulator.removeFault(busy.value.id);
    const wrongKey = await simulator.addFault({ where: { kind: 'terminal' }, fault: 'wrong-key' });
    if (!wrongKey.ok) throw new Error(wrongKey.error.message);
    const encrypted = simulator.targets.filter(({ device }) => device?.isEncrypted === true);
    expect(wrongKey.value.targets).toEqual(encrypted.map(({ id }) => id));
    expect(encrypted.length).toBeLessThan(terminals.length);
    await simulator.removeFault(wrongKey.value.id);
  });

  test('cuts off connections that are open when a target starts to refuse', async () => {
    const open = outlast(targets.gateway.port, 30_000);
    // Another one behind it is through, so it stands.
    expect(await dial(targets.gateway.port)).toBe('connected');
    const added = await simulator.addFault({ where: { target: targets.gateway.id }, fault: 'refuse' });
    expect(await open).toBe('ECONNRESET');
    if (added.ok) await simulator.removeFault(added.value.id);
  });

  test('answers a request that hangs only after a slow fault, and forgets it when the client leaves', async () => {
    const where = { target: targets.terminal.id };
    const added = await simulator.addFault({ where, fault: 'slow', latencyMs: 60_000 });
    const leave = new AbortController();
    const hanging = codeOf(
      ask(simulator, targets.terminal, { method: 'POST', path: '/nexo/', body: '{}', signal: leave.signal }),
    );
    expect(await greet(targets.terminal.port)).toBe('greeted');
    leave.abort();
    expect(await hanging).toBe('ABORT_ERR');
    if (added.ok) await simulator.removeFault(added.value.id);
    const before = simulator.violations().total;
    expect(await check('terminal')).toBe('OK');
    expect(simulator.violations().total).toBe(before);
  });

  test('the newest fault on a target hides the older ones until it ends', async () => {
    const where = { target: targets.web.id };
    const page = await simulator.addFault({ where, fault: 'maintenance-page' });
    const refusing = await simulator.addFault({ where, fault: 'refuse' });
    const black = await simulator.addFault({ where, fault: 'blackhole' });
    if (!page.ok || !refusing.ok || !black.ok) throw new Error('a fault was refused');
    expect(await dial(targets.web.port)).toBe('pending');
    await simulator.removeFault(refusing.value.id);
    expect(await dial(targets.web.port)).toBe('pending');
    await simulator.removeFault(black.value.id);
    expect(await check('web')).toBe('200 disrupted');
    await simulator.removeFault(page.value.id);
    expect(await check('web')).toBe('200 open');
  });

  test('share takes always the same targets, a larger share including a smaller', async () => {
    const chosen: string[][] = [];
    for (const share of [0, 0.25, 0.25, 0.5, 1]) {
      const added = await simulator.addFault({ where: { kind: 'terminal' }, fault: 'busy', share });
      if (!added.ok) throw new Error(added.error.message);
      chosen.push([...added.value.targets]);
      await simulator.removeFault(added.value.id);
    }
    expect(chosen.map(({ length }) => length)).toEqual([0, 3, 3, 6, 12]);
    expect(chosen[1]).toEqual(chosen[2]);
    expect(chosen[3]).toEqual(expect.arrayContaining(chosen[1] ?? []));
    expect(simulator.targets.map(({ id }) => id).indexOf(chosen[1]?.[0] ?? '')).not.toBe(-1);
  });

  test('a black hole swallows many targets at once and gives every port back', async () => {
    const added = await simulator.addFault({ where: { kind: 'terminal' }, fault: 'blackhole' });
    const ports = simulator.targets.filter(({ kind }) => kind === 'terminal').map(({ port }) => port);
    expect(new Set(await Promise.all(ports.map((port) => dial(port))))).toEqual(new Set(['pending']));
    if (added.ok) await simulator.removeFault(added.value.id);
    expect(new Set(await Promise.all(ports.map((port) => dial(port))))).toEqual(new Set(['connected']));
    // What filled it hangs on to nothing. The test's time-out ends a wait in vain.
    while (process.getActiveResourcesInfo().includes('ConnectWrap')) await setImmediate();
  });

  test('survives faults that come and go in any order at once', async () => {
    const where = { kind: 'gateway' };
    const names = ['refuse', 'blackhole', 'flap', 'refuse', 'blackhole', 'reset'] as const;
    const added = await Promise.all(names.map((fault) => simulator.addFault({ where, fault })));
    await Promise.all(added.flatMap((one) => (one.ok ? [simulator.removeFault(one.value.id)] : [])));
    expect(simulator.faults()).toEqual([]);
    expect(await check('gateway')).toBe('connected');
  });

  test('an end that is not there is told as such', async () => {
    expect(await simulator.removeFault('f0')).toBeUndefined();
  });
});
