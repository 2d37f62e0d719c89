import { describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { makeFolder } from '../tools/monitor-process.ts';
import { canRun } from '../tools/programs.ts';
import { readDashboards } from './dashboard-files.ts';
import { interpolate } from './interpolate.ts';
import { queriesOf } from './linter.ts';

const SUITE = 'Prometheus reads every query of every dashboard';
const when = canRun(SUITE, ['promtool']) ? describe : describe.skip;
const TIMES = { rangeSeconds: 3_600, scrapeSeconds: 15 };

when(SUITE, () => {
  test('target-promql-rule: as an expression of a recording rule', async () => {
    await using folder = await makeFolder();
    const rules = Array.from(readDashboards().values()).flatMap((dashboard, d) =>
      queriesOf(dashboard).map(({ target: { expr } }, q) => ({
        record: `dashboard:query:${d}_${q}`,
        expr: interpolate(expr, dashboard, { store: ['S1'] }, TIMES),
      })),
    );
    expect(rules.length).toBeGreaterThan(100);
    const file = join(folder.path, 'queries.yml');
    await writeFile(file, stringify({ groups: [{ name: 'queries', rules }] }));
    const promtool = spawn('promtool', ['check', 'rules', file], { stdio: ['ignore', 'pipe', 'pipe'] });
    const remarks: string[] = [];
    promtool.stderr.on('data', (part) => remarks.push(String(part)));
    promtool.stdout.resume();
    const [code] = (await once(promtool, 'close')) as [number];
    expect([remarks.join(''), code]).toEqual(['', 0]);
  });
});
