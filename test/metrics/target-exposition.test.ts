import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Gauge, Registry } from 'prom-client';
import { TargetColumns } from '../../src/core/columns.ts';
import { STATES, UNKNOWN_HEALTH } from '../../src/core/health.ts';
import { MEASUREMENTS } from '../../src/core/measurements.ts';
import type { Target } from '../../src/estate/estate.ts';
import { toTargetId } from '../../src/estate/ids.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { TARGET_FAMILIES } from '../../src/metrics/catalogue.ts';
import { TEXT_FORMAT } from '../../src/metrics/exposition-text.ts';
import { makeTargetExposition } from '../../src/metrics/target-exposition.ts';
import { makeTarget, type Verdict, writeVerdict } from './targets.ts';

const INTERVAL_MS = 30_000;

function watch(targets: readonly Target[], monotonicMs = () => performance.now()) {
  const columns = new TargetColumns();
  for (const target of targets) columns.add(target, UNKNOWN_HEALTH, monotonicMs(), 0);
  const exposition = makeTargetExposition({ columns, intervalMsOf: () => INTERVAL_MS, monotonicMs });
  return {
    columns,
    exposition,
    see: (id: string, state: (typeof STATES)[number], verdict?: Verdict) =>
      writeVerdict(columns, id, state, verdict),
    page: () => Array.fromAsync(exposition.render(TEXT_FORMAT)).then((parts) => parts.join('')),
  };
}

const samplesOf = (page: string): string[] =>
  page
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('#'));
const about = (page: string, id: string): string[] =>
  samplesOf(page).filter((line) => line.includes(`target="${id}"`));
const names = (lines: readonly string[]): string[] => lines.map((line) => line.split('{')[0] ?? '').sort();

describe('per-target series', () => {
  test('say unknown, and nothing of probes, while we are blind and until the target was probed since', async () => {
    const { columns, see, page } = watch([makeTarget('T1')], () => systemClock.monotonicMs());
    see('T1', 'down', { reason: 'host' });
    const seen = names(about(await page(), 'T1'));
    expect(seen).toEqual(expect.arrayContaining(['probe_success', 'probe_failure_info']));
    columns.goBlind('self-network');
    const blind = about(await page(), 'T1');
    expect(names(blind)).not.toEqual(expect.arrayContaining(['probe_success']));
    expect(blind.find((line) => line.startsWith('kassavakt_target_state{'))).toMatch(/ 0$/);
    columns.seeAgain(systemClock.monotonicMs());
    expect(about(await page(), 'T1')).toEqual(blind);
    see('T1', 'down', { reason: 'host' });
    expect(names(about(await page(), 'T1'))).toEqual(seen);
  });

  test('are what prom-client prints for the same data, order aside', async () => {
    const awkward = makeTarget('T"1\\', {
      store: 's1',
      labels: { chain: 'Järn & Bygg "Åäö"', region: 'Värmland\nnorra', model: 'P400 \\ "plus"', empty: '' },
    });
    const shared = makeTarget('web', { module: 'shop', kind: 'web', labels: { owner: 'IT' } });
    const { columns, see, page } = watch([awkward, shared]);
    see(awkward.id, 'down', { reason: 'connect-refused', durationMs: 3.25 });
    see('web', 'up', {
      durationMs: 120,
      samples: [
        { name: 'probe_http_duration_seconds', labels: { phase: 'tls' }, value: 0.25 },
        { name: 'probe_http_duration_seconds', labels: { phase: 'connect' }, value: 1e-7 },
        { name: 'probe_http_status_code', value: 200 },
      ],
    });

    const registry = new Registry();
    const gauge = (name: string, help: string, labelNames: readonly string[]) =>
      new Gauge({ name, help, labelNames, registers: [registry] });
    const own = (target: Target) => ({
      target: target.id,
      module: target.module,
      kind: target.kind,
      ...(target.store === undefined ? {} : { store: target.store }),
      ...(target.labels['chain'] === undefined ? {} : { chain: target.labels['chain'] }),
    });
    const tells = ['target', 'module', 'kind', 'store', 'chain'];
    const family = (name: keyof typeof TARGET_FAMILIES, more: readonly string[] = []) =>
      gauge(name, TARGET_FAMILIES[name].help, [...tells, ...more]);
    const lastRun = (id: string) => (columns.lastRunAtMs[columns.slotOf(toTargetId(id)) ?? -1] ?? 0) / 1_000;
    const success = family('probe_success');
    success.set(own(awkward), 0);
    success.set(own(shared), 1);
    const duration = family('probe_duration_seconds');
    duration.set(own(awkward), 0.00325);
    duration.set(own(shared), 0.12);
    const state = family('kassavakt_target_state');
    state.set(own(awkward), 3);
    state.set(own(shared), 1);
    const last = family('kassavakt_probe_last_run_timestamp_seconds');
    last.set(own(awkward), lastRun(awkward.id));
    last.set(own(shared), lastRun('web'));
    const info = family('kassavakt_target_info', ['region', 'model', 'owner']);
    info.set({ ...own(awkward), region: 'Värmland\nnorra', model: 'P400 \\ "plus"' }, 1);
    info.set({ ...own(shared), owner: 'IT' }, 1);
    family('probe_failure_info', ['reason']).set({ ...own(awkward), reason: 'connect-refused' }, 1);
    const phases = gauge('probe_http_duration_seconds', MEASUREMENTS.probe_http_duration_seconds.help, [
      ...tells,
      'phase',
    ]);
    phases.set({ ...own(shared), phase: 'tls' }, 0.25);
    phases.set({ ...own(shared), phase: 'connect' }, 1e-7);
    gauge('probe_http_status_code', MEASUREMENTS.probe_http_status_code.help, tells).set(own(shared), 200);

    const sorted = (text: string) =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .sort();
    expect(sorted(await page())).toEqual(sorted(await registry.metrics()));
  });

  test('write any label value as prom-client does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1 }), async (value) => {
        const text = value.replaceAll('\0', '');
        fc.pre(text !== '');
        const { page } = watch([makeTarget('T1', { labels: { chain: value } })]);
        const registry = new Registry();
        const { help } = TARGET_FAMILIES.kassavakt_target_state;
        const labelNames = ['target', 'module', 'kind', 'chain'];
        new Gauge({ name: 'kassavakt_target_state', help, labelNames, registers: [registry] }).set(
          { target: 'T1', module: 'terminal', kind: 'terminal', chain: text },
          0,
        );
        expect(await page()).toContain(await registry.getSingleMetricAsString('kassavakt_target_state'));
      }),
    );
  });

  test('name each family once, with its help and type before its samples', async () => {
    const { page, see } = watch([makeTarget('T1'), makeTarget('T2')]);
    see('T1', 'up');
    see('T2', 'down', { reason: 'dns' });
    const lines = (await page()).trimEnd().split('\n');
    const heads = lines.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2]);
    expect(new Set(heads).size).toBe(heads.length);
    let current = '';
    for (const line of lines) {
      if (line.startsWith('# HELP')) current = line.split(' ')[2] ?? '';
      expect(line.split(/[ {]/)[line.startsWith('#') ? 2 : 0]).toBe(current);
    }
  });

  test('are six at most for a target, and five while it does not fail', async () => {
    const { page, see } = watch([makeTarget('T1', { store: 's' }), makeTarget('T2', { store: 's' })]);
    see('T1', 'down', { reason: 'tls' });
    see('T2', 'up');
    const text = await page();
    expect(about(text, 'T1')).toHaveLength(6);
    expect(about(text, 'T2')).toHaveLength(5);
  });

  test('tell of a target never probed only that it is there and unknown', async () => {
    const { page } = watch([makeTarget('T1')]);
    const lines = about(await page(), 'T1');
    expect(names(lines)).toEqual(['kassavakt_target_info', 'kassavakt_target_state']);
    expect(lines.find((line) => line.startsWith('kassavakt_target_state'))).toMatch(/ 0$/);
  });

  test.each(STATES.map((state, value) => ({ name: `${state} is ${value}`, state, value })))(
    'of the state: $name',
    async ({ state, value }) => {
      const { page, see } = watch([makeTarget('T1')]);
      see('T1', state);
      expect(await page()).toMatch(new RegExp(`^kassavakt_target_state\\{.*\\} ${value}$`, 'm'));
    },
  );

  test('drop the verdict after three intervals without one, and say unknown', async () => {
    let nowMs = 1_000_000;
    const { columns, page, see } = watch([makeTarget('T1')], () => nowMs);
    see('T1', 'up', { samples: [{ name: 'probe_http_status_code', value: 200 }] });
    columns.lastRunMonotonicMs[0] = nowMs;
    nowMs += 3 * INTERVAL_MS;
    expect(await page()).toMatch(/^probe_success\{.*\} 1$/m);
    nowMs += 1;
    const lines = about(await page(), 'T1');
    expect(names(lines)).toEqual([
      'kassavakt_probe_last_run_timestamp_seconds',
      'kassavakt_target_info',
      'kassavakt_target_state',
    ]);
    expect(lines.find((line) => line.startsWith('kassavakt_target_state'))).toMatch(/ 0$/);
  });

  test('never blame a target for a fault of our own', async () => {
    const { columns, page, see } = watch([makeTarget('T1')]);
    see('T1', 'down', { reason: 'connect-timeout' });
    columns.setLastReason(0, 'self-network');
    columns.setMessage(0, 'We have no network.');
    expect(await page()).toMatch(/^probe_failure_info\{.*reason="connect-timeout"\} 1$/m);
    see('T1', 'unknown', { success: false, reason: 'self-network' });
    expect(await page()).not.toMatch(/^probe_failure_info\{/m);
  });

  test('of a deleted target vanish at once, also from a page under way', async () => {
    const { columns, exposition, page } = watch([makeTarget('T1'), makeTarget('T2')]);
    const parts = exposition.render(TEXT_FORMAT);
    await parts.next();
    columns.remove(0);
    columns.add(makeTarget('T3'), UNKNOWN_HEALTH, 0, 0);
    const rest = (await Array.fromAsync(parts)).join('');
    expect(rest).toContain('target="T2"');
    expect(rest).not.toMatch(/target="T[13]"/);
    const next = await page();
    expect(next).toContain('target="T3"');
    expect(next).not.toContain('target="T1"');
  });

  test('show a changed label at once', async () => {
    const { columns, page } = watch([makeTarget('T1', { labels: { chain: 'Solhaga' } })]);
    expect(await page()).toContain('chain="Solhaga"');
    columns.replace(0, makeTarget('T1', { labels: { chain: 'Björka' } }));
    expect(await page()).not.toContain('chain="Solhaga"');
    expect(await page()).toContain('chain="Björka"');
  });

  test('never carry job, instance or other names that have a meaning of their own', async () => {
    const labels = { job: 'a', instance: 'b', le: 'c', __name__: 'd', module: 'e', exported_job: 'f' };
    const { page, see } = watch([makeTarget('T1', { labels })]);
    see('T1', 'up', {
      samples: [{ name: 'probe_expect_info', labels: { instance: 'x', target: 'y', banner: 'z' }, value: 1 }],
    });
    const text = await page();
    const info = about(text, 'T1').find((line) => line.startsWith('kassavakt_target_info'));
    expect(info).toBe(
      'kassavakt_target_info{target="T1",module="terminal",kind="terminal",' +
        'exported_job="a",exported_instance="b",exported_le="c",exported___name__="d",exported_module="e",' +
        'exported_exported_job="f"} 1',
    );
    expect(text).toContain(
      'probe_expect_info{target="T1",module="terminal",kind="terminal",' +
        'exported_instance="x",exported_target="y",banner="z"} 1',
    );
  });

  test('let other work run while thousands are written', async () => {
    const { exposition } = watch(Array.from({ length: 5_000 }, (_, i) => makeTarget(`T${i}`)));
    let turns = 0;
    const count = (): void => {
      turns++;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    const parts = await Array.fromAsync(exposition.render(TEXT_FORMAT));
    clearImmediate(timer);
    expect(turns).toBeGreaterThan(20);
    expect(Math.max(...parts.map((part) => part.length))).toBeLessThan(250_000);
    expect(samplesOf(parts.join(''))).toHaveLength(10_000);
  });

  test('come in shards that have each target once, whichever others there are, and together all', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1 }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 5 }),
        async (ids, shards) => {
          const { exposition, see, page } = watch(ids.map((id) => makeTarget(id)));
          for (const [i, id] of ids.entries()) if (i % 2 === 0) see(id, 'down', { reason: 'dns' });
          const parts = await Promise.all(
            Array.from({ length: shards }, (_, shard) =>
              Array.fromAsync(exposition.render(TEXT_FORMAT, { shard, shards })),
            ),
          );
          const texts = parts.map((part) => part.join(''));
          expect(texts.flatMap(samplesOf).sort()).toEqual(samplesOf(await page()).sort());
          const few = watch(ids.slice(0, 3).map((id) => makeTarget(id))).exposition;
          const first = (await Array.fromAsync(few.render(TEXT_FORMAT, { shard: 0, shards }))).join('');
          for (const line of samplesOf(first)) {
            if (line.startsWith('kassavakt_target_info')) expect(texts[0]).toContain(line);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test('of many targets are spread evenly over shards', async () => {
    const { exposition } = watch(Array.from({ length: 4_000 }, (_, i) => makeTarget(`T${i}`)));
    for (let shard = 0; shard < 4; shard++) {
      const part = (await Array.fromAsync(exposition.render(TEXT_FORMAT, { shard, shards: 4 }))).join('');
      const count = samplesOf(part).length / 2;
      expect(count).toBeGreaterThan(850);
      expect(count).toBeLessThan(1_150);
    }
  });
});
