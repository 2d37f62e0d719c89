import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Notice } from '../../src/core/notification.ts';
import type { Channel, NotifierContext } from '../../src/notifiers/notifier.ts';
import { parseSecrets, signatureHeaders } from '../../src/notifiers/webhook/webhook-signature.ts';
import { webhookNotifier } from '../../src/notifiers/webhook.ts';
import { makeAuthority } from '../tools/certificates.ts';
import { FakeClock } from '../tools/fake-clock.ts';
import { always, type Received, startHttpReceiver } from './http-receiver.ts';
import { contextFor, digestOf, noticeOf, OPENED_MS, TEST_NOTICE } from './notices.ts';
import { describeNotifier, SECRET, send } from './notifier.contract.ts';

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

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kassavakt-webhook-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string): string {
  writeFileSync(join(folder, name), content);
  return name;
}

function open(options: object, changes: Partial<NotifierContext> = {}): Promise<Channel> {
  return webhookNotifier.open(webhookNotifier.options.parse(options), contextFor(folder, changes));
}

/** What a receiver gets of `notice`. */
async function receive(
  options: object,
  notice: Notice,
  changes: Partial<NotifierContext> = {},
  path = '',
): Promise<Received> {
  await using receiver = await startHttpReceiver();
  await using channel = await open({ url: `${receiver.url}${path}`, ...options }, changes);
  expect(await send(channel, notice)).toEqual({ kind: 'delivered' });
  const [received, ...more] = receiver.received;
  expect(more).toEqual([]);
  if (received === undefined) throw new Error('nothing came');
  return received;
}

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

describe('A webhook’s body', () => {
  test('is our JSON, in the channel’s language', async () => {
    const { headers, body, method } = await receive({}, noticeOf('opened'), { language: 'sv' });
    expect(method).toBe('POST');
    expect(headers['content-type']).toBe('application/json');
    expect(JSON.parse(body)).toEqual({
      version: 1,
      type: 'kassavakt.opened',
      key: 'lqg1x0-1a2b3c/opened/17/ops',
      change: 'opened',
      timestamp: '2023-12-22T13:09:00.000Z',
      channel: 'ops',
      language: 'sv',
      title: 'Kunder kan inte betala med kort hos Solhaga, 22 butiker',
      summary:
        'Kunder kan inte betala med kort hos Solhaga. 22 butiker är drabbade. Alla 180 kortterminaler är nere. Det började fredag 22 december kl. 14:04 CET. Vanligaste orsak: de svarar inte på anslutningsförsök.',
      severity: 'critical',
      links: { monitor: 'https://kassavakt.example.test/' },
      incident: {
        id: 'lqg1x0-1a2b3c',
        scope: [{ chain: 'Solhaga' }],
        title: 'All 180 card terminals of Solhaga are down, 22 stores',
        severity: 'critical',
        state: 'open',
        openedAt: '2023-12-22T13:04:00.000Z',
        targetsDown: 180,
        targetsInScope: 180,
        kinds: ['terminal'],
        storesAffected: 22,
        reason: 'connect-timeout',
        confidence: 0.99,
        evidence: 'mostly they do not answer connection attempts; customers cannot pay by card.',
        methodsLost: ['card'],
        chain: 'Solhaga',
        url: 'https://kassavakt.example.test/api/v1/incidents/lqg1x0-1a2b3c',
      },
    });
  });

  test('has the end, the place and who has taken it on', async () => {
    const changes = {
      acknowledgement: {
        by: 'Anna',
        comment: 'på väg',
        atMs: OPENED_MS,
        expiresAtMs: OPENED_MS,
        sticky: false,
      },
    };
    const place = { store: 'S003', storeName: 'Solhaga Karlstad', region: 'Värmland' };
    const { body } = await receive({}, noticeOf('resolved', changes, place));
    expect(JSON.parse(body)).toMatchObject({
      incident: {
        state: 'resolved',
        resolvedAt: '2023-12-22T13:09:00.000Z',
        ...place,
        acknowledgement: { by: 'Anna', comment: 'på väg', at: '2023-12-22T13:04:00.000Z', sticky: false },
      },
    });
  });

  test('of a digest has all incidents up to a hundred, and says how many there are', async () => {
    const { body } = await receive({}, digestOf(130));
    const read = JSON.parse(body);
    expect(read).toMatchObject({
      change: 'digest',
      incidentsInAll: 130,
      title: '130 incidents have changed, 130 critical',
    });
    expect(read.incidents).toHaveLength(100);
    expect(read.incident).toBeUndefined();
  });

  test('of a test is about no incident', async () => {
    const read = JSON.parse((await receive({}, TEST_NOTICE)).body);
    expect(read).toMatchObject({ change: 'test', title: 'Test message from Kassavakt' });
    expect(Object.keys(read)).not.toContain('incident');
  });
});

describe('A webhook’s template', () => {
  test('fills in JSON so that it stays JSON, whatever names hold', async () => {
    const template =
      '{"from":"Kassavakt","text":"{{ title }}","where":["{{incident.storeName}}"],"n":{"a":{"b":1}}}';
    const storeName = 'Kött & "Bröd" \\ {{ title }}\n2';
    const { body, headers } = await receive({ template }, noticeOf('opened', {}, { store: 'S1', storeName }));
    expect(headers['content-type']).toBe('application/json');
    expect(JSON.parse(body)).toEqual({
      from: 'Kassavakt',
      text: 'Customers cannot pay by card at Solhaga, 22 stores',
      where: [storeName],
      n: { a: { b: 1 } },
    });
  });

  test('fills in a form, as gateways of text messages take it', async () => {
    const options = {
      template: 'from=Kassavakt&to=%2B46700000000&message={{ title }}',
      content_type: 'application/x-www-form-urlencoded',
      basic_auth: { username: 'u1', password_file: write('password', 'p&1\n') },
      method: 'PUT',
    };
    const { body, headers, method } = await receive(options, noticeOf('opened'), { language: 'nb' });
    expect(method).toBe('PUT');
    expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
      from: 'Kassavakt',
      to: '+46700000000',
      message: 'Kunder kan ikke betale med kort hos Solhaga, 22 butikker',
    });
    expect(headers.authorization).toBe(`Basic ${Buffer.from('u1:p&1').toString('base64')}`);
  });

  test.each([
    { type: 'text/plain; charset=utf-8', says: `A & B's <shop>` },
    { type: 'application/xml', says: 'A &#38; B&#39;s &#60;shop&#62;' },
    { type: 'application/activity+json', says: `A & B's <shop>` },
  ])('escapes for $type', async ({ type, says }) => {
    const isJson = type.includes('json');
    const template = isJson ? '"{{ incident.storeName }}"' : '{{ incident.storeName }}';
    const place = { store: 'S1', storeName: `A & B's <shop>` };
    const options = { template_file: write('template', template), content_type: type };
    const { body } = await receive(options, noticeOf('opened', {}, place));
    expect(isJson ? JSON.parse(body) : body).toBe(says);
  });

  test('is empty where there is no incident to tell of', async () => {
    const template =
      '"{{incident.id}}{{incident.targetsDown}}{{incident.openedAt}}{{severity}}|{{changeText}}"';
    expect(JSON.parse((await receive({ template }, TEST_NOTICE)).body)).toBe('|Test');
    expect(JSON.parse((await receive({ template }, digestOf(2))).body)).toBe('critical|Several');
  });

  test.each([
    {
      template: '{"a": "{{ titel }}"}',
      says: /template: {{ titel }} names no field; the fields are key, .*title/,
    },
    { template: '{"a": "{{ title }"}', says: /template: a {{ is not closed/ },
    {
      template: '{"a": {{ incident.targetsDown }}}',
      says: /template does not come to JSON: put every {{ field }}/,
    },
  ])('is refused with what to change: $template', async ({ template, says }) => {
    await expect(open({ url: 'http://127.0.0.1:9', template })).rejects.toThrow(says);
  });
});

describe('A webhook’s preset', () => {
  const evil = '<!channel> *A* & [B](http://evil.test) `c`';
  const bad = noticeOf('opened', { scope: [{ store: 'S1' }] }, { store: 'S1', storeName: evil });

  test('slack: blocks within its limits in which names mean nothing', async () => {
    const read = JSON.parse((await receive({ preset: 'slack' }, bad)).body);
    expect(read.text).toBe(
      ':red_circle: Customers cannot pay by card in &lt;!channel&gt; *A* &amp; [B](http://evil.test) `c`, 22 stores',
    );
    const [header, section, facts, context] = read.blocks;
    expect(header).toMatchObject({ type: 'header', text: { type: 'plain_text' } });
    expect(section).toMatchObject({ type: 'section', text: { type: 'plain_text' } });
    expect(facts.fields.length).toBeLessThanOrEqual(10);
    expect(facts.fields[0]).toEqual({ type: 'plain_text', text: 'Severity: Critical', emoji: false });
    expect(context.elements[0]).toEqual({
      type: 'mrkdwn',
      text: '<https://kassavakt.example.test/|Open the monitor>',
    });
    const long = noticeOf(
      'opened',
      { scope: [{ store: 'S1' }] },
      { store: 'S1', storeName: 'å'.repeat(9_000) },
    );
    for (const block of JSON.parse((await receive({ preset: 'slack' }, long)).body).blocks) {
      const limit = block.type === 'header' ? 150 : 3_000;
      expect(block.text?.text.length ?? 1).toBeLessThanOrEqual(limit);
      expect(block.text?.text.length ?? 1).toBeGreaterThan(0);
    }
  });

  test('teams: an adaptive card in the envelope of a workflow', async () => {
    const read = JSON.parse((await receive({ preset: 'teams' }, bad, { language: 'sv' })).body);
    expect(read).toMatchObject({
      type: 'message',
      attachments: [
        {
          contentType: 'application/vnd.microsoft.card.adaptive',
          content: {
            type: 'AdaptiveCard',
            version: '1.4',
            lang: 'sv',
            actions: [
              {
                type: 'Action.OpenUrl',
                title: 'Öppna övervakningen',
                url: 'https://kassavakt.example.test/',
              },
            ],
          },
        },
      ],
    });
    const { body } = read.attachments[0].content;
    // Only TextBlock reads Markdown.
    expect(new Set(body.map(({ type }: { type: string }) => type))).toEqual(new Set(['RichTextBlock']));
    expect(body[0].inlines[0]).toMatchObject({ type: 'TextRun', color: 'Attention' });
    const [many] = JSON.parse((await receive({ preset: 'teams' }, digestOf(500))).body).attachments;
    expect(JSON.stringify(many).length).toBeLessThan(28 * 1_024);
    expect(JSON.stringify(many)).toContain('and 480 more');
  });

  test('mattermost: an attachment in which Markdown loses its meaning', async () => {
    const [attachment] = JSON.parse((await receive({ preset: 'mattermost' }, bad)).body).attachments;
    expect(attachment).toMatchObject({ color: '#B3261E', title_link: 'https://kassavakt.example.test/' });
    const where = attachment.fields.find(({ title }: { title: string }) => title === 'Where');
    expect(where.value).toBe('In \\<\\!channel\\> \\*A\\* & \\[B\\](http://evil.test) \\`c\\`');
  });

  test('ntfy: JSON to the root of the server, with the topic of the address', async () => {
    const { path, body } = await receive({ preset: 'ntfy' }, noticeOf('opened'), {}, '/push/kassavakt-9f2');
    expect(path).toBe('/push/');
    expect(JSON.parse(body)).toEqual({
      topic: 'kassavakt-9f2',
      title: 'Customers cannot pay by card at Solhaga, 22 stores',
      message:
        '22 stores are affected. All 180 card terminals are down. It began on Friday 22 December at 14:04 CET. Most common cause: they do not answer connection attempts.',
      priority: 5,
      tags: ['rotating_light'],
      click: 'https://kassavakt.example.test/',
    });
    const over = JSON.parse((await receive({ preset: 'ntfy' }, noticeOf('resolved'), {}, '/t')).body);
    expect(over).toMatchObject({ topic: 't', priority: 3, tags: ['white_check_mark'] });
  });

  test('ntfy needs a topic in its address', async () => {
    await expect(open({ preset: 'ntfy', url: 'https://ntfy.example.test/' })).rejects.toThrow(
      'channel ops: the address of preset ntfy ends with its topic, as in https://ntfy.sh/TOPIC',
    );
  });

  test.each(['slack', 'teams', 'mattermost', 'ntfy'])('%s tells a test and a digest, too', async (preset) => {
    expect((await receive({ preset }, TEST_NOTICE, {}, '/topic')).body).toContain('this is a test');
    expect((await receive({ preset }, digestOf(3), {}, '/topic')).body).toContain('3 incidents have changed');
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
