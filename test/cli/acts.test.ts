import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { addAck } from '../../src/cli/ack.ts';
import type { CliContext } from '../../src/cli/context.ts';
import { addMaintenance } from '../../src/cli/maintenance.ts';
import { addReport } from '../../src/cli/report.ts';
import { addSilence } from '../../src/cli/silence.ts';
import { addStatus } from '../../src/cli/status.ts';
import { addWhy } from '../../src/cli/why.ts';
import type { Incident } from '../../src/core/events.ts';
import { toIncidentId } from '../../src/estate/ids.ts';
import { type Fixture, makeToken, startFixture } from '../http/app-fixture.ts';
import { type Ran, runCli } from './cli-double.ts';

const INCIDENT: Incident = {
  id: toIncidentId('i1'),
  scope: [{ target: 'T1' }],
  title: 'T1 is down',
  severity: 'minor',
  state: 'open',
  openedAtMs: 1,
  targetsDown: 1,
  storesAffected: 1,
  reason: 'tls',
};

let fixture: Fixture;
beforeEach(async () => {
  const tokens = [makeToken('wallboard', 'viewer'), makeToken('ops', 'operator')];
  fixture = await startFixture({ tokens, methodState: () => 'down' });
});
afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
});

const all = (program: Command, cli: CliContext): void => {
  for (const add of [addAck, addSilence, addMaintenance, addReport, addWhy, addStatus]) add(program, cli);
};
const run = (args: readonly string[], token = 'ops'): Promise<Ran> =>
  runCli(all, [...args, '--url', fixture.url], { env: { KASSAVAKT_TOKEN: `secret-of-${token}` } });
const lastEvent = () => fixture.journal.read(fixture.journal.lastSeq - 1, 1)[0];
async function open(incident: Incident): Promise<void> {
  for (const event of await fixture.journal.append([{ atMs: 1, kind: 'incident-opened', incident }])) {
    fixture.board.apply(event);
  }
}

describe('kassavakt ack', () => {
  test('takes an incident on, and lets it go', async () => {
    await open(INCIDENT);
    const taken = await run(['ack', 'i1', '--comment', 'Nets is told', '--for', '2h', '--by', 'Anna']);
    expect(taken).toEqual({
      code: 0,
      printed: [expect.stringMatching(/^Incident i1 is acknowledged by Anna until \d{4}-.*: Nets is told$/)],
      complained: [],
    });
    expect(lastEvent()).toMatchObject({ acknowledgement: { by: 'Anna', sticky: false } });
    await open({ ...INCIDENT, acknowledgement: { by: 'Anna', comment: 'x', atMs: 1, sticky: false } });
    const given = await run(['ack', 'i1', '--withdraw']);
    expect(given.printed).toEqual(['Incident i1 is no longer acknowledged (withdrawn by ops).']);
  });

  test('says what is not there, and what may not be done', async () => {
    const missing = await run(['ack', 'i9', '--comment', 'x']);
    expect(missing).toEqual({ code: 2, printed: [], complained: ['There is no open incident "i9".'] });
    const forbidden = await run(['ack', 'i9', '--comment', 'x'], 'wallboard');
    expect(forbidden.code).toBe(3);
    expect(forbidden.complained).toEqual([expect.stringContaining('bearer token with the role operator')]);
    await expect(run(['ack', 'i1'])).rejects.toThrow(/--comment is missing/);
  });
});

describe.each([
  { name: 'silence', states: ['active', 'pending'] },
  { name: 'maintenance', states: ['started', 'planned'] },
])('kassavakt $name', ({ name, states }) => {
  test('begins, lists and ends', async () => {
    expect((await run([name, '--list'])).printed).toEqual([`There are no ${name}s.`]);
    const made = await run([name, 'store=s1', '--for', '1h30m', '--comment', 'new switch']);
    const [line = ''] = made.printed;
    expect(line).toMatch(
      new RegExp(`^${name}-\\w+ {2}${states[0]} {2}.* to .* {2}store=s1 \\(1 target\\) {2}ops: new switch$`),
    );
    expect(await run([name, '--list'], 'wallboard')).toEqual({ code: 0, printed: [line], complained: [] });
    const [id = ''] = line.split(' ');
    expect((await run([name, '--end', id])).printed).toEqual([`Ended: ${line}`]);
    expect((await run([name, '--end', id])).code).toBe(2);
    expect((await run([name, '--list', '--json'])).printed).toEqual([JSON.stringify({ [`${name}s`]: [] })]);
  });

  test('may begin later, between two times', async () => {
    const times = ['--from', '2099-01-01T01:00:00+01:00', '--until', '2099-01-02T00:00:00Z'];
    const made = await run([name, 'store=s1', ...times, '--comment', 'x', '--json']);
    expect(JSON.parse(made.printed[0] ?? '')).toMatchObject({
      state: states[1],
      startsAt: '2099-01-01T00:00:00.000Z',
      endsAt: '2099-01-02T00:00:00.000Z',
    });
  });

  test('says which selector names nothing', async () => {
    const ran = await run([name, 'store=s9', '--for', '1h', '--comment', 'x']);
    expect(ran).toEqual({ code: 2, printed: [], complained: [expect.stringContaining('store=s9')] });
  });

  test.each([
    { args: [], says: /give one of these/ },
    { args: ['store=s1', '--list'], says: /give one of these/ },
    { args: ['store=s1', '--for', '1h'], says: /--comment is missing/ },
    { args: ['store=s1', '--comment', 'x'], says: /say when it ends/ },
    { args: ['store=s1', '--for', '60', '--comment', 'x'], says: /number with a unit/ },
    { args: ['store=s1', '--until', 'tomorrow', '--comment', 'x'], says: /2026-12-24T15/ },
  ])('$args is refused', async ({ args, says }) => {
    await expect(run([name, ...args])).rejects.toThrow(says);
    expect(fixture.journal.lastSeq).toBe(0);
  });
});

test('kassavakt maintenance --flexible waits for the first failure', async () => {
  const times = ['--for', '8h', '--flexible', '30m'];
  const made = await run(['maintenance', 'store=s1', ...times, '--comment', 'new switch']);
  expect(made.printed).toEqual([expect.stringMatching(/planned .*, 30 min {2}store=s1/)]);
  expect(lastEvent()).toMatchObject({ kind: 'maintenance-planned', maintenance: { flexibleMs: 1_800_000 } });
});

test('kassavakt report is kept beside what the probes say', async () => {
  const ran = await run(['report', 's1', 'card', 'works', '--comment', 'says the cashier'], 'wallboard');
  expect(ran.printed).toEqual([
    'Kept: wallboard says that card works in s1. The probes say down, which disagrees.',
  ]);
  expect(lastEvent()).toMatchObject({ kind: 'human-report', comment: 'says the cashier', disagrees: true });
  expect((await run(['report', 's1', 'card', 'fails'])).printed[0]).toContain('which does not disagree');
  expect((await run(['report', 's1', 'cheque', 'fails'])).code).toBe(2);
  await expect(run(['report', 's1', 'card', 'perhaps'])).rejects.toThrow(/works, fails/);
});

test('kassavakt why tells the rule that holds a failure', async () => {
  await run(['silence', 'store=s1', '--for', '1h', '--comment', 'Nets is told']);
  expect((await run(['why', 'T1'])).printed).toEqual([
    'T1 is unknown, not announced (silence): Silenced by ops: Nets is told.',
  ]);
  const json = await run(['why', 'T1', '--json'], 'wallboard');
  expect(JSON.parse(json.printed[0] ?? '')).toMatchObject({ target: 'T1', rule: 'silence' });
  expect(await run(['why', 'T9'])).toEqual({
    code: 2,
    printed: [],
    complained: ['There is no target "T9".'],
  });
});

test('a monitor that does not answer is told as such', async () => {
  const ran = await runCli(all, ['why', 'T1', '--url', 'http://127.0.0.1:1']);
  expect(ran.code).toBe(3);
  expect(ran.complained).toEqual([expect.stringMatching(/gives no answer to go by: .*ECONNREFUSED/)]);
  fixture.see('T1', 'down', { message: 'It refuses.' });
  expect(await run(['status'])).toMatchObject({ code: 1, printed: [expect.any(String), '1 down.'] });
});
