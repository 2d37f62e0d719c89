import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '../../../src/lib/clock.ts';
import { AlertmanagerPeer, type PeerAuth } from '../../../src/notifiers/alertmanager/peer.ts';
import { freePort } from '../../tools/alertmanager.ts';
import { makeFolder } from '../../tools/monitor-process.ts';

let owned: AsyncDisposableStack;
let folder: string;
let server: Server;
let url: string;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let seen: {
  method: string | undefined;
  path: string | undefined;
  authorization: string | undefined;
  body: string;
}[];
const never = new AbortController().signal;

beforeEach(async () => {
  owned = new AsyncDisposableStack();
  folder = owned.use(await makeFolder()).path;
  seen = [];
  answer = (_request, response) => response.end();
  server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      const { method, url: path, headers } = request;
      seen.push({ method, path, authorization: headers.authorization, body });
      answer(request, response);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  owned.defer(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/am`;
});
afterEach(() => owned.disposeAsync());

function makePeer(options: { auth?: PeerAuth; timeoutMs?: number; url?: string } = {}): AlertmanagerPeer {
  const { auth, timeoutMs = 5_000, url: other = url } = options;
  return owned.use(new AlertmanagerPeer({ url: other, auth, timeoutMs }, systemClock));
}

const ALERT = { labels: { a: 'å' }, annotations: {}, startsAt: 's', endsAt: 'e', generatorURL: 'g' };

describe('an Alertmanager', () => {
  test('is told under its own path', async () => {
    expect(await makePeer().postAlerts([ALERT], never)).toEqual({ ok: true, value: undefined });
    expect(seen).toEqual([
      { method: 'POST', path: '/am/api/v2/alerts', authorization: undefined, body: JSON.stringify([ALERT]) },
    ]);
  });

  test('is told who we are, with the secret as it stands in the file now', async () => {
    const file = join(folder, 'secret');
    await writeFile(file, 'first\n');
    const basic = makePeer({ auth: { kind: 'basic', username: 'ops', passwordFile: file } });
    const bearer = makePeer({ auth: { kind: 'bearer', tokenFile: file } });
    await basic.postAlerts([], never);
    await writeFile(file, 'second');
    await bearer.postAlerts([], never);
    expect(seen.map(({ authorization }) => authorization)).toEqual([
      `Basic ${Buffer.from('ops:first').toString('base64')}`,
      'Bearer second',
    ]);
  });

  test('is not asked with a secret that cannot be read', async () => {
    const peer = makePeer({ auth: { kind: 'bearer', tokenFile: join(folder, 'gone') } });
    expect(await peer.postAlerts([], never)).toMatchObject({
      ok: false,
      error: { isPermanent: true, message: expect.stringMatching(/gone cannot be read/) },
    });
    expect(seen).toEqual([]);
  });

  test.each([
    {
      status: 400,
      body: '"invalid label set"',
      isPermanent: true,
      says: 'answers with status 400: "invalid label set"',
    },
    { status: 401, body: '', isPermanent: true, says: 'look at the credentials under alertmanager' },
    { status: 404, body: '', isPermanent: true, says: 'look at the address under alertmanager.urls' },
    { status: 408, body: '', isPermanent: false, says: 'answers with status 408' },
    { status: 429, body: '', isPermanent: false, says: 'answers with status 429' },
    { status: 503, body: 'Lame Duck', isPermanent: false, says: 'answers with status 503: Lame Duck' },
  ])('that answers $status is told of in words', async ({ status, body, isPermanent, says }) => {
    answer = (_request, response) => response.writeHead(status).end(body);
    expect(await makePeer().postAlerts([], never)).toEqual({
      ok: false,
      error: { isPermanent, message: expect.stringContaining(`Alertmanager ${url} `) },
    });
    const told = await makePeer().listSilences(never);
    expect(told.ok ? '' : told.error.message).toContain(says);
  });

  test('that redirects is not followed: the alerts would be lost on the way', async () => {
    answer = (_request, response) => response.writeHead(302, { location: 'https://other.test/am' }).end();
    const told = await makePeer().postAlerts([ALERT], never);
    expect(told).toMatchObject({ ok: false, error: { isPermanent: true } });
    expect(told.ok ? '' : told.error.message).toContain(
      'redirects to https://other.test; write the address that answers',
    );
    expect(seen).toHaveLength(1);
  });

  test('that hangs is given up in time', async () => {
    answer = () => undefined;
    expect(await makePeer({ timeoutMs: 50 }).postAlerts([], never)).toEqual({
      ok: false,
      error: { isPermanent: false, message: `Alertmanager ${url} does not answer within 50 ms.` },
    });
  });

  test('that is not there is told of', async () => {
    const nobody = `http://127.0.0.1:${await freePort()}`;
    expect(await makePeer({ url: nobody }).postAlerts([], never)).toMatchObject({
      ok: false,
      error: { isPermanent: false, message: expect.stringMatching(/cannot be reached: .*ECONNREFUSED/) },
    });
  });

  test('is left at once when we stop, with the reason', async () => {
    const stop = new AbortController();
    answer = () => stop.abort(new DOMException('the monitor stops', 'AbortError'));
    await expect(makePeer().postAlerts([], stop.signal)).rejects.toThrow('the monitor stops');
  });

  test('lists its silences, whatever else it says of them', async () => {
    const silence = {
      id: 'a',
      createdBy: 'Ada',
      comment: 'c',
      status: { state: 'expired' },
      annotations: {},
    };
    answer = (_request, response) =>
      response.end(JSON.stringify([silence, { ...silence, id: 'b', status: { state: 'pending' } }]));
    expect(await makePeer().listSilences(never)).toEqual({
      ok: true,
      value: [
        { id: 'a', createdBy: 'Ada', comment: 'c', isOver: true },
        { id: 'b', createdBy: 'Ada', comment: 'c', isOver: false },
      ],
    });
  });

  test.each(['<html>', '{"silences":[]}', '[{"id":1}]'])('that answers %s is none', async (body) => {
    answer = (_request, response) => response.end(body);
    const told = await makePeer().listSilences(never);
    expect(told.ok ? '' : told.error.message).toContain('is it an Alertmanager?');
  });

  test('creates and ends silences', async () => {
    const draft = { matchers: [], startsAtMs: 0, endsAtMs: 1_000, createdBy: 'Ada', comment: 'c' };
    expect((await makePeer().createSilence(draft, never)).ok).toBe(true);
    expect((await makePeer().endSilence('a/b', never)).ok).toBe(true);
    expect(seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /am/api/v2/silences',
      'DELETE /am/api/v2/silence/a%2Fb',
    ]);
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      matchers: [],
      createdBy: 'Ada',
      comment: 'c',
      startsAt: '1970-01-01T00:00:00.000Z',
      endsAt: '1970-01-01T00:00:01.000Z',
    });
  });
});
