import { describe, expect, test } from '@jest/globals';
import { DEFAULT_METHODS, DEFAULT_TIMING } from '../../src/core/outlook.ts';
import { CALM_PACE, CalmMode } from '../../src/engine/calm-mode.ts';
import { readMaxOpenFiles, resolveLimits } from '../../src/engine/limits.ts';
import type { Target } from '../../src/estate/estate.ts';
import { toTargetId } from '../../src/estate/ids.ts';
import type { Module, Settings } from '../../src/settings/settings.ts';
import { FakeClock } from '../tools/fake-clock.ts';

const MODULE: Module = {
  name: 'terminal',
  prober: 'tcp',
  intervalMs: 30_000,
  timeoutMs: 5_000,
  retryIntervalMs: 2_000,
  policy: { failAfter: 3, recoverAfter: 2 },
  detailedMetrics: false,
  options: {},
};

function settingsWith(count: number, maxInFlight?: number): Settings {
  const targets = Array.from({ length: count }, (_, i): [Target['id'], Target] => [
    toTargetId(`T${i}`),
    { id: toTargetId(`T${i}`), module: 'terminal', address: '', kind: 'terminal', labels: {} },
  ]);
  return {
    file: '',
    baseDir: '',
    listen: { host: '127.0.0.1', port: 0 },
    dataDir: '',
    tokens: [],
    limits: {
      maxInFlight,
      maxInFlightPerStore: 4,
      maxInFlightPerNetwork: Number.POSITIVE_INFINITY,
      threads: undefined,
    },
    externalUrl: undefined,
    calmUntilMs: undefined,
    timing: DEFAULT_TIMING,
    methods: DEFAULT_METHODS,
    maintenance: [],
    alertmanager: undefined,
    notifications: { channels: new Map(), routes: [], digest: { after: 5, windowMs: 60_000 } },
    modules: new Map([['terminal', MODULE]]),
    estate: { stores: new Map(), targets: new Map(targets) },
  };
}

describe('resolveLimits', () => {
  test('leaves room for every target hanging for its whole time-out at once', () => {
    const { limits, warning } = resolveLimits(settingsWith(60_000), 100_000);
    expect(limits.maxInFlight).toBe(10_000);
    expect(warning).toBeUndefined();
  });

  test('gives a small estate a thousand places', () => {
    expect(resolveLimits(settingsWith(10), undefined).limits.maxInFlight).toBe(1_000);
  });

  test('keeps to the descriptors that the system allows, and tells the line that raises them', () => {
    const { limits, warning } = resolveLimits(settingsWith(60_000), 4_096);
    expect(limits.maxInFlight).toBe(3_096);
    expect(warning).toContain('ulimit -n 11000');
    expect(warning).toContain('LimitNOFILE=11000');
  });

  test('keeps to what is configured', () => {
    expect(resolveLimits(settingsWith(60_000, 500), 100_000).limits.maxInFlight).toBe(500);
  });

  test('reads the limit of this process', () => {
    const most = readMaxOpenFiles();
    expect(most === undefined || most > 0).toBe(true);
  });
});

describe('CalmMode', () => {
  test('drops to a quarter of the rate and ends by itself', async () => {
    const clock = new FakeClock();
    const paces: number[] = [];
    using calm = new CalmMode(clock, (pace) => paces.push(pace));
    calm.set(clock.nowMs() + 60_000);
    expect(calm.pace).toBe(CALM_PACE);
    await clock.advance(59_000);
    expect(paces).toEqual([4]);
    await clock.advance(1_000);
    expect(paces).toEqual([4, 1]);
    expect(calm.untilMs).toBeUndefined();
  });

  test('is prolonged, and ended early', async () => {
    const clock = new FakeClock();
    const paces: number[] = [];
    using calm = new CalmMode(clock, (pace) => paces.push(pace));
    calm.set(clock.nowMs() + 60_000);
    calm.set(clock.nowMs() + 120_000);
    await clock.advance(90_000);
    expect(calm.pace).toBe(4);
    calm.set(undefined);
    expect(paces).toEqual([4, 4, 1]);
    await clock.advance(90_000);
    expect(paces).toHaveLength(3);
  });

  test('takes a time that has passed for none', () => {
    const clock = new FakeClock();
    using calm = new CalmMode(clock, () => undefined);
    calm.set(clock.nowMs() - 1);
    expect(calm.pace).toBe(1);
  });
});
