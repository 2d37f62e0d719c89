import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Notice } from '../../src/core/notification.ts';
import { emailNotifier } from '../../src/notifiers/email.ts';
import type { Channel, NotifierContext } from '../../src/notifiers/notifier.ts';
import { type Authority, type Certificate, makeAuthority } from '../tools/certificates.ts';
import { type MailServer, type MailServerWish, type ReceivedMail, startMailServer } from './mail-server.ts';
import { contextFor, digestOf, noticeOf, TEST_NOTICE } from './notices.ts';
import { describeNotifier, SECRET, send } from './notifier.contract.ts';

const SENDER = { host: '127.0.0.1', from: 'Kassavakt <kassavakt@example.test>' };
const PLAIN = { ...SENDER, starttls: 'none', to: ['drift@example.test'] };

describe('The email notifier', () => {
  describeNotifier(emailNotifier, {
    optionsAt: (address) => ({
      ...PLAIN,
      port: Number(address.split(':')[1]),
      username: 'kassavakt',
      password_file: 'secret',
    }),
    async start() {
      const server = await startMailServer();
      return {
        options: { ...PLAIN, port: server.port },
        ids: () => server.mails.map((mail) => mail.header('Message-ID') ?? ''),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
    async startRefusing(kind) {
      const reply =
        kind === 'temporary' ? ([451, `try ${SECRET}`] as const) : ([554, `no ${SECRET}`] as const);
      const server = await startMailServer({ refuseMessage: () => reply });
      return {
        options: { ...PLAIN, port: server.port },
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
    unreadable: { ca_file: '/nonexistent/ca.pem' },
    permanent: [],
  });
});

let folder = '';
let authority: Authority;
let certificate: Certificate;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kassavakt-email-'));
  authority = await makeAuthority();
  certificate = await authority.issue({ ip: ['127.0.0.1'] });
  writeFileSync(join(folder, 'ca.pem'), authority.cert);
  writeFileSync(join(folder, 'password'), 'hemligt lösenord\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

function open(options: object, changes: Partial<NotifierContext> = {}): Promise<Channel> {
  return emailNotifier.open(emailNotifier.options.parse(options), contextFor(folder, changes));
}

/** The mails that `notice` becomes. */
async function mailsOf(
  notice: Notice,
  options: object = {},
  changes: Partial<NotifierContext> = {},
): Promise<readonly ReceivedMail[]> {
  await using server = await startMailServer();
  await using channel = await open({ ...PLAIN, port: server.port, ...options }, changes);
  expect(await send(channel, notice)).toEqual({ kind: 'delivered' });
  return server.mails;
}

async function mailOf(notice: Notice, changes: Partial<NotifierContext> = {}): Promise<ReceivedMail> {
  const [mail] = await mailsOf(notice, {}, changes);
  if (mail === undefined) throw new Error('no mail came');
  return mail;
}

describe('An e-mail', () => {
  test('tells an incident as text and HTML, from a machine', async () => {
    const mail = await mailOf(noticeOf('opened'), { language: 'sv' });
    expect(mail.from).toBe('kassavakt@example.test');
    expect(mail.header('From')).toBe('Kassavakt <kassavakt@example.test>');
    expect(mail.header('Subject')).toBe('Kunder kan inte betala med kort hos Solhaga, 22 butiker');
    expect(mail.header('Auto-Submitted')).toBe('auto-generated');
    expect(mail.header('Content-Language')).toBe('sv');
    expect(mail.header('X-Priority')).toMatch(/^1/);
    expect(
      mail.part('text/plain').replace(/\r\n/g, '\n'),
    ).toBe(`Kunder kan inte betala med kort hos Solhaga, 22 butiker

Kunder kan inte betala med kort hos Solhaga. 22 butiker är drabbade. Alla 180 kortterminaler är nere. Det började fredag 22 december kl. 14:04 CET. Vanligaste orsak: de svarar inte på anslutningsförsök.

Allvarlighetsgrad: Kritisk
Går inte att betala: med kort
Var: Hos Solhaga
Omfattning: 22 butiker, alla 180 kortterminaler
Började: fredag 22 december kl. 14:04 CET
Orsak: de svarar inte på anslutningsförsök
Driftstörning: lqg1x0-1a2b3c

Öppna övervakningen: https://kassavakt.example.test/

--${' '}
Skickat av Kassavakt genom kanalen ops.
`);
    const html = mail.part('text/html');
    expect(html).toContain('<html lang="sv">');
    expect(html).toContain('<td style="padding:2px 0">22 butiker, alla 180 kortterminaler</td>');
    expect(html).toContain('<a href="https://kassavakt.example.test/">Öppna övervakningen</a>');
  });

  test('has HTML in which names mean nothing, and a subject that fits on a lock screen', async () => {
    const storeName = `<script>alert(1)</script> & ${'Storbutiken vid torget '.repeat(9)}`;
    const mail = await mailOf(noticeOf('opened', { scope: [{ store: 'S1' }] }, { store: 'S1', storeName }));
    expect(mail.part('text/html')).not.toContain('<script');
    expect(mail.part('text/html')).toContain('&#60;script&#62;alert(1)&#60;/script&#62; &#38; Storbutiken');
    const subject = mail.header('Subject') ?? '';
    expect(subject.length).toBeLessThanOrEqual(78);
    expect(subject).toMatch(/^Customers cannot pay by card in .*…$/);
  });

  test('hangs with all others of its incident in one thread, and with no others', async () => {
    const opened = await mailOf(noticeOf('opened'));
    const resolved = await mailOf(noticeOf('resolved'));
    const other = await mailOf(noticeOf('opened', { ...digestOf(1).incidents[0]?.incident }));
    expect(opened.header('References')).toMatch(/^<[0-9a-f]{40}@example\.test>$/);
    expect(opened.header('In-Reply-To')).toBeUndefined();
    expect(resolved.header('References')).toBe(opened.header('References'));
    expect(resolved.header('In-Reply-To')).toBe(opened.header('References'));
    expect(resolved.header('Message-ID')).not.toBe(opened.header('Message-ID'));
    expect(other.header('References')).not.toBe(opened.header('References'));
    for (const notice of [TEST_NOTICE, digestOf(2)]) {
      expect((await mailOf(notice)).header('References')).toBeUndefined();
    }
  });

  test('of a digest lists the incidents, and no more than twenty', async () => {
    const mail = await mailOf(digestOf(23));
    expect(mail.header('Subject')).toBe('23 incidents have changed, 23 critical');
    const text = mail.part('text/plain');
    expect(text.match(/^- Critical: customers cannot pay by card at Solhaga/gm)).toHaveLength(20);
    expect(text).toContain('- and 3 more');
    expect(mail.part('text/html').match(/<li>/g)).toHaveLength(21);
  });

  test('goes to each recipient in their language', async () => {
    const to = [
      'drift@example.test',
      { address: 'oslo@example.test', language: 'nb' },
      { address: 'hq@example.test' },
      { address: 'stockholm@example.test', language: 'sv' },
    ];
    const mails = await mailsOf(noticeOf('opened'), { to });
    expect(mails.map((mail) => [mail.to, mail.header('Subject')])).toEqual([
      [['drift@example.test', 'hq@example.test'], 'Customers cannot pay by card at Solhaga, 22 stores'],
      [['oslo@example.test'], 'Kunder kan ikke betale med kort hos Solhaga, 22 butikker'],
      [['stockholm@example.test'], 'Kunder kan inte betala med kort hos Solhaga, 22 butiker'],
    ]);
    expect(new Set(mails.map((mail) => mail.header('Message-ID'))).size).toBe(3);
  });
});

describe('A mail server', () => {
  const login = { user: 'kassavakt', password: 'hemligt lösenord' };

  /** What comes of one attempt at a server that is as wished. */
  async function attempt(wish: MailServerWish, options: object) {
    await using server = await startMailServer(wish);
    await using channel = await open({
      ...SENDER,
      to: ['drift@example.test'],
      port: server.port,
      ...options,
    });
    const delivery = await send(channel, noticeOf('opened'));
    expect(JSON.stringify(delivery)).not.toContain('hemligt');
    return { delivery, mails: server.mails };
  }

  test.each([
    { name: 'STARTTLS as required, and a login', wish: {}, options: {} },
    { name: 'STARTTLS that it offers', wish: {}, options: { starttls: 'opportunistic' } },
    { name: 'TLS from the first byte', wish: { secure: true }, options: { secure: true } },
  ])('is spoken to over $name', async ({ wish, options }) => {
    const { delivery, mails } = await attempt(
      { tls: certificate, login, ...wish },
      { ca_file: 'ca.pem', username: 'kassavakt', password_file: 'password', ...options },
    );
    expect(delivery).toEqual({ kind: 'delivered' });
    expect(mails).toMatchObject([{ secure: true, user: 'kassavakt' }]);
  });

  test('without STARTTLS is told nothing that is to be secret', async () => {
    const required = await attempt({}, {});
    expect(required.mails).toEqual([]);
    expect(required.delivery).toMatchObject({
      isPermanent: false,
      message: expect.stringMatching(
        /does not change to TLS \(50\d( \d\.\d\.\d)?\); see email\.starttls and email\.secure$/,
      ),
    });
    expect((await attempt({}, { starttls: 'opportunistic' })).delivery).toEqual({ kind: 'delivered' });
  });

  test('with a certificate that cannot be trusted is told nothing, for now', async () => {
    const expired = await authority.issue({ ip: ['127.0.0.1'], fromDays: -20, toDays: -2 });
    const other = await authority.issue({ dns: ['mail.example.test'] });
    for (const [tls, options, says] of [
      [certificate, {}, /authority that is not trusted; name that in ca_file/],
      [expired, { ca_file: 'ca.pem' }, /certificate that has expired/],
      [other, { ca_file: 'ca.pem' }, /certificate for another name/],
    ] as const) {
      for (const secure of [false, true]) {
        const { delivery, mails } = await attempt({ tls, secure }, { ...options, secure });
        expect(delivery).toMatchObject({ isPermanent: false, message: expect.stringMatching(says) });
        expect(mails).toEqual([]);
      }
    }
  });

  test('that refuses the login does so for good', async () => {
    const { delivery } = await attempt(
      { tls: certificate, login: { ...login, password: 'another' } },
      { ca_file: 'ca.pem', username: 'kassavakt', password_file: 'password' },
    );
    expect(delivery).toMatchObject({
      isPermanent: true,
      message: expect.stringMatching(
        /refuses the login \(535 5\.7\.8\); correct email\.username and password_file$/,
      ),
    });
  });

  test.each([
    { code: 450, isPermanent: false, says: /defers the sender \(450\)/ },
    { code: 550, isPermanent: true, says: /refuses the sender \(550\); correct email\.from/ },
  ])('that answers $code to the sender', async ({ code, isPermanent, says }) => {
    const { delivery } = await attempt({ refuseSender: () => [code, 'no'] }, { starttls: 'none' });
    expect(delivery).toMatchObject({ isPermanent, message: expect.stringMatching(says) });
  });

  test.each([
    { code: 421, isPermanent: false, says: /defers the message \(421\)/ },
    { code: 451, isPermanent: false, says: /defers the message \(451\)/ },
    {
      code: 554,
      isPermanent: true,
      says: /refuses recipients: drift@example\.test: it refuses the message \(554\); 0 of 1 have the message/,
    },
  ])('that answers $code to the message', async ({ code, isPermanent, says }) => {
    const { delivery } = await attempt({ refuseMessage: () => [code, 'no'] }, { starttls: 'none' });
    expect(delivery).toMatchObject({ isPermanent, message: expect.stringMatching(says) });
  });
});

describe('Recipients of an e-mail', () => {
  const to = [
    'a@example.test',
    'b@example.test',
    { address: 'c@example.test', language: 'nb' },
    { address: 'd@example.test', language: 'sv' },
  ];

  /** A server whose answer to recipients can change, and a channel to it. */
  async function start(): Promise<{
    readonly server: MailServer;
    readonly channel: Channel;
    readonly refuse: Map<string, readonly [code: number, text: string]>;
  }> {
    const refuse = new Map<string, readonly [code: number, text: string]>();
    const server = await startMailServer({ refuseRecipient: (address) => refuse.get(address) });
    return { server, channel: await open({ ...PLAIN, to, port: server.port }), refuse };
  }

  test('who are refused for good are told of, and the others have it once', async () => {
    const { server, channel, refuse } = await start();
    await using _server = server;
    await using _channel = channel;
    refuse.set('b@example.test', [550, '5.1.1 no such user']);
    refuse.set('d@example.test', [550, 'gone']);
    const delivery = await send(channel, noticeOf('opened'));
    expect(delivery).toEqual({
      kind: 'failed',
      isPermanent: true,
      message: `127.0.0.1:${server.port} refuses recipients: b@example.test (550 5.1.1); d@example.test (550); 2 of 4 have the message; correct email.to`,
    });
    expect(server.mails.map((mail) => mail.to)).toEqual([['a@example.test'], ['c@example.test']]);
  });

  test('who are only deferred get it later, and the others not again', async () => {
    const { server, channel, refuse } = await start();
    await using _server = server;
    await using _channel = channel;
    refuse.set('a@example.test', [450, '4.2.1 busy']);
    refuse.set('b@example.test', [550, '5.1.1 no such user']);
    refuse.set('d@example.test', [451, 'later']);
    expect(await send(channel, noticeOf('opened'))).toMatchObject({
      kind: 'failed',
      isPermanent: false,
      message: expect.stringContaining('defers the message to'),
    });
    expect(server.mails.map((mail) => mail.to)).toEqual([['c@example.test']]);
    // Another message does not make it forget.
    refuse.clear();
    expect(await send(channel, noticeOf('opened', { ...digestOf(1).incidents[0]?.incident }))).toMatchObject({
      kind: 'delivered',
    });
    const before = server.mails.length;
    expect(await send(channel, noticeOf('opened'))).toMatchObject({
      isPermanent: true,
      message: expect.stringContaining('b@example.test (550 5.1.1); 3 of 4 have the message'),
    });
    expect(server.mails.slice(before).map((mail) => mail.to)).toEqual([
      ['a@example.test'],
      ['d@example.test'],
    ]);
    expect(server.mails.at(-2)?.header('Message-ID')).toBeDefined();
  });

  test('have the message by the same Message-ID when it comes again', async () => {
    const first = await mailOf(noticeOf('opened'));
    const again = await mailOf(noticeOf('opened'));
    expect(again.header('Message-ID')).toBe(first.header('Message-ID'));
  });
});

describe('An e-mail’s options', () => {
  const given = { ...PLAIN, starttls: undefined };

  test.each([
    { name: 'no sender', options: { from: 'Kassavakt' }, says: 'write the sender as name@example.test' },
    { name: 'no address', options: { to: ['drift'] }, says: 'write it as name@example.test' },
    { name: 'nobody', options: { to: [] }, says: 'to' },
    {
      name: 'somebody twice',
      options: { to: ['a@b.test', { address: 'A@b.test' }] },
      says: 'A@b.test is there twice; leave one',
    },
    { name: 'a server with its port', options: { host: 'mail.test:25/x' }, says: 'without port' },
    { name: 'two kinds of TLS', options: { secure: true, starttls: 'required' }, says: 'leave out starttls' },
    {
      name: 'a user without password',
      options: { username: 'u' },
      says: 'give username and password_file, or neither',
    },
    {
      name: 'a password without user',
      options: { password_file: 'f' },
      says: 'give username and password_file, or neither',
    },
    {
      name: 'a password that all could read',
      options: { host: 'mail.test', starttls: 'opportunistic', username: 'u', password_file: 'f' },
      says: 'starttls: opportunistic could send the password readable for others; use required',
    },
    {
      name: 'a language that is none',
      options: { to: [{ address: 'a@b.test', language: 'no' }] },
      says: 'language',
    },
  ])('are refused with what to change: $name', ({ options, says }) => {
    const read = emailNotifier.options.safeParse({ ...given, ...options });
    expect(read.success).toBe(false);
    expect(JSON.stringify(read.error?.issues)).toContain(says);
  });

  test.each([
    'k@example.test',
    'Kassavakt <k@example.test>',
    '"Kassa, vakt" <k@example.test>',
    '<k@example.test>',
  ])('take a sender as people write it: %s', (from) => {
    expect(emailNotifier.options.safeParse({ ...given, from }).success).toBe(true);
  });
});
