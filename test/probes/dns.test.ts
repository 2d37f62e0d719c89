import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import type { Answer } from 'dns-packet';
import type { ProbeReport } from '../../src/core/outcome.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { dnsProber } from '../../src/probes/dns.ts';
import { type DnsServer, framed, type Respond, startTcpServer, startUdpServer } from './dns-server.ts';

const A: Answer = { name: 'shop.example.test', type: 'A', ttl: 300, data: '192.0.2.80' };
const A2: Answer = { name: 'shop.example.test', type: 'A', ttl: 300, data: '192.0.2.81' };
const SOA: Answer = {
  name: 'example.test',
  type: 'SOA',
  ttl: 60,
  data: {
    mname: 'ns.example.test',
    rname: 'admin.example.test',
    serial: 2026_01_02,
    refresh: 1,
    retry: 2,
    expire: 3,
    minimum: 4,
  },
};

async function ask(
  address: string,
  options: object = {},
  signal: AbortSignal = AbortSignal.timeout(5_000),
): Promise<ProbeReport> {
  const parsed = dnsProber.options.parse({ query_name: 'shop.example.test', query_type: 'A', ...options });
  const context = { module: 'names', timeoutMs: 5_000, clock: systemClock, baseDir: '.' };
  await using probe = await dnsProber.open(parsed, context);
  return await probe.run({ targetId: 'ns', address }, signal);
}

function valueOf(report: ProbeReport, name: string): number | undefined {
  return report.samples.find((sample) => sample.name === name)?.value;
}

const udp = (respond: Respond): Promise<DnsServer> => startUdpServer(respond);

describe('an address', () => {
  test.each([
    '192.0.2.53',
    '192.0.2.53:5353',
    'ns1.example.test',
    'ns1.example.test:53',
    '::1',
    '[2001:db8::53]:53',
  ])('accepts %s', (address) => expect(dnsProber.parseAddress(address)).toEqual({ ok: true, value: true }));
  test.each(['', 'a b', 'https://dns.example.test/', '192.0.2.53:0', '192.0.2.53:70000', '[ns1]:53', '-x'])(
    'refuses %j',
    (address) => expect(dnsProber.parseAddress(address).ok).toBe(false),
  );
});

describe('options', () => {
  test.each([
    { name: 'no name to ask for', options: {} },
    { name: 'an unknown type', options: { query_name: 'a.test', query_type: 'AA' } },
    { name: 'an unknown code', options: { query_name: 'a.test', valid_rcodes: ['NOPE'] } },
    { name: 'a bad name', options: { query_name: 'a..test' } },
    {
      name: 'a bad expression',
      options: { query_name: 'a.test', validate_answer_rrs: { fail_if_matches_regexp: ['('] } },
    },
    { name: 'TLS over UDP', options: { query_name: 'a.test', dns_over_tls: true } },
    { name: 'an unknown option', options: { query_name: 'a.test', query_nmae: 'b.test' } },
    { name: 'a source that is no address', options: { query_name: 'a.test', source_ip_address: 'eth0' } },
  ])('refuse $name', ({ options }) => expect(dnsProber.options.safeParse(options).success).toBe(false));

  test('ask as blackbox_exporter asks by default', () => {
    expect(dnsProber.options.parse({ query_name: 'a.test' })).toMatchObject({
      transport_protocol: 'udp',
      query_type: 'ANY',
      query_class: 'IN',
      recursion_desired: true,
      valid_rcodes: ['NOERROR'],
      preferred_ip_protocol: 'ip6',
      ip_protocol_fallback: true,
    });
  });
});

describe('over UDP', () => {
  test('answers with the records counted, and says what was asked', async () => {
    await using server = await udp(() => [{ answers: [A, A2], authorities: [SOA] }]);
    const report = await ask(server.address);
    expect(report.outcome).toMatchObject({ kind: 'answered', message: expect.stringContaining('2 records') });
    expect(report.phases.map(({ name }) => name)).toEqual(['resolve', 'connect', 'request']);
    expect(valueOf(report, 'probe_dns_answer_rrs')).toBe(2);
    expect(valueOf(report, 'probe_dns_authority_rrs')).toBe(1);
    expect(valueOf(report, 'probe_dns_additional_rrs')).toBe(0);
    expect(valueOf(report, 'probe_dns_query_succeeded')).toBe(1);
    expect(valueOf(report, 'probe_ip_protocol')).toBe(4);
    expect(valueOf(report, 'probe_dns_serial')).toBeUndefined();
    expect(report.trail.join('\n')).toContain('shop.example.test. 300 IN A 192.0.2.80');
    expect(server.queries).toMatchObject([
      { type: 'query', flag_rd: true, questions: [{ name: 'shop.example.test', type: 'A', class: 'IN' }] },
    ]);
  });

  test('asks without recursion, in another class, for a type by number', async () => {
    await using server = await udp(() => [{}]);
    await ask(server.address, { recursion_desired: false, query_class: 'CH', query_type: 'HTTPS' });
    expect(server.queries).toMatchObject([
      { flag_rd: false, questions: [{ type: 'UNKNOWN_65', class: 'CH' }] },
    ]);
  });

  test('reports the serial of a zone', async () => {
    await using server = await udp(() => [{ answers: [SOA] }]);
    expect(valueOf(await ask(server.address, { query_type: 'SOA' }), 'probe_dns_serial')).toBe(2026_01_02);
  });

  test('reaches a server over IPv6', async () => {
    await using server = await startUdpServer(() => [{ answers: [A] }], '::1');
    const report = await ask(server.address);
    expect(report.outcome.kind).toBe('answered');
    expect(valueOf(report, 'probe_ip_protocol')).toBe(6);
  });

  test('compares names without regard to case', async () => {
    await using server = await udp((query) => [
      {
        questions: query.questions.map((question) => ({ ...question, name: question.name.toUpperCase() })),
        answers: [A],
      },
    ]);
    expect((await ask(server.address)).outcome.kind).toBe('answered');
  });

  test('passes over what does not answer the question, and takes what does', async () => {
    await using server = await udp((query) => [
      Buffer.from('garbage'),
      Buffer.alloc(0),
      { id: (query.id + 1) & 0xffff, answers: [A] },
      { questions: [{ name: 'other.example.test', type: 'A', class: 'IN' }], answers: [A] },
      { questions: [{ name: 'shop.example.test', type: 'AAAA', class: 'IN' }], answers: [A] },
      { questions: [] },
      { answers: [A] },
    ]);
    const report = await ask(server.address);
    expect(report.outcome.kind).toBe('answered');
    expect(report.trail).toContain('messages that do not answer the question: 6');
  });

  test.each([
    { name: 'another id', reply: (id: number) => ({ id: (id + 1) & 0xffff, answers: [A] }) },
    { name: 'garbage', reply: () => Buffer.from([1, 2, 3]) },
    {
      name: 'a message that is cut short',
      reply: (id: number) => Buffer.from([id >> 8, id & 255, 0x80, 0, 0, 1, 0, 9]),
    },
    {
      name: 'a name that points at itself',
      reply: (id: number) =>
        Buffer.from([id >> 8, id & 255, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1]),
    },
    { name: 'a message beyond all measure', reply: () => Buffer.alloc(20_000) },
  ])('fails as protocol when all that comes is $name', async ({ reply }) => {
    await using server = await udp(({ id }) => [reply(id)]);
    const report = await ask(server.address, {}, AbortSignal.timeout(300));
    expect(report.outcome).toMatchObject({ kind: 'failed', reason: 'protocol' });
    expect(report.trail).toContain('messages that do not answer the question: 1');
  });

  test('fails as connect-timeout when nothing comes', async () => {
    await using server = await udp(() => []);
    const report = await ask(server.address, {}, AbortSignal.timeout(100));
    expect(report.outcome).toMatchObject({ kind: 'failed', reason: 'connect-timeout' });
    expect(valueOf(report, 'probe_dns_query_succeeded')).toBe(0);
  });

  test('fails as connect-refused when nobody listens', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address();
    socket.close();
    await once(socket, 'close');
    const report = await ask(`127.0.0.1:${port}`);
    expect(report.outcome).toMatchObject({ kind: 'failed', reason: 'connect-refused' });
  });

  test('asks from the address it is told', async () => {
    await using server = await udp(() => [{ answers: [A] }]);
    const report = await ask(server.address, { source_ip_address: '127.0.0.7' });
    expect(report.outcome.kind).toBe('answered');
  });

  test('a source address that is not ours is our own fault', async () => {
    await using server = await udp(() => [{ answers: [A] }]);
    const report = await ask(server.address, { source_ip_address: '203.0.113.7' });
    expect(report.outcome).toMatchObject({ kind: 'inconclusive', reason: 'self-resources' });
  });

  test('rejects with the reason of an abort that is no time-out', async () => {
    await using server = await udp(() => []);
    const stop = new AbortController();
    const running = ask(server.address, {}, stop.signal);
    const stopped = expect(running).rejects.toThrow('enough');
    while (server.queries.length === 0) await new Promise((resolve) => setImmediate(resolve));
    stop.abort(new Error('enough'));
    await stopped;
  });
});

describe('the code', () => {
  test.each([
    { rcode: 2, name: 'SERVFAIL' },
    { rcode: 3, name: 'NXDOMAIN' },
    { rcode: 5, name: 'REFUSED' },
  ])('$name is protocol, and named', async ({ rcode, name }) => {
    await using server = await udp(() => [{ rcode }]);
    const report = await ask(server.address);
    expect(report.outcome).toMatchObject({
      kind: 'failed',
      reason: 'protocol',
      message: expect.stringContaining(`answers ${name}, not NOERROR`),
    });
    expect(valueOf(report, 'probe_dns_query_succeeded')).toBe(1);
  });

  test('may be one that the module wants', async () => {
    await using server = await udp(() => [{ rcode: 3 }]);
    expect((await ask(server.address, { valid_rcodes: ['NXDOMAIN', 'NOERROR'] })).outcome.kind).toBe(
      'answered',
    );
  });

  test('counts without the question when it tells of an error', async () => {
    await using server = await udp(() => [{ rcode: 5, questions: [] }]);
    expect((await ask(server.address)).outcome).toMatchObject({
      message: expect.stringContaining('REFUSED'),
    });
  });
});

describe('rules for records', () => {
  const both = [A, A2];
  test.each([
    {
      name: 'any record matches',
      rule: 'fail_if_matches_regexp',
      patterns: ['192\\.0\\.2\\.81$'],
      answers: both,
      fails: true,
    },
    {
      name: 'no record matches',
      rule: 'fail_if_matches_regexp',
      patterns: ['203\\.'],
      answers: both,
      fails: false,
    },
    {
      name: 'a record does not match',
      rule: 'fail_if_not_matches_regexp',
      patterns: ['\\.80$'],
      answers: both,
      fails: true,
    },
    {
      name: 'every record matches',
      rule: 'fail_if_not_matches_regexp',
      patterns: ['\\tA\\t192'],
      answers: both,
      fails: false,
    },
    {
      name: 'there is no record to match',
      rule: 'fail_if_not_matches_regexp',
      patterns: ['.'],
      answers: [],
      fails: true,
    },
    {
      name: 'not every record matches',
      rule: 'fail_if_all_match_regexp',
      patterns: ['\\.80$'],
      answers: both,
      fails: true,
    },
    {
      name: 'all records match',
      rule: 'fail_if_all_match_regexp',
      patterns: ['192'],
      answers: both,
      fails: false,
    },
    {
      name: 'none matches',
      rule: 'fail_if_none_matches_regexp',
      patterns: ['203\\.'],
      answers: both,
      fails: true,
    },
    {
      name: 'one matches one of several',
      rule: 'fail_if_none_matches_regexp',
      patterns: ['203\\.', '\\.81$'],
      answers: both,
      fails: false,
    },
    {
      name: 'there is none at all',
      rule: 'fail_if_none_matches_regexp',
      patterns: ['.'],
      answers: [],
      fails: true,
    },
  ])('$rule: $name', async ({ rule, patterns, answers, fails }) => {
    await using server = await udp(() => [{ answers }]);
    const { outcome } = await ask(server.address, { validate_answer_rrs: { [rule]: patterns } });
    expect(outcome.kind).toBe(fails ? 'failed' : 'answered');
    if (fails) expect(outcome).toMatchObject({ reason: 'content', message: expect.stringContaining(rule) });
  });

  test.each(['authority', 'additional'] as const)('hold for the %s section', async (section) => {
    await using server = await udp(() => [
      { answers: [A], ...(section === 'authority' ? { authorities: [SOA] } : { additionals: [A2] }) },
    ]);
    const options = { [`validate_${section}_rrs`]: { fail_if_matches_regexp: ['.'] } };
    expect((await ask(server.address, options)).outcome).toMatchObject({ kind: 'failed', reason: 'content' });
  });

  test('a hostile expression on a long record does not hold the process up', async () => {
    const TXT: Answer = {
      name: 'a.test',
      type: 'TXT',
      data: Array.from({ length: 40 }, () => Buffer.alloc(255, 'a')),
    };
    await using server = await udp(() => [{ answers: [TXT] }]);
    let turns = 0;
    const ticking = setInterval(() => (turns += 1), 1);
    const rule = { fail_if_none_matches_regexp: ['(a*)*(a*)*b', '^(\\w{1,60}){1,8}!$'] };
    const report = await ask(server.address, { validate_answer_rrs: rule });
    clearInterval(ticking);
    expect(report.outcome.kind === 'failed' ? report.outcome.reason : report.outcome.kind).toMatch(
      /content|inconclusive/,
    );
    expect(turns).toBeGreaterThan(0);
  });
});

describe('over TCP', () => {
  const tcp = { transport_protocol: 'tcp' };

  test.each([{ piece: 1 }, { piece: 65_537 }])('answers in pieces of $piece bytes', async ({ piece }) => {
    await using server = await startTcpServer(() => [{ answers: [A] }], { piece });
    const report = await ask(server.address, tcp);
    expect(report.outcome.kind).toBe('answered');
    expect(report.phases.map(({ name }) => name)).toEqual(['connect', 'request']);
  });

  test.each([
    { name: 'another id', reply: { id: 1, questions: [] } },
    { name: 'garbage', reply: Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n') },
    { name: 'an answer beyond all measure', reply: framed(Buffer.alloc(60_000)) },
  ])('fails as protocol on $name', async ({ reply }) => {
    await using server = await startTcpServer(() => [reply]);
    expect((await ask(server.address, tcp)).outcome).toMatchObject({
      kind: 'failed',
      reason: 'protocol',
      message: expect.stringContaining('sends something that does not answer the question'),
    });
  });

  test('fails as protocol when the connection is taken and no answer comes', async () => {
    await using server = await startTcpServer(() => []);
    expect((await ask(server.address, tcp, AbortSignal.timeout(200))).outcome).toMatchObject({
      kind: 'failed',
      reason: 'protocol',
      message: expect.stringContaining('accepts the connection, but does not answer'),
    });
  });

  test('fails as protocol when the server hangs up', async () => {
    const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const report = await ask(`127.0.0.1:${port}`, tcp);
    server.close();
    expect(report.outcome).toMatchObject({ kind: 'failed', reason: 'protocol' });
  });

  test('fails as connect-refused when nobody listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    expect((await ask(`127.0.0.1:${port}`, tcp)).outcome).toMatchObject({
      kind: 'failed',
      reason: 'connect-refused',
    });
  });
});
