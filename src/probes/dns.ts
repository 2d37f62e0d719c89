import { isIP } from 'node:net';
import type { DecodedPacket } from 'dns-packet';
import { z } from 'zod';
import type { Sample } from '../core/measurements.ts';
import type { Outcome, Phase, ProbeReport } from '../core/outcome.ts';
import type { Reason } from '../core/reason.ts';
import { formatDuration } from '../lib/duration.ts';
import { ok, type Result } from '../lib/result.ts';
import { unreachable } from '../lib/unreachable.ts';
import { type HostPort, parseHostPort } from './address.ts';
import { throwUnlessTimeout } from './deadline.ts';
import { dial, endpointText } from './dial.ts';
import { askByStream, askByUdp, type Exchange, type Query } from './dns-exchange.ts';
import { recordLine } from './dns-records.ts';
import { checkRules, recordRules, type Section } from './dns-rules.ts';
import { type Fault, faultOf } from './fault.ts';
import type { Probe, ProbeContext, ProbeRequest, Prober } from './probe.ts';
import { RegexSearcher } from './regex.ts';
import { outcomeOf } from './report.ts';
import { addressSamples, ipOptions, resolveHost } from './resolve.ts';
import { resolveFault } from './resolve-fault.ts';
import { type ClientTls, loadTlsConfig, tlsConfigOptions } from './tls-config.ts';

/** Types that may be asked for; the number where dns-packet knows no name. */
const TYPES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    'A AAAA ANY CAA CNAME DNAME DNSKEY DS HINFO LOC MX NAPTR NS PTR RP SOA SPF SRV SSHFP TLSA TXT'
      .split(' ')
      .map((type) => [type, type]),
  ),
  SVCB: 'UNKNOWN_64',
  HTTPS: 'UNKNOWN_65',
};
const CLASSES = ['IN', 'CH', 'HS', 'ANY'] as const;
const RCODES = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
] as const;

const options = z
  .strictObject({
    ...ipOptions,
    source_ip_address: z
      .string()
      .refine((text) => isIP(text) !== 0, 'write an IPv4 or IPv6 address of this machine')
      .optional()
      .describe('Address of this machine to ask from.'),
    transport_protocol: z.enum(['udp', 'tcp']).default('udp'),
    dns_over_tls: z
      .boolean()
      .default(false)
      .describe('Needs transport_protocol: tcp. The usual port is then 853.'),
    tls_config: tlsConfigOptions.prefault({}),
    query_name: z
      .string()
      .min(1)
      .max(254)
      .refine(isDomain, 'is not a domain name (labels of 1 to 63 characters)'),
    query_type: z
      .string()
      .default('ANY')
      .refine(
        (type) => TYPES[type] !== undefined,
        `is not a type that can be asked for: ${Object.keys(TYPES).join(', ')}`,
      ),
    query_class: z.enum(CLASSES).default('IN'),
    recursion_desired: z.boolean().default(true),
    valid_rcodes: z.array(z.enum(RCODES)).min(1).default(['NOERROR']),
    validate_answer_rrs: recordRules,
    validate_authority_rrs: recordRules,
    validate_additional_rrs: recordRules,
  })
  .refine((given) => !given.dns_over_tls || given.transport_protocol === 'tcp', {
    path: ['dns_over_tls'],
    message: 'dns_over_tls needs transport_protocol: tcp',
  });
type DnsOptions = z.infer<typeof options>;

/**
 * Asks the server at the target's address one question. Silence over UDP is `connect-timeout`, for all one can tell
 * nobody is there; after a TCP connection, or when something else came back, it is `protocol`. A port that answers
 * with "port unreachable" is `connect-refused`. A code that is not among `valid_rcodes` is `protocol`, records that
 * break a rule are `content`.
 */
export const dnsProber: Prober<DnsOptions> = {
  name: 'dns',
  summary:
    'Asks a name server one question over UDP, TCP or TLS and checks the code and the records it answers.',
  reasons: [
    'dns',
    'unreachable',
    'connect-timeout',
    'connect-refused',
    'tls',
    'tls-certificate',
    'auth',
    'protocol',
    'content',
  ],
  options,
  addressExample: '192.0.2.53:53',
  parseAddress(address) {
    const server = serverOf(address, false);
    return server.ok ? ok(true) : server;
  },
  async open(given, context) {
    const tls = given.dns_over_tls ? await loadTlsConfig(given.tls_config, context) : undefined;
    return new DnsProbe(given, tls, context);
  },
};

type NoAnswer = Exclude<Exchange, { readonly kind: 'answer' }> | Fault;

/** A server answered, or why not; with what the way there took. */
interface Asked {
  readonly exchange: Exchange | Fault;
  readonly phases: readonly Phase[];
  readonly samples: readonly Sample[];
  readonly trail: readonly string[];
}

class DnsProbe implements Probe {
  private readonly options: DnsOptions;
  private readonly query: Query;
  private readonly sections: readonly Section[];
  private readonly tls: ClientTls | undefined;
  private readonly clock: ProbeContext['clock'];
  private readonly searcher = new RegexSearcher();

  constructor(given: DnsOptions, tls: ClientTls | undefined, context: ProbeContext) {
    this.options = given;
    this.tls = tls;
    this.clock = context.clock;
    this.query = {
      name: given.query_name.replace(/(.)\.$/, '$1'),
      type: TYPES[given.query_type] ?? given.query_type,
      class: given.query_class,
      recursionDesired: given.recursion_desired,
    };
    this.sections = [
      { name: 'answer', pick: (packet) => packet.answers, rules: given.validate_answer_rrs },
      {
        name: 'authority',
        pick: (packet) => packet.authorities,
        rules: given.validate_authority_rrs,
      },
      {
        name: 'additional',
        pick: (packet) => packet.additionals,
        rules: given.validate_additional_rrs,
      },
    ];
  }

  async run({ address, hostname }: ProbeRequest, signal: AbortSignal): Promise<ProbeReport> {
    signal.throwIfAborted();
    const server = serverOf(address, this.options.dns_over_tls);
    if (!server.ok) throw new Error(`not an address for the dns prober: ${server.error}`);
    const startedAtMs = this.clock.monotonicMs();
    const asked =
      this.options.transport_protocol === 'udp'
        ? await this.askByUdp(server.value, signal)
        : await this.askByTcp(server.value, hostname, signal);
    const durationMs = this.clock.monotonicMs() - startedAtMs;
    const who = endpointText(server.value.host, server.value.port);
    const { exchange, phases, samples, trail } = asked;
    const packet = exchange.kind === 'answer' ? exchange.packet : undefined;
    const outcome =
      exchange.kind === 'answer'
        ? await this.judgeAnswer(exchange.packet, who, durationMs, signal)
        : this.judgeNoAnswer(exchange, who, durationMs);
    return {
      outcome,
      phases,
      samples: [...samples, ...durationSamples(phases), ...this.packetSamples(packet)],
      trail: [...trail, ...this.tellAsking(exchange, outcome, who)],
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.searcher[Symbol.asyncDispose]();
  }

  private async askByUdp({ host, port }: HostPort, signal: AbortSignal): Promise<Asked> {
    const { clock } = this;
    const startedAtMs = clock.monotonicMs();
    const resolved = await resolveHost(host, this.options, signal);
    const resolveMs = clock.monotonicMs() - startedAtMs;
    const resolving = { name: 'resolve', durationMs: resolveMs };
    if (resolved.kind !== 'address') {
      const exchange = resolveFault(resolved, host, resolveMs, signal);
      const samples = addressSamples(undefined, resolveMs);
      return { exchange, phases: [resolving], samples, trail: [exchange.message] };
    }
    const to = { ip: resolved.address, family: resolved.family, port, from: this.options.source_ip_address };
    const exchange = await askByUdp(this.query, to, clock, signal);
    if (exchange.kind === 'aborted') throwUnlessTimeout(signal);
    return {
      exchange,
      phases: [
        resolving,
        { name: 'connect', durationMs: exchange.connectMs },
        { name: 'request', durationMs: exchange.requestMs },
      ],
      samples: addressSamples(resolved, resolveMs),
      trail:
        resolved.address === host
          ? []
          : [`resolve ${host}: ${resolved.address} in ${formatDuration(resolveMs)}`],
    };
  }

  private async askByTcp(
    { host, port }: HostPort,
    hostname: string | undefined,
    signal: AbortSignal,
  ): Promise<Asked> {
    const opened = await dial(
      {
        host,
        port,
        ip: this.options,
        sourceIpAddress: this.options.source_ip_address,
        clock: this.clock,
        ...(this.tls === undefined ? {} : { tls: { client: this.tls, serverName: hostname } }),
      },
      signal,
    );
    const { phases, samples, trail } = opened;
    if (opened.kind !== 'ok') return { exchange: opened, phases, samples, trail };
    try {
      const exchange = await askByStream(this.query, opened.socket, this.clock, signal);
      if (exchange.kind === 'aborted') throwUnlessTimeout(signal);
      return {
        exchange,
        phases: [...phases, { name: 'request', durationMs: exchange.requestMs }],
        samples,
        trail,
      };
    } finally {
      opened.socket.destroy();
    }
  }

  private tellAsking(exchange: Asked['exchange'], outcome: Outcome, who: string): readonly string[] {
    if (exchange.kind === 'failed' || exchange.kind === 'inconclusive') return [];
    return [
      `ask ${who} over ${this.transportText()}: ${this.questionText()}`,
      ...(exchange.strays === 0 ? [] : [`messages that do not answer the question: ${exchange.strays}`]),
      ...(exchange.kind === 'answer' ? answerText(exchange.packet) : []),
      ...(outcome.kind === 'answered' ? [] : [outcome.message]),
    ];
  }

  private judgeNoAnswer(exchange: NoAnswer, who: string, durationMs: number): Outcome {
    const isUdp = this.options.transport_protocol === 'udp';
    const within = `within ${formatDuration(durationMs)}`;
    switch (exchange.kind) {
      case 'failed':
      case 'inconclusive':
        return outcomeOf(exchange, durationMs);
      case 'error':
        return outcomeOf(faultOf(exchange.error, isUdp ? 'connect' : 'talk', who), durationMs);
      case 'broken':
        return failed('protocol', `${who} ${exchange.what}`, durationMs);
      case 'aborted': {
        if (exchange.strays > 0) {
          return failed('protocol', `${who} sends messages, but no answer ${within}`, durationMs);
        }
        return isUdp
          ? failed('connect-timeout', `${who} does not answer ${within}`, durationMs)
          : failed('protocol', `${who} accepts the connection, but does not answer ${within}`, durationMs);
      }
      default:
        return unreachable(exchange);
    }
  }

  private async judgeAnswer(
    packet: DecodedPacket,
    who: string,
    durationMs: number,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { valid_rcodes } = this.options;
    if (!valid_rcodes.some((rcode) => rcode === packet.rcode)) {
      const wanted = valid_rcodes.join(' or ');
      const message = `${who} answers ${packet.rcode}, not ${wanted}, to ${this.questionText()}`;
      return failed('protocol', message, durationMs);
    }
    for (const section of this.sections) {
      const finding = await checkRules(section, packet, this.searcher, signal);
      if (finding.kind === 'broken') {
        return failed('content', `${who} answers with the wrong records: ${finding.what}`, durationMs);
      }
      if (finding.kind === 'unfinished') {
        throwUnlessTimeout(signal);
        const message = `The rules for the records of ${who} could not be checked in time`;
        return { kind: 'inconclusive', reason: 'self-late', message };
      }
    }
    const count = `${packet.answers.length} record${packet.answers.length === 1 ? '' : 's'}`;
    const message = `${who} answers ${packet.rcode} with ${count} in ${formatDuration(durationMs)}`;
    return { kind: 'answered', durationMs, message };
  }

  private packetSamples(packet: DecodedPacket | undefined): readonly Sample[] {
    const soa = packet?.answers.findLast((record) => record.type === 'SOA');
    return [
      { name: 'probe_dns_answer_rrs', value: packet?.answers.length ?? 0 },
      { name: 'probe_dns_authority_rrs', value: packet?.authorities.length ?? 0 },
      { name: 'probe_dns_additional_rrs', value: packet?.additionals.length ?? 0 },
      { name: 'probe_dns_query_succeeded', value: packet === undefined ? 0 : 1 },
      ...(packet !== undefined && this.query.type === 'SOA'
        ? [{ name: 'probe_dns_serial', value: soa?.data.serial ?? 0 } as const]
        : []),
    ];
  }

  private questionText(): string {
    const { query_class, query_name, query_type } = this.options;
    return `${query_name} ${query_class} ${query_type}`;
  }

  private transportText(): string {
    return this.options.dns_over_tls ? 'TLS' : this.options.transport_protocol.toUpperCase();
  }
}

/** `host`, `host:port`, or a bare IPv6 address. */
function serverOf(address: string, overTls: boolean): Result<HostPort> {
  const port = overTls ? 853 : 53;
  return isIP(address) === 6 ? ok({ host: address, port }) : parseHostPort(address, port);
}

function isDomain(name: string): boolean {
  if (name === '.') return true;
  const labels = name.replace(/\.$/, '').split('.');
  return (
    name.length <= 254 &&
    labels.every((label) => /^[\p{L}\p{N}_*-]{1,63}$/u.test(label) && !label.startsWith('-'))
  );
}

function failed(reason: Reason, message: string, durationMs: number): Outcome {
  return { kind: 'failed', reason, durationMs, message };
}

/** blackbox_exporter knows three phases, TLS being part of the connection; those not reached are 0. */
function durationSamples(phases: readonly Phase[]): readonly Sample[] {
  const sum = (...names: readonly string[]): number =>
    phases.reduce((total, { name, durationMs }) => (names.includes(name) ? total + durationMs : total), 0);
  const values = { resolve: sum('resolve'), connect: sum('connect', 'tls'), request: sum('request') };
  return Object.entries(values).map(([phase, durationMs]) => ({
    name: 'probe_dns_duration_seconds',
    labels: { phase },
    value: durationMs / 1_000,
  }));
}

function answerText(packet: DecodedPacket): readonly string[] {
  const { additionals, answers, authorities, flag_tc, rcode } = packet;
  const records = [...answers, ...authorities];
  return [
    `answer: ${rcode}, ${answers.length} answer, ${authorities.length} authority, ${additionals.length} additional${flag_tc ? ', cut off (TC)' : ''}`,
    ...records.slice(0, MAX_RECORDS_TOLD).map((record) => `  ${recordLine(record)}`),
    ...(records.length > MAX_RECORDS_TOLD ? [`  and ${records.length - MAX_RECORDS_TOLD} more`] : []),
  ];
}

const MAX_RECORDS_TOLD = 10;
