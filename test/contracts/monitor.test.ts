import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { io } from 'socket.io-client';
import {
  getJson,
  makeFolder,
  startServe,
  TcpTarget,
  until,
  writeTcpConfig,
} from '../tools/monitor-process.ts';

type Json = Readonly<Record<string, unknown>>;

let folder: Awaited<ReturnType<typeof makeFolder>>;
let target: TcpTarget;
let serve: Awaited<ReturnType<typeof startServe>>;
const get = <Value = Json>(path: string) => getJson<Value>(`${serve.url}${path}`);
const read = async (path: string): Promise<string> => (await fetch(`${serve.url}${path}`)).text();

/** A monitor of one terminal that answers, T0, and one that refuses, T1, once both have their verdict. */
beforeAll(async () => {
  folder = await makeFolder();
  target = await TcpTarget.start();
  const refusing = await TcpTarget.start();
  await refusing.close();
  const module = '{ prober: tcp, interval: 5s, timeout: 500ms, fail_after: 2, retry_interval: 200ms }';
  const config = await writeTcpConfig(folder.path, [target.port, refusing.port], module);
  serve = await startServe(config, join(folder.path, 'data'));
  await until(async () => {
    const { events } = await get<{ events: readonly Json[] }>('/api/v1/events');
    return events.some(({ kind }) => kind === 'incident-opened') ? true : undefined;
  });
});
afterAll(async () => {
  await serve[Symbol.asyncDispose]();
  await target[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const STAMP = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
const LABELS = { kind: 'terminal', store: 'S0', chain: 'Solhaga', region: 'Värmland', city: 'Kil' };

describe('contract: HTTP', () => {
  test('contract: GET /api/v1/targets and /api/v1/targets/ID', async () => {
    const first = await get<{ targets: readonly Json[]; next: unknown }>('/api/v1/targets?limit=1');
    expect(first.targets).toHaveLength(1);
    const { targets, next } = await get<{ targets: readonly Json[]; next: unknown }>(
      `/api/v1/targets?limit=1&after=${String(first.next)}`,
    );
    expect(next).toBeNull();
    const down = {
      id: 'T1',
      labels: { ...LABELS, lane: '1' },
      state: 'down',
      since: STAMP,
      reason: 'connect-refused',
      message: expect.stringContaining('refuses'),
      lastProbeAt: STAMP,
      durationMs: expect.any(Number),
    };
    expect(targets).toEqual([down]);
    expect(await get('/api/v1/targets/T1')).toMatchObject(down);
  });

  test('contract: GET /api/v1/stores, /api/v1/stores/ID', async () => {
    const store = { id: 'S0', state: 'down', targets: { unknown: 0, up: 1, degraded: 0, down: 1 } };
    expect(await get('/api/v1/stores')).toMatchObject({ stores: [store], next: null });
    expect(await get('/api/v1/stores/S0')).toMatchObject({ store });
  });

  test('contract: GET /api/v1/incidents, /api/v1/incidents/ID', async () => {
    const { incidents } = await get<{ incidents: readonly Json[] }>('/api/v1/incidents');
    expect(incidents).toHaveLength(1);
    expect(await get(`/api/v1/incidents/${String(incidents[0]?.['id'])}`)).toEqual(incidents[0]);
  });

  test('contract: GET /api/v1/events?since=SEQ', async () => {
    const { events, next } = await get<{ events: readonly Json[]; next: number }>('/api/v1/events?since=1');
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 2));
    expect(next).toBe(events.length + 1);
    expect(events.length).toBeGreaterThan(2);
  });

  test.each([
    { path: '/-/healthy', holds: 'alive' },
    { path: '/-/ready', holds: 'ready' },
    { path: '/api/v1/openapi.json', holds: '"openapi":"3.1' },
    { path: '/sd/targets', holds: '"targets":["127.0.0.1:' },
    { path: '/probe?target=T0&module=terminal', holds: 'probe_success 1' },
    { path: '/probe?target=T1&debug=true', holds: 'Metrics that would have been returned' },
    { path: '/', holds: '<!doctype html>' },
  ])('contract: GET $path', async ({ path, holds }) => {
    const answer = await fetch(`${serve.url}${path}`);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain(holds);
  });

  test.each([
    { method: 'GET', path: '/api/v1/targets?limit=0', status: 400, field: 'limit' },
    { method: 'GET', path: '/api/v1/targets/T9', status: 404, field: undefined },
    { method: 'POST', path: '/-/reload', status: 403, field: undefined },
  ])(
    'contract: errors are { error: { code, message, field? } }, as of $method $path',
    async ({ method, path, status, field }) => {
      const answer = await fetch(`${serve.url}${path}`, { method });
      expect(answer.status).toBe(status);
      expect(await answer.json()).toEqual({
        error: {
          code: expect.any(String),
          message: expect.any(String),
          ...(field === undefined ? {} : { field }),
        },
      });
    },
  );
});

describe('contract: metrics', () => {
  test.each([
    'kassavakt_probes_total \\d+',
    'kassavakt_probe_failures_total\\{reason="connect-refused"\\} [1-9]\\d*',
    'kassavakt_probe_lateness_seconds_bucket\\{le="0.25"\\} \\d+',
    'kassavakt_event_loop_delay_seconds_count \\d+',
    'kassavakt_journal_last_seq [1-9]\\d*',
    'kassavakt_feed_clients 0',
    'kassavakt_calm_mode 0',
    'kassavakt_build_info\\{version="[\\d.]+",node="26[\\d.]+"\\} 1',
    'kassavakt_config_last_reload_successful 1',
  ])('contract: process metrics include %s', async (line) => {
    expect(await read('/metrics')).toMatch(new RegExp(`^${line}$`, 'm'));
  });

  test('contract: per-target series are six at most, with the labels target, module, kind, store, chain', async () => {
    const series = (await read('/metrics/targets'))
      .split('\n')
      .filter((line) => /^\w+\{target="T1"/.test(line));
    const where = 'target="T1",module="terminal",kind="terminal",store="S0",chain="Solhaga"';
    expect(series.map((line) => line.replace(/ \S+$/, ''))).toEqual([
      `probe_success{${where}}`,
      `probe_duration_seconds{${where}}`,
      `probe_failure_info{${where},reason="connect-refused"}`,
      `kassavakt_target_state{${where}}`,
      `kassavakt_probe_last_run_timestamp_seconds{${where}}`,
      expect.stringContaining(`kassavakt_target_info{${where},`),
    ]);
    expect(series[3]).toMatch(/ 3$/);
  });
});

/** Every kind of design.md, in its order, also those that nothing announces yet. */
const KINDS = [
  'target-state-changed',
  'incident-opened',
  'incident-updated',
  'incident-resolved',
  'payment-method-changed',
  'monitor-blinded',
  'monitor-recovered',
  'maintenance-started',
  'maintenance-ended',
  'incident-acknowledged',
  'human-report',
  'config-reloaded',
];

/** The first message of that name which the feed sends to one who joins with `auth`; a refusal rejects. */
async function first(name: 'snapshot' | 'events' | 'gap', auth: Json): Promise<unknown> {
  const socket = io(`${serve.url}/feed`, {
    transports: ['websocket'],
    auth,
    reconnection: false,
    forceNew: true,
  });
  try {
    return await new Promise((resolve, reject) => {
      socket.once(name, resolve);
      socket.once('connect_error', reject);
    });
  } finally {
    socket.disconnect();
  }
}

describe('contract: feed', () => {
  test('contract: snapshot is { seq, at, targets: { counts }, stores, incidents }', async () => {
    expect(await first('snapshot', {})).toEqual({
      seq: expect.any(Number),
      at: STAMP,
      targets: { counts: { unknown: 0, up: 1, degraded: 0, down: 1 } },
      stores: [expect.objectContaining({ id: 'S0' })],
      incidents: [expect.objectContaining({ scope: [{ target: 'T1' }] })],
    });
  });

  test('contract: the shape of target-state-changed and of incident-opened, the same by socket.io and HTTP', async () => {
    const events = await first('events', { since: 0 });
    expect(events).toEqual((await get('/api/v1/events'))['events']);
    const change = { kind: 'target-state-changed', store: 'S0', chain: 'Solhaga', at: STAMP, since: STAMP };
    expect(events).toContainEqual({
      ...change,
      seq: expect.any(Number),
      region: 'Värmland',
      target: 'T1',
      from: 'unknown',
      to: 'down',
      reason: 'connect-refused',
      message: expect.stringContaining('refuses'),
    });
    expect(events).toContainEqual(
      expect.objectContaining({
        kind: 'incident-opened',
        incident: expect.objectContaining({
          id: expect.any(String),
          scope: [{ target: 'T1' }],
          title: 'T1 is down in Solhaga 0',
          severity: expect.stringMatching(/^(minor|major|critical)$/),
          state: 'open',
          openedAt: STAMP,
          targetsDown: 1,
          storesAffected: 1,
          reason: 'connect-refused',
        }),
      }),
    );
  });

  test('contract: the filter takes every kind, chain, region, store and minSeverity', async () => {
    const filter = { chain: 'Solhaga', region: 'Värmland', store: 'S0', kinds: KINDS, minSeverity: 'minor' };
    expect(await first('events', { since: 0, filter })).toContainEqual(
      expect.objectContaining({ kind: 'target-state-changed' }),
    );
    expect(
      await first('events', { since: 0, filter: { ...filter, kinds: ['incident-opened'] } }),
    ).toHaveLength(1);
  });

  test('contract: a since that is not to be had gives gap', async () => {
    expect(await first('gap', { since: 999 })).toEqual({ since: 999, firstSeq: 1 });
  });

  test('contract: GET /api/v1/events/stream with Last-Event-ID sends what came after it', async () => {
    const stop = new AbortController();
    const answer = await fetch(`${serve.url}/api/v1/events/stream`, {
      headers: { 'last-event-id': '2' },
      signal: stop.signal,
    });
    let text = '';
    for await (const part of answer.body ?? []) {
      text += Buffer.from(part).toString();
      if (/^data: .*\n\n/m.test(text)) break;
    }
    stop.abort();
    expect(text).toMatch(/^id: \d+\nevent: events\ndata: \[\{"seq":3,/m);
  });
});
