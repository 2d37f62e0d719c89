import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { parseSecrets, signatureHeaders } from '../../src/notifiers/webhook/webhook-signature.ts';
import { webhookNotifier } from '../../src/notifiers/webhook.ts';
import { makeAuthority } from '../tools/certificates.ts';
import { FakeClock } from '../tools/fake-clock.ts';
import { always, type Received, startHttpReceiver } from './http-receiver.ts';
import { noticeOf, TEST_NOTICE } from './notices.ts';
import { describeNotifier, SECRET, send } from './notifier.contract.ts';
import { useWebhooks } from './webhook-fixture.ts';

describe('The webhook notifier', () => {
  describeNotifier(webhookNotifier, {
    optionsAt: (address) => ({
      url: `http://${address}/hooks/${SECRET}`,
      secret_file: 'secret',
      headers: { 'X-Token': { file: 'secret' } },
      basic_auth: { username: 'kassavakt', password_file: 'secret' },
    }),
    async start() {
      const receiver = await startHttpReceiver();
      return {
        options: { url: receiver.url },
        ids: () => receiver.received.map(({ headers }) => String(headers['webhook-id'])),
        [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
      };
    },
    async startRefusing(kind) {
      const receiver = await startHttpReceiver(always(kind === 'temporary' ? 503 : 404));
      return {
        options: { url: `${receiver.url}/${SECRET}` },
        [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
      };
    },
    unreadable: { secret_file: '/nonexistent/secret' },
    permanent: ['http-401'],
  });
});

const { write, open, receive } = useWebhooks();

/** A receiver's own check, written from the specification of Standard Webhooks 1.0. */
function verifyStandardWebhook(secret: string, { headers, body }: Received, nowMs: number): boolean {
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  const signatures = headers['webhook-signature'];
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string') return false;
  if (!/^\d+$/.test(timestamp) || Math.abs(nowMs / 1_000 - Number(timestamp)) > 300) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`, 'utf8').digest();
  return signatures.split(' ').some((each) => {
    const [version, signature = ''] = each.split(',');
    const given = Buffer.from(signature, 'base64');
    return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
  });
}

describe('A webhook’s signature', () => {
  const other = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

  test('is one that an independent check accepts, and no other secret or body', async () => {
    const clock = new FakeClock();
    const received = await receive({ secret_file: write('one', `${SECRET}\n`) }, noticeOf('opened'), {
      clock,
    });
    expect(verifyStandardWebhook(SECRET, received, clock.nowMs())).toBe(true);
    expect(verifyStandardWebhook(other, received, clock.nowMs())).toBe(false);
    expect(verifyStandardWebhook(SECRET, { ...received, body: `${received.body} ` }, clock.nowMs())).toBe(
      false,
    );
    expect(verifyStandardWebhook(SECRET, received, clock.nowMs() + 600_000)).toBe(false);
  });

  test('is the one that the specification’s own libraries test themselves with', () => {
    // Secret, id, time, body and signature as the reference implementations test themselves with.
    const received: Received = {
      method: 'POST',
      path: '/',
      headers: {
        'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
        'webhook-timestamp': '1614265330',
        'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
      },
      body: '{"test": 2432232314}',
    };
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const atMs = 1_614_265_330_000;
    expect(verifyStandardWebhook(secret, received, atMs)).toBe(true);
    const read = parseSecrets(secret);
    const made = read.ok && signatureHeaders('msg_p5jXN8AQM9LWM0D4loKWxJek', received.body, read.value, atMs);
    expect(made).toEqual(received.headers);
  });

  test('is made with each of two secrets while a receiver changes over', async () => {
    const received = await receive(
      { secret_file: write('two', `${SECRET}\n${other}\n`) },
      noticeOf('opened'),
    );
    expect(verifyStandardWebhook(SECRET, received, Date.now())).toBe(true);
    expect(verifyStandardWebhook(other, received, Date.now())).toBe(true);
  });

  test('is left out without a secret, and the key is there all the same', async () => {
    const { headers } = await receive({}, noticeOf('opened'));
    expect(headers['webhook-signature']).toBeUndefined();
    expect(headers['webhook-id']).toBe('lqg1x0-1a2b3c/opened/17/ops');
    expect(headers['idempotency-key']).toBe('lqg1x0-1a2b3c/opened/17/ops');
  });

  test('has an id without the full stops and letters that would confuse it', async () => {
    const { headers } = await receive({}, { ...TEST_NOTICE, key: 'a.b/å 1%' });
    expect(headers['webhook-id']).toBe('a%2Eb/%C3%A5%201%25');
  });

  test.each([
    { name: 'no prefix', text: 'aGVtbGlndC03ZjNhOTEtaGVtbGlndC03ZjNhOTE' },
    { name: 'no base64', text: 'whsec_hemligt hemligt hemligt hemligt' },
    { name: 'too short a secret', text: 'whsec_aGVtbGlndA==' },
  ])('needs a secret as the specification writes it: $name', async ({ text }) => {
    const opening = open({ url: 'http://127.0.0.1:9', secret_file: write('bad', text) });
    await expect(opening).rejects.toThrow(
      /^channel ops: secret_file bad holds no secret as Standard Webhooks/,
    );
    await expect(opening).rejects.not.toThrow(text);
  });
});

describe('A webhook’s receiver', () => {
  test.each([
    { status: 200, kind: 'delivered' },
    { status: 202, kind: 'delivered' },
    { status: 301, isPermanent: true, says: /sends us elsewhere/ },
    { status: 400, isPermanent: true, says: /does not take it as it is/ },
    { status: 401, isPermanent: true, says: /refuses us; correct its address, headers or secret_file/ },
    { status: 403, isPermanent: true, says: /refuses us/ },
    { status: 404, isPermanent: true, says: /nothing is there; correct the channel’s url or url_file/ },
    { status: 408, isPermanent: false, says: /not ready/ },
    { status: 410, isPermanent: true, says: /nothing is there/ },
    { status: 425, isPermanent: false, says: /not ready/ },
    { status: 429, isPermanent: false, says: /asked too often/ },
    { status: 500, isPermanent: false, says: /fault of its own/ },
    { status: 503, isPermanent: false, says: /fault of its own/ },
  ])('that answers $status', async ({ status, kind = 'failed', isPermanent, says }) => {
    await using receiver = await startHttpReceiver(always(status, {}, SECRET));
    await using channel = await open({ url: receiver.url });
    const delivery = await send(channel, noticeOf('opened'));
    expect(delivery).toMatchObject({ kind, ...(isPermanent === undefined ? {} : { isPermanent }) });
    if (says !== undefined) expect(delivery).toMatchObject({ message: expect.stringMatching(says) });
    expect(JSON.stringify(delivery)).not.toContain(SECRET);
  });

  test.each([
    { header: '120', date: undefined, waitMs: 120_000 },
    { header: 'Fri, 22 Dec 2023 13:01:30 GMT', date: 'Fri, 22 Dec 2023 13:00:00 GMT', waitMs: 90_000 },
    { header: '999999999', date: undefined, waitMs: 86_400_000 },
    { header: 'later', date: undefined, waitMs: undefined },
  ])('that asks for patience: $header', async ({ header, date, waitMs }) => {
    const headers = { 'Retry-After': header, ...(date === undefined ? {} : { Date: date }) };
    await using receiver = await startHttpReceiver(always(429, headers));
    await using channel = await open({ url: receiver.url });
    expect(await send(channel, noticeOf('opened'))).toEqual({
      kind: 'failed',
      isPermanent: false,
      message: expect.stringContaining('answers 429'),
      ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
    });
  });

  test('that sends us elsewhere does not make us tell others', async () => {
    await using other = await startHttpReceiver();
    await using receiver = await startHttpReceiver(always(307, { Location: `${other.url}/stolen` }));
    await using channel = await open({ url: receiver.url, headers: { Authorization: 'Bearer x' } });
    expect(await send(channel, noticeOf('opened'))).toMatchObject({ kind: 'failed', isPermanent: true });
    expect(other.received).toEqual([]);
  });

  test('has the message when it has said so, whatever it does with the rest of its answer', async () => {
    await using receiver = await startHttpReceiver((_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/plain' });
      response.write('x'.repeat(100_000));
    });
    await using channel = await open({ url: receiver.url });
    expect(await send(channel, noticeOf('opened'))).toEqual({ kind: 'delivered' });
  });

  test('is reached by an address from a file, and with headers that are set', async () => {
    await using receiver = await startHttpReceiver();
    const options = {
      url_file: write('address', `${receiver.url}/services/T0/B0/xyz\n`),
      headers: { 'X-Source': 'kassavakt', Authorization: { file: write('bearer', 'Bearer abc\n') } },
    };
    await using channel = await open(options);
    expect(await send(channel, noticeOf('opened'))).toEqual({ kind: 'delivered' });
    expect(receiver.received).toMatchObject([
      {
        path: '/services/T0/B0/xyz',
        headers: { 'x-source': 'kassavakt', authorization: 'Bearer abc', 'user-agent': 'kassavakt' },
      },
    ]);
  });

  test('is reached through the proxy of the environment, which reads nothing of the message', async () => {
    const authority = await makeAuthority();
    await using receiver = await startHttpReceiver(
      undefined,
      await authority.issue({ dns: ['receiver.test'] }),
    );
    const { port } = new URL(receiver.url);
    const asked: string[] = [];
    const proxy = createServer().on('connect', ({ url = '' }, near) => {
      asked.push(url);
      const far = connect(Number(port), '127.0.0.1', () => near.write('HTTP/1.1 200 OK\r\n\r\n'));
      near.on('error', () => far.destroy()).pipe(far);
      far.on('error', () => near.destroy()).pipe(near);
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const before = process.env['HTTPS_PROXY'];
    process.env['HTTPS_PROXY'] = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    try {
      const ca_file = write('proxied.pem', authority.cert);
      await using channel = await open({ url: `https://receiver.test:${port}/hook`, ca_file });
      expect(await send(channel, noticeOf('opened'))).toEqual({ kind: 'delivered' });
      expect(asked).toEqual([`receiver.test:${port}`]);
      expect(receiver.received).toMatchObject([{ path: '/hook' }]);
    } finally {
      if (before === undefined) delete process.env['HTTPS_PROXY'];
      else process.env['HTTPS_PROXY'] = before;
      proxy.close();
    }
  });

  test('is trusted over TLS by its authority alone, and a certificate that is not may be mended', async () => {
    const authority = await makeAuthority();
    const [good, expired, other] = await Promise.all([
      authority.issue({ ip: ['127.0.0.1'] }),
      authority.issue({ ip: ['127.0.0.1'], fromDays: -20, toDays: -2 }),
      authority.issue({ dns: ['other.example.test'] }),
    ]);
    const ca = write('ca.pem', authority.cert);
    const attempt = async (certificate: typeof good, options: object) => {
      await using receiver = await startHttpReceiver(undefined, certificate);
      await using channel = await open({ url: receiver.url, ...options });
      return await send(channel, noticeOf('opened'));
    };
    expect(await attempt(good, { ca_file: ca })).toEqual({ kind: 'delivered' });
    for (const [certificate, options, says] of [
      [good, {}, /authority that is not trusted; name that in ca_file/],
      [expired, { ca_file: ca }, /certificate that has expired/],
      [other, { ca_file: ca }, /certificate for another name/],
    ] as const) {
      expect(await attempt(certificate, options)).toMatchObject({
        isPermanent: false,
        message: expect.stringMatching(says),
      });
    }
  });
});

describe('A webhook’s options', () => {
  test.each([
    { name: 'no address', options: {}, says: 'give the address once: either url or url_file' },
    {
      name: 'two addresses',
      options: { url: 'http://a.test', url_file: 'f' },
      says: 'give the address once',
    },
    {
      name: 'another scheme',
      options: { url: 'ftp://a.test/' },
      says: 'url is neither http:// nor https://',
    },
    {
      name: 'no address at all',
      options: { url: 'a.test' },
      says: 'url is no address; write it as https://host/path',
    },
    { name: 'a password in it', options: { url: 'https://u:p@a.test' }, says: 'give them in basic_auth' },
    {
      name: 'two templates',
      options: { url: 'http://a.test', template: '1', template_file: 'f' },
      says: 'give the template once',
    },
    {
      name: 'a template and a preset',
      options: { url: 'http://a.test', template: '1', preset: 'slack' },
      says: 'preset slack has its own body',
    },
    {
      name: 'a content type for nothing',
      options: { url: 'http://a.test', content_type: 'text/plain' },
      says: 'content_type is that of a template, and there is none',
    },
    {
      name: 'a header of ours',
      options: { url: 'http://a.test', headers: { 'Webhook-Id': '1' } },
      says: 'the header Webhook-Id is set by the message itself; leave it out',
    },
    {
      name: 'two authorizations',
      options: {
        url: 'http://a.test',
        headers: { authorization: 'x' },
        basic_auth: { username: 'u', password_file: 'f' },
      },
      says: 'leave one out',
    },
  ])('are refused with what to change: $name', ({ options, says }) => {
    const read = webhookNotifier.options.safeParse(options);
    expect(read.success).toBe(false);
    expect(JSON.stringify(read.error?.issues)).toContain(says);
  });

  test.each([
    {
      name: 'an address that is none',
      options: { url_file: 'f' },
      text: 'hooks.example.test/SECRET',
      says: /url_file f is no address/,
    },
    { name: 'an empty file', options: { url_file: 'f' }, text: '\n', says: /url_file .*f is empty/ },
    { name: 'two lines', options: { url_file: 'f' }, text: 'http://a\nhttp://b', says: /more than one line/ },
    {
      name: 'no certificate',
      options: { url: 'https://a.test', ca_file: 'f' },
      text: 'x',
      says: /holds no PEM certificate/,
    },
    {
      name: 'marks that a header cannot have',
      options: { url: 'https://a.test', headers: { A: { file: 'f' } } },
      text: 'abc\u0001',
      says: /headers\.A .*f holds marks that a header cannot have/,
    },
  ])('name the file that cannot be used: $name', async ({ options, text, says }) => {
    write('f', text);
    await expect(open(options)).rejects.toThrow(says);
    await expect(open(options)).rejects.not.toThrow('SECRET');
  });
});
