import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { request as httpRequest } from 'node:http';
import { systemClock } from '../../src/lib/clock.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { startSimulator } from '../../src/simulator/start-simulator.ts';
import { ask, pickTarget } from './clients.ts';

let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator({ stores: 4, terminals: 4, seed: 3, clock: systemClock });
});
afterAll(async () => {
  await simulator[Symbol.asyncDispose]();
});

const PAYMENT = '/swish-cpcapi/api/v1/paymentrequests/11A86BE70EA346E4B1C39C874173F088';

describe('Swish', () => {
  test('knows no payment request, and says so to those it knows', async () => {
    const { status, body } = await ask(simulator, pickTarget(simulator, 'swish'), { path: PAYMENT });
    expect(status).toBe(404);
    expect(JSON.parse(body)).toEqual([expect.objectContaining({ errorCode: 'RP04' })]);
  });

  test('turns away whoever shows no certificate', async () => {
    const swish = pickTarget(simulator, 'swish');
    const { status, body } = await ask(simulator, swish, { path: PAYMENT, withClientCertificate: false });
    expect({ status, body }).toEqual({ status: 401, body: '' });
  });

  test('turns away a certificate from elsewhere', async () => {
    await using other = await startSimulator({ stores: 1, terminals: 1, seed: 3, clock: systemClock });
    const stranger = { ...simulator.certificates, swishClient: other.certificates.swishClient };
    const disguised = Object.create(simulator, { certificates: { value: stranger } }) as Simulator;
    expect((await ask(disguised, pickTarget(simulator, 'swish'), { path: PAYMENT })).status).toBe(401);
  });

  test.each(['PUT', 'POST', 'PATCH', 'DELETE'])('counts a %s as an attempt to pay', async (method) => {
    const before = simulator.violations().total;
    const { status } = await ask(simulator, pickTarget(simulator, 'swish'), { method, path: PAYMENT });
    expect(status).toBe(405);
    const { total, newest } = simulator.violations();
    expect(total).toBe(before + 1);
    expect(newest.at(-1)).toMatchObject({ target: 'swish', kind: 'payment-attempt' });
  });
});

describe('web shops', () => {
  test('each chain has one', () => {
    const chains = simulator.targets
      .filter(({ kind }) => kind === 'web')
      .map(({ labels }) => labels['chain']);
    expect(chains).toEqual(['Solhaga', 'Älvkläpp', 'Torgboden']);
  });

  test('answers HTTPS and HTTP on one port', async () => {
    const web = pickTarget(simulator, 'web');
    const secure = await ask(simulator, web);
    expect(secure).toMatchObject({ status: 200, body: expect.stringContaining('Solhaga') });
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    httpRequest({ host: '127.0.0.1', port: web.port, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    })
      .on('error', reject)
      .end();
    expect(await promise).toBe(secure.body);
  });
});
