import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Maintenance } from '../../src/core/events.ts';
import { makeTarget } from '../metrics/targets.ts';
import { type Fixture, makeStore, makeToken, startFixture } from './app-fixture.ts';

const PATH = '/api/v1/maintenances';
const ID = 'move@2030-01-02T20:00:00.000Z';
const STARTS_MS = Date.UTC(2030, 0, 2, 20);
const plan = (selector: string): Maintenance => ({
  id: ID,
  selector,
  startsAtMs: STARTS_MS,
  endsAtMs: STARTS_MS + 3_600_000,
  flexibleMs: 600_000,
  by: 'Ada',
  comment: 'the move',
});
const PLANNED = {
  id: ID,
  state: 'planned',
  startsAt: '2030-01-02T20:00:00.000Z',
  endsAt: '2030-01-02T21:00:00.000Z',
  flexibleMinutes: 10,
  by: 'Ada',
  comment: 'the move',
};

let fixture: Fixture;
let coming: readonly Maintenance[];
beforeEach(async () => {
  coming = [];
  fixture = await startFixture({
    tokens: [makeToken('ops', 'operator')],
    stores: [makeStore('s1', 'Solhaga Kil')],
    targets: [
      makeTarget('T1', { store: 's1', labels: { chain: 'Solhaga' } }),
      makeTarget('T2', { labels: { chain: 'Solhaga' } }),
    ],
    comingMaintenances: () => coming,
  });
});
afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
});

async function send(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
  const answer = await fetch(fixture.url + path, {
    method,
    headers: { authorization: 'Bearer secret-of-ops' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return (await answer.json()) as Record<string, unknown>;
}

describe('maintenances that the configuration plans', () => {
  test('are listed before they begin, and can be called off', async () => {
    coming = [plan('store=s1')];
    const listed = { ...PLANNED, selector: 'store=s1', targets: 1 };
    expect(await send('GET', PATH)).toEqual({ maintenances: [listed] });
    expect(await send('DELETE', `${PATH}/${ID}`)).toEqual(listed);
    expect(fixture.journal.read(0, 2)).toMatchObject([
      { kind: 'maintenance-ended', maintenance: { id: ID }, endedBy: 'ops' },
    ]);
  });

  test('are told with a store when they are about a target of it, like those of people', async () => {
    const told = async () => (await send('GET', '/api/v1/stores/s1'))['maintenances'];
    expect(await told()).toEqual([]);
    coming = [plan('target=T1')];
    expect(await told()).toEqual([{ ...PLANNED, selector: 'target=T1', targets: 1 }]);
    coming = [plan('target=T2')];
    expect(await told()).toEqual([]);
    const wanted = { selector: 'chain=Solhaga', forMinutes: 60, comment: 'new switch' };
    const begun = await send('POST', PATH, wanted);
    expect(begun).toMatchObject({ state: 'started', targets: 2 });
    expect(await told()).toEqual([begun]);
  });
});
