import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { EventDraft, Incident, MethodState } from '../../src/core/events.ts';
import { toIncidentId, toTargetId } from '../../src/estate/ids.ts';
import { makeTarget } from '../metrics/targets.ts';
import { type Fixture, makeStore, makeToken, startFixture } from './app-fixture.ts';

const TOKENS = [makeToken('wallboard', 'viewer'), makeToken('ops', 'operator')];
const LABELS = { chain: 'Solhaga', region: 'Värmland' };
const INCIDENT: Incident = {
  id: toIncidentId('i1'),
  scope: [{ chain: 'Solhaga' }],
  title: 'All card terminals of Solhaga are down',
  severity: 'critical',
  state: 'open',
  openedAtMs: Date.UTC(2023, 11, 22, 13, 7),
  targetsDown: 2,
  storesAffected: 1,
  reason: 'host',
};

let fixture: Fixture;
let methodState: MethodState;
beforeEach(async () => {
  methodState = 'down';
  fixture = await startFixture({
    tokens: TOKENS,
    stores: [makeStore('s1', 'Solhaga Kil', { region: 'Värmland' })],
    targets: [makeTarget('T1', { store: 's1', labels: LABELS }), makeTarget('T2', { labels: LABELS })],
    methodState: () => methodState,
  });
});
afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
});

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function send(
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  { token = 'ops', body }: { readonly token?: string; readonly body?: unknown } = {},
): Promise<Answer> {
  const answer = await fetch(fixture.url + path, {
    method,
    headers: { authorization: `Bearer secret-of-${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

async function announce(...drafts: readonly EventDraft[]): Promise<void> {
  for (const event of await fixture.journal.append(drafts)) fixture.board.apply(event);
}
const open = (incident: Incident = INCIDENT) =>
  announce({ atMs: incident.openedAtMs, kind: 'incident-opened', incident });
const lastEvent = () => fixture.journal.read(fixture.journal.lastSeq - 1, 1)[0];
const soon = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();

describe('acknowledging an incident', () => {
  const path = '/api/v1/incidents/i1/acknowledge';

  test('is in the journal with who, why and until when before it is answered', async () => {
    await open();
    const expiresAt = soon(60);
    const { status, body } = await send('POST', path, { body: { comment: 'Nets is told', expiresAt } });
    expect(status).toBe(200);
    expect(body).toEqual({
      incident: 'i1',
      acknowledgement: {
        by: 'ops',
        comment: 'Nets is told',
        at: expect.any(String),
        expiresAt,
        sticky: false,
      },
    });
    expect(lastEvent()).toMatchObject({
      kind: 'incident-acknowledged',
      isWithdrawn: false,
      chain: 'Solhaga',
      incident: { id: 'i1', acknowledgement: { by: 'ops' } },
      acknowledgement: { comment: 'Nets is told', expiresAtMs: Date.parse(expiresAt), sticky: false },
    });
  });

  test('may name who does it, last some minutes and hold though it grows', async () => {
    await open();
    const body = { comment: 'on it', by: 'Anna', forMinutes: 30, sticky: true };
    expect((await send('POST', path, { body })).status).toBe(200);
    const event = lastEvent();
    if (event?.kind !== 'incident-acknowledged') throw new Error('nothing was laid down');
    const { by, sticky, atMs, expiresAtMs } = event.acknowledgement;
    expect({ by, sticky, lastsMs: (expiresAtMs ?? 0) - atMs }).toEqual({
      by: 'Anna',
      sticky: true,
      lastsMs: 1_800_000,
    });
  });

  test('can be taken back by who is on duty, once', async () => {
    const acknowledgement = { by: 'Anna', comment: 'on it', atMs: 1, sticky: false };
    await open({ ...INCIDENT, scope: [{ target: 'T1' }], acknowledgement });
    expect((await send('DELETE', path)).status).toBe(200);
    const event = lastEvent();
    expect(event).toMatchObject({
      kind: 'incident-acknowledged',
      isWithdrawn: true,
      store: 's1',
      chain: 'Solhaga',
      region: 'Värmland',
      acknowledgement: { by: 'ops', comment: 'on it' },
    });
    expect(event).not.toHaveProperty('incident.acknowledgement');
    await open(INCIDENT);
    const refused = await send('DELETE', path);
    expect([refused.status, refused.body]).toEqual([
      404,
      { error: { code: 'not-found', message: 'Incident "i1" is not acknowledged.' } },
    ]);
  });

  test('that may be one of two chains is of neither', async () => {
    await open({ ...INCIDENT, scope: [{ chain: 'Solhaga' }, { chain: 'Norrbo', region: 'Dalarna' }] });
    await send('POST', path, { body: { comment: 'on it' } });
    expect(lastEvent()).not.toHaveProperty('chain');
  });

  test.each([
    { name: 'without a comment', body: {}, field: 'comment', says: /comment is missing/ },
    {
      name: 'with an empty one',
      body: { comment: ' ' },
      field: 'comment',
      says: /" "; it must be the reason/,
    },
    { name: 'with a typo', body: { coment: 'x' }, field: 'coment', says: /did you mean comment\?/ },
    {
      name: 'until a time that has passed',
      body: { comment: 'x', expiresAt: '2020-01-01T00:00:00Z' },
      field: 'expiresAt',
      says: /it must be later than 20/,
    },
    {
      name: 'until a time without a zone',
      body: { comment: 'x', expiresAt: '2099-01-01T00:00:00' },
      field: 'expiresAt',
      says: /must be a time such as/,
    },
    {
      name: 'with two ends',
      body: { comment: 'x', expiresAt: '2099-01-01T00:00:00Z', forMinutes: 1 },
      field: 'forMinutes',
      says: /not both/,
    },
    { name: 'with no object', body: [1], field: undefined, says: /JSON object with comment, by/ },
  ])('$name is refused, and nothing is laid down', async ({ body, field, says }) => {
    await open();
    const { status, body: problem } = await send('POST', path, { body });
    expect(status).toBe(400);
    expect(problem).toEqual({
      error: { code: 'bad-request', message: expect.stringMatching(says), ...(field && { field }) },
    });
    expect(fixture.journal.lastSeq).toBe(1);
  });

  test('takes an incident that is open, and an operator', async () => {
    const body = { comment: 'x' };
    expect((await send('POST', path, { body })).body).toMatchObject({ error: { code: 'not-found' } });
    await open();
    expect((await send('POST', path, { body, token: 'wallboard' })).status).toBe(403);
    expect((await send('POST', path, { body, token: 'nobody' })).status).toBe(401);
  });

  test('keeps no card number that somebody wrote down', async () => {
    await open();
    await send('POST', path, { body: { comment: 'card 4111 1111 1111 1111 fails' } });
    expect(JSON.stringify(lastEvent())).toContain('card [card number removed] fails');
  });

  test('is refused while nothing can be written', async () => {
    const readiness = () => ({ ready: false, problems: ['The journal cannot be written (disk full).'] });
    await using refusing = await startFixture({ tokens: TOKENS, context: { readiness } });
    for (const event of await refusing.journal.append([
      { atMs: 1, kind: 'incident-opened', incident: INCIDENT },
    ])) {
      refusing.board.apply(event);
    }
    const answer = await fetch(refusing.url + path, {
      method: 'POST',
      headers: { authorization: 'Bearer secret-of-ops' },
      body: '{"comment":"x"}',
    });
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain('disk full');
    expect(refusing.journal.lastSeq).toBe(1);
  });
});

describe('silences', () => {
  const path = '/api/v1/silences';
  const wanted = { selector: 'chain=Solhaga', forMinutes: 60, comment: 'Nets is told' };

  test('begin at once, are listed, hold, and can be ended', async () => {
    const made = await send('POST', path, { body: wanted });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ state: 'active', by: 'ops', targets: 2, selector: 'chain=Solhaga' });
    expect(lastEvent()).toMatchObject({ kind: 'silence-started', silence: { id: made.body['id'] } });
    expect((await send('GET', path, { token: 'wallboard' })).body).toEqual({ silences: [made.body] });
    await announce({
      atMs: 2,
      kind: 'target-state-changed',
      target: toTargetId('T1'),
      from: 'up',
      to: 'down',
      message: 'It refuses.',
      sinceMs: 1,
    });
    expect((await send('GET', '/api/v1/why?target=T1')).body).toMatchObject({
      state: 'down',
      announced: false,
      rule: 'silence',
      why: 'Silenced by ops: Nets is told.',
    });
    const id = String(made.body['id']);
    expect((await send('DELETE', `${path}/${id}`)).body).toEqual(made.body);
    expect(lastEvent()).toMatchObject({ kind: 'silence-ended', silence: { id }, endedBy: 'ops' });
    expect((await send('GET', path)).body).toEqual({ silences: [] });
    expect((await send('DELETE', `${path}/${id}`)).status).toBe(404);
    expect((await send('GET', '/api/v1/why?target=T1')).body).toEqual({
      target: 'T1',
      state: 'down',
      announced: true,
      why: 'It is down, and nothing keeps that from being announced.',
    });
  });

  test('may begin later', async () => {
    const startsAt = soon(60);
    const { body } = await send('POST', path, { body: { ...wanted, startsAt } });
    expect(body).toMatchObject({ state: 'pending', startsAt, endsAt: expect.stringMatching(/^20/) });
    expect(Date.parse(String(body['endsAt'])) - Date.parse(startsAt)).toBe(3_600_000);
  });

  test.each([
    {
      name: 'a selector that is none',
      change: { selector: 'Solhaga' },
      field: 'selector',
      says: /is no condition; write label=value/,
    },
    {
      name: 'a selector that names nothing',
      change: { selector: 'chain=Solhga' },
      field: 'selector',
      says: /names none of the 2 targets/,
    },
    { name: 'no end', change: { forMinutes: undefined }, field: 'endsAt', says: /endsAt is missing/ },
    {
      name: 'an end that has passed',
      change: { forMinutes: undefined, endsAt: '2020-01-01T00:00:00Z' },
      field: 'endsAt',
      says: /must be later than/,
    },
    {
      name: 'an end before its start',
      change: { forMinutes: undefined, startsAt: '2099-01-02T00:00:00Z', endsAt: '2099-01-01T00:00:00Z' },
      field: 'endsAt',
      says: /must be later than 2099-01-02/,
    },
    {
      name: 'a start so early that it is over',
      change: { startsAt: '2020-01-01T00:00:00Z' },
      field: 'startsAt',
      says: /must be later than/,
    },
    { name: 'no time at all', change: { forMinutes: 0 }, field: 'forMinutes', says: /more than 0/ },
  ])('$name is refused', async ({ change, field, says }) => {
    const { status, body } = await send('POST', path, { body: { ...wanted, ...change } });
    expect(status).toBe(400);
    expect(body).toEqual({
      error: { code: 'bad-request', message: expect.stringMatching(says), field },
    });
    expect(fixture.journal.lastSeq).toBe(0);
  });

  test('take an operator', async () => {
    expect((await send('POST', path, { body: wanted, token: 'wallboard' })).status).toBe(403);
    const answer = await fetch(fixture.url + path, { method: 'PUT' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
  });
});

describe('maintenances', () => {
  const path = '/api/v1/maintenances';
  const wanted = { selector: 'store=s1', forMinutes: 60, comment: 'new switch', by: 'Anna' };

  test('that begin now run at once', async () => {
    const { status, body } = await send('POST', path, { body: wanted });
    expect(status).toBe(201);
    expect(body).toMatchObject({ state: 'started', by: 'Anna', targets: 1 });
    expect(lastEvent()).toMatchObject({ kind: 'maintenance-started' });
    expect((await send('GET', path)).body).toEqual({ maintenances: [body] });
  });

  test.each([
    { name: 'that begin later', more: { startsAt: soon(60) } },
    { name: 'that begin at the first failure', more: { flexibleMinutes: 30 } },
  ])('$name are planned, and can be called off', async ({ more }) => {
    const { body } = await send('POST', path, { body: { ...wanted, ...more } });
    expect(body).toMatchObject({ state: 'planned', ...more });
    expect(lastEvent()).toMatchObject({ kind: 'maintenance-planned' });
    const id = String(body['id']);
    expect((await send('DELETE', `${path}/${id}`)).status).toBe(200);
    expect(lastEvent()).toMatchObject({ kind: 'maintenance-ended', maintenance: { id }, endedBy: 'ops' });
    expect((await send('DELETE', `${path}/${id}`)).status).toBe(404);
  });
});

describe('a report from a store', () => {
  const path = '/api/v1/stores/s1/reports';

  test.each([
    { says: 'works', probesSay: 'down', disagrees: true },
    { says: 'works', probesSay: 'offline-only', disagrees: false },
    { says: 'works', probesSay: 'unknown', disagrees: false },
    { says: 'fails', probesSay: 'available', disagrees: true },
    { says: 'fails', probesSay: 'degraded', disagrees: false },
    { says: 'fails', probesSay: 'down', disagrees: false },
  ] as const)('that card $says disagrees with $probesSay: $disagrees', async (expected) => {
    methodState = expected.probesSay;
    const body = { method: 'card', says: expected.says, comment: 'says the cashier' };
    const answer = await send('POST', path, { body, token: 'wallboard' });
    expect(answer).toMatchObject({ status: 200, body: { by: 'wallboard', store: 's1', ...expected } });
    expect(lastEvent()).toMatchObject({ kind: 'human-report', chain: 'Solhaga', ...expected });
  });

  test('must name a store, a method and what it says', async () => {
    const body = { method: 'card', says: 'works' };
    expect((await send('POST', '/api/v1/stores/s9/reports', { body })).status).toBe(404);
    const typo = await send('POST', path, { body: { ...body, method: 'swich' } });
    expect(typo).toMatchObject({
      status: 400,
      body: { error: { field: 'method', message: 'The field method is "swich"; did you mean swish?' } },
    });
    const vague = await send('POST', path, { body: { ...body, says: 'maybe' } });
    expect(vague.body).toMatchObject({
      error: { message: 'The field says is "maybe"; it must be works or fails.' },
    });
  });

  test('takes a bearer token: a password would be sent along from any page', async () => {
    const authorization = `Basic ${Buffer.from('me:secret-of-ops').toString('base64')}`;
    const body = JSON.stringify({ method: 'card', says: 'works' });
    const answer = await fetch(fixture.url + path, { method: 'POST', headers: { authorization }, body });
    expect(answer.status).toBe(403);
    await using open = await startFixture();
    expect((await fetch(open.url + path, { method: 'POST', body })).status).toBe(403);
    expect(open.journal.lastSeq).toBe(0);
  });
});

test.each([
  { rule: 'announced', announced: true },
  { rule: 'part-of-incident', announced: false },
  { rule: 'not-down', announced: false },
])('why tells the rule $rule as announced: $announced', async ({ rule, announced }) => {
  const { acts } = fixture.context;
  if (acts === undefined) throw new Error('no acts');
  const context = { acts: { ...acts, why: () => ({ rule, why: 'So it is.' }) } };
  await using other = await startFixture({ tokens: TOKENS, context });
  const body = await (await other.get('/api/v1/why?target=T1', 'wallboard')).json();
  expect(body).toEqual({ target: 'T1', state: 'unknown', announced, rule, why: 'So it is.' });
});

test('why is asked of a target that there is', async () => {
  expect(await send('GET', '/api/v1/why?target=T9')).toMatchObject({
    status: 404,
    body: { error: { field: 'target' } },
  });
  expect((await send('GET', '/api/v1/why?target=T1')).body).toEqual({
    target: 'T1',
    state: 'unknown',
    announced: false,
    why: 'It is not known to be down: there is no failure to announce.',
  });
});
