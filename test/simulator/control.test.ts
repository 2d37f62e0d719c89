import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/lib/clock.ts';
import { type ControlServer, serveControl } from '../../src/simulator/control.ts';
import { FAULT_NAMES } from '../../src/simulator/faults.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { startSimulator } from '../../src/simulator/start-simulator.ts';
import { diagnosisMessage, dial, ask, pickTarget } from './clients.ts';

let simulator: Simulator;
let control: ControlServer;

beforeAll(async () => {
  simulator = await startSimulator({ stores: 4, terminals: 16, seed: 2, clock: systemClock });
  control = await serveControl(simulator, { host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
  await simulator[Symbol.asyncDispose]();
});
afterEach(async () => {
  for (const { id } of simulator.faults()) await simulator.removeFault(id);
});

async function call(method: string, path: string, body?: unknown) {
  const response = await fetch(`${control.url}${path}`, {
    method,
    ...(body === undefined
      ? {}
      : {
          headers: { 'content-type': 'application/json' },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        }),
  });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

/** An order with exactly these headers: fetch would add a content type, and keeps some headers to itself. */
async function send(headers: Record<string, string>, body: Buffer) {
  const request = httpRequest(`${control.url}/faults`, { method: 'POST', headers, agent: false });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode, text: await text(response) };
}

/** The contract in design.md, "Simulator control". */
describe('simulator control', () => {
  test('GET /targets lists every target with its labels', async () => {
    const { status, body } = await call('GET', '/targets');
    expect(status).toBe(200);
    expect(body.targets).toEqual(simulator.targets.map(({ id, labels }) => ({ id, labels })));
    expect(body.targets).toContainEqual({ id: 'swish', labels: { kind: 'swish', target: 'swish' } });
  });

  test('POST /faults breaks what matches, GET /faults lists it, DELETE /faults/ID ends it', async () => {
    const { port } = pickTarget(simulator, 'gateway');
    const where = { chain: 'Solhaga', kind: 'gateway' };
    const added = await call('POST', '/faults', { where, fault: 'refuse', share: 1, forSeconds: 600 });
    expect(added).toEqual({
      status: 200,
      body: { id: expect.any(String), targets: expect.any(Array), at: expect.any(String) },
    });
    const { id, targets, at } = added.body;
    expect(targets).toEqual(
      simulator.targets
        .filter(({ labels }) => labels['chain'] === 'Solhaga' && labels['kind'] === 'gateway')
        .map((target) => target.id),
    );
    expect(new Date(at).toISOString()).toBe(at);
    expect(await dial(port)).toBe('ECONNREFUSED');
    const listed = await call('GET', '/faults');
    expect(listed.body.faults).toEqual([
      { id, targets, at, where, fault: 'refuse', share: 1, forSeconds: 600 },
    ]);
    expect(listed.body.known.map(({ name }: { name: string }) => name)).toEqual(FAULT_NAMES);
    expect((await call('DELETE', `/faults/${id}`)).status).toBe(200);
    expect(await dial(port)).toBe('connected');
    expect((await call('GET', '/faults')).body.faults).toEqual([]);
  });

  test.each([
    'refuse',
    'blackhole',
    'reset',
    'slow',
    'hang',
    'garbage',
    'tls-expired',
    'tls-wrong-name',
    'http-500',
    'maintenance-page',
    'busy',
    'host-unreachable',
    'wrong-key',
    'flap',
  ])('POST /faults knows %s', async (fault) => {
    const added = await call('POST', '/faults', { where: {}, fault, forSeconds: 600 });
    expect(added.status).toBe(200);
    expect(added.body.targets.length).toBeGreaterThan(0);
  });

  test('where matches by target and by kind', async () => {
    const one = await call('POST', '/faults', { where: { target: 'swish' }, fault: 'http-500' });
    expect(one.body.targets).toEqual(['swish']);
    const shops = await call('POST', '/faults', { where: { kind: 'web' }, fault: 'maintenance-page' });
    expect(shops.body.targets).toEqual(['web-solhaga', 'web-alvklapp', 'web-torgboden']);
  });

  test('GET /violations tells what a monitor did wrong', async () => {
    const before = await call('GET', '/violations');
    expect(before.body).toEqual({ total: 0, violations: [] });
    const target = pickTarget(simulator, 'terminal', ({ device }) => device?.isEncrypted === false);
    const body = JSON.stringify(diagnosisMessage(target.id, { category: 'Payment' }));
    await ask(simulator, target, { method: 'POST', path: '/nexo/', body });
    expect((await call('GET', '/violations')).body).toEqual({
      total: 1,
      violations: [
        {
          target: target.id,
          kind: 'other-message',
          message: expect.stringContaining('Payment'),
          at: expect.any(String),
        },
      ],
    });
  });

  const refusals = [
    {
      name: 'a chain misspelt',
      send: { where: { chain: 'Solhage' }, fault: 'refuse' },
      field: 'where.chain',
      says: /"Solhage".*did you mean "Solhaga"/,
    },
    {
      name: 'a label misspelt',
      send: { where: { acquirr: 'Nordbank' }, fault: 'refuse' },
      field: 'where.acquirr',
      says: /did you mean "acquirer"/,
    },
    {
      name: 'a label that nothing is like',
      send: { where: { colour: 'red' }, fault: 'refuse' },
      field: 'where.colour',
      says: /the labels are .*chain/,
    },
    {
      name: 'a value that is no text',
      send: { where: { lane: 1 }, fault: 'refuse' },
      field: 'where.lane',
      says: /in quotes/,
    },
    {
      name: 'labels that do not go together',
      send: { where: { kind: 'web', lane: '1' }, fault: 'refuse' },
      field: 'where',
      says: /no target has all/,
    },
    {
      name: 'a fault misspelt',
      send: { where: {}, fault: 'blackhol' },
      field: 'fault',
      says: /"blackhol".*did you mean "blackhole"/,
    },
    {
      name: 'a fault that nothing is like',
      send: { where: {}, fault: 'earthquake' },
      field: 'fault',
      says: /the faults are refuse, /,
    },
    { name: 'no fault', send: { where: {} }, field: 'fault', says: /name a fault/ },
    { name: 'no where', send: { fault: 'refuse' }, field: 'where', says: /name the targets/ },
    {
      name: 'a fault that fits none',
      send: { where: { kind: 'gateway' }, fault: 'busy' },
      field: 'fault',
      says: /"busy" fits terminal/,
    },
    {
      name: 'a share above 1',
      send: { where: {}, fault: 'refuse', share: 2 },
      field: 'share',
      says: /at most 1/,
    },
    {
      name: 'a share that is no number',
      send: { where: {}, fault: 'refuse', share: '1' },
      field: 'share',
      says: /number/,
    },
    {
      name: 'a time of 0',
      send: { where: {}, fault: 'refuse', forSeconds: 0 },
      field: 'forSeconds',
      says: /more than 0/,
    },
    {
      name: 'a latency for another fault',
      send: { where: {}, fault: 'refuse', latencyMs: 5 },
      field: 'latencyMs',
      says: /"slow" alone/,
    },
    {
      name: 'an unknown field',
      send: { where: {}, fault: 'slow', latency: 5 },
      field: 'latency',
      says: /did you mean "latencyMs"/,
    },
    { name: 'a list', send: [], field: undefined, says: /object/ },
  ];
  test.each(refusals)('refuses $name', async ({ send, field, says }) => {
    const { status, body } = await call('POST', '/faults', send);
    expect(status).toBe(400);
    expect(body).toEqual({
      error: {
        code: expect.stringMatching(/^[a-z-]+$/),
        message: expect.stringMatching(says),
        ...(field === undefined ? {} : { field }),
      },
    });
    expect(simulator.faults()).toEqual([]);
  });

  test.each([
    { name: 'half a body', method: 'POST', path: '/faults', body: '{"where":', status: 400 },
    { name: 'no body', method: 'POST', path: '/faults', body: undefined, status: 400 },
    {
      name: 'a body without end',
      method: 'POST',
      path: '/faults',
      body: `"${'x'.repeat(100_000)}"`,
      status: 413,
    },
    { name: 'an unknown fault id', method: 'DELETE', path: '/faults/f999', body: undefined, status: 404 },
    { name: 'an unknown path', method: 'GET', path: '/fault', body: undefined, status: 404 },
    { name: 'an unknown method', method: 'PUT', path: '/faults', body: {}, status: 404 },
    {
      name: 'a path that is no text',
      method: 'DELETE',
      path: '/faults/%E0%A4%A',
      body: undefined,
      status: 400,
    },
  ])('refuses $name', async ({ method, path, body, status }) => {
    const answer = await call(method, path, body);
    expect(answer.status).toBe(status);
    expect(answer.body.error).toMatchObject({ code: expect.any(String), message: expect.any(String) });
  });

  test.each([
    { name: 'no content type', headers: {} },
    { name: "curl's own content type", headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    { name: 'plain text', headers: { 'content-type': 'text/plain' } },
    { name: 'a page of its own', headers: { origin: 'OWN' } },
  ])('takes an order with $name', async ({ headers }) => {
    const body = Buffer.from('{"where":{"target":"swish"},"fault":"refuse"}');
    const own = Object.entries(headers).map(([name, value]) => [name, value.replace('OWN', control.url)]);
    const { status } = await send(Object.fromEntries(own), body);
    expect(status).toBe(200);
    expect(simulator.faults()).toHaveLength(1);
  });

  test.each([
    { name: 'a page of another site', headers: { origin: 'https://shop.example.test' } },
    { name: 'a page on another port', headers: { origin: 'http://127.0.0.1:1' } },
    { name: 'a page of no site', headers: { origin: 'null' } },
    { name: 'a name that another site points here', headers: { host: 'shop.example.test' } },
  ])('takes no order from $name, marked as JSON or not', async ({ headers }) => {
    for (const type of ['text/plain', 'application/json']) {
      const body = Buffer.from('{"where":{},"fault":"refuse"}');
      const { status, text: answer } = await send({ ...headers, 'content-type': type }, body);
      expect(status).toBe(403);
      expect(JSON.parse(answer).error.code).toBe('foreign-origin');
    }
    expect(simulator.faults()).toEqual([]);
  });

  test('a port that is taken is told of', async () => {
    const port = Number(new URL(control.url).port);
    await expect(serveControl(simulator, { host: '127.0.0.1', port })).rejects.toThrow('EADDRINUSE');
  });
});
