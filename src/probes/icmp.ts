import { isIP, isIPv6 } from 'node:net';
import { z } from 'zod';
import type { Sample } from '../core/measurements.ts';
import type { Outcome, Phase, ProbeReport } from '../core/outcome.ts';
import type { SelfReason } from '../core/reason.ts';
import type { Clock } from '../lib/clock.ts';
import { formatDuration } from '../lib/duration.ts';
import { err, ok, type Result } from '../lib/result.ts';
import { unreachable } from '../lib/unreachable.ts';
import { FpingFault, type Ping, Pinger } from './fping.ts';
import { type Probe, type ProbeContext, type Prober, type ProbeRequest, ProberUnavailable } from './probe.ts';
import { addressSamples, type IpChoice, type ResolvedAddress, resolveHost } from './resolve.ts';

const options = z.strictObject({
  preferred_ip_protocol: z.enum(['ip4', 'ip6']).default('ip6'),
  ip_protocol_fallback: z.boolean().default(true),
  source_ip_address: z
    .string()
    .refine((text) => isIP(text) !== 0, 'write an IPv4 or IPv6 address of this machine')
    .optional()
    .describe('Address of this machine that the packets come from; targets of the other family then fail.'),
  dont_fragment: z.boolean().default(false).describe('Forbids routers to split the packet (IPv4).'),
  payload_size: z.int().min(0).max(65_487).default(56).describe('Unit: bytes.'),
  ttl: z.int().min(1).max(255).optional().describe('Hops a packet may make.'),
  program: z.string().min(1).default('fping').describe('Name or path of fping.'),
});
type IcmpOptions = z.infer<typeof options>;

/**
 * One echo request per probe, through fping: one process for many hosts (see `Pinger`). A probe's duration is the
 * look-up and the round trip; the time its request waits to be sent with others is ours and is told as the phase
 * `setup`. The reply's hop limit is not reported: fping 5.1 does not tell it.
 */
export const icmpProber: Prober<IcmpOptions> = {
  name: 'icmp',
  summary: 'Sends one ping (ICMP echo) through fping, which must be installed.',
  reasons: ['dns', 'unreachable', 'connect-timeout'],
  options,
  addressExample: '192.0.2.14',
  parseAddress,
  async open(given, context) {
    try {
      const pinger = await Pinger.open({
        program: given.program,
        timeoutMs: context.timeoutMs,
        args: fpingArgs(given),
        clock: context.clock,
      });
      return new IcmpProbe(pinger, choiceOf(given), context);
    } catch (error) {
      if (!(error instanceof FpingFault)) throw error;
      throw new ProberUnavailable(`module ${context.module}: ${whatToDo(error, given)}`, { cause: error });
    }
  },
};

/** A host name or an address literal, without a port. */
function parseAddress(address: string): Result<true> {
  if (
    isIP(address) !== 0 ||
    /^(?=.{1,253}$)[\p{L}\p{N}_]([\p{L}\p{N}._-]*[\p{L}\p{N}_])?\.?$/u.test(address)
  ) {
    return ok(true);
  }
  return err('write a host name or an IP address, without a port, as in 192.0.2.14 or till-1.example.test');
}

function fpingArgs({ dont_fragment, payload_size, source_ip_address, ttl }: IcmpOptions): readonly string[] {
  return [
    '-b',
    String(payload_size),
    ...(ttl === undefined ? [] : ['-H', String(ttl)]),
    ...(dont_fragment ? ['-M'] : []),
    ...(source_ip_address === undefined ? [] : ['-S', source_ip_address]),
  ];
}

/** A source address leaves only its own family. */
function choiceOf({ ip_protocol_fallback, preferred_ip_protocol, source_ip_address }: IcmpOptions): IpChoice {
  return source_ip_address === undefined
    ? { preferred: preferred_ip_protocol, fallback: ip_protocol_fallback }
    : { preferred: isIPv6(source_ip_address) ? 'ip6' : 'ip4', fallback: false };
}

function whatToDo({ fault, message }: FpingFault, { program }: IcmpOptions): string {
  switch (fault) {
    case 'missing':
      return program === 'fping'
        ? 'the program fping is not installed; install it (Debian, Ubuntu: apt-get install fping; Fedora: ' +
            'dnf install fping; macOS: brew install fping), or give its path as icmp.program'
        : `there is no program "${program}" (icmp.program); write the path of an installed fping`;
    case 'not-startable':
      return `the program "${program}" cannot be started (${message}); check its permissions (icmp.program)`;
    case 'not-permitted':
      return (
        `fping may not send pings (${message}); allow it with "setcap cap_net_raw+ep" on the program, or run ` +
        'the monitor with CAP_NET_RAW'
      );
    case 'unusable':
      return `fping does not work with these options (${message}); check the module's icmp options`;
    case 'stuck':
      return `fping ("${program}") cannot be used: ${message}; check icmp.program`;
    default:
      return unreachable(fault);
  }
}

class IcmpProbe implements Probe {
  private readonly pinger: Pinger;
  private readonly choice: IpChoice;
  private readonly clock: Clock;
  private readonly timeoutMs: number;

  constructor(pinger: Pinger, choice: IpChoice, context: ProbeContext) {
    this.pinger = pinger;
    this.choice = choice;
    this.clock = context.clock;
    this.timeoutMs = context.timeoutMs;
  }

  async run({ address }: ProbeRequest, signal: AbortSignal): Promise<ProbeReport> {
    const startedAtMs = this.clock.monotonicMs();
    const resolved = await resolveHost(address, this.choice, signal);
    const resolveMs = this.clock.monotonicMs() - startedAtMs;
    if (!resolved.ok) {
      const { message, reason } = resolved.error;
      const outcome: Outcome =
        reason === 'dns'
          ? { kind: 'failed', reason, durationMs: resolveMs, message }
          : { kind: 'inconclusive', reason, message };
      return report(outcome, resolveMs, undefined, undefined, undefined, [message]);
    }
    const askedAtMs = this.clock.monotonicMs();
    const ping = await this.pinger.ping(plainIp(resolved.value), signal);
    const elapsedMs = this.clock.monotonicMs() - askedAtMs;
    const setupMs = 'sentAtMs' in ping ? Math.max(0, ping.sentAtMs - askedAtMs) : elapsedMs;
    const { ip } = resolved.value;
    const trail = [
      ...(ip === address ? [] : [`${address} resolves to ${ip}`]),
      `echo request to ${ip} handed to fping`,
      trailOf(ping),
    ];
    const outcome = this.judge(ping, address, resolveMs, elapsedMs - setupMs);
    const rttMs = ping.kind === 'answered' ? ping.rttMs : undefined;
    return report(outcome, resolveMs, resolved.value, setupMs, rttMs, trail);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.pinger[Symbol.asyncDispose]();
  }

  private judge(ping: Ping, address: string, resolveMs: number, waitedMs: number): Outcome {
    const durationMs = resolveMs + (ping.kind === 'answered' ? ping.rttMs : waitedMs);
    switch (ping.kind) {
      case 'answered':
        return {
          kind: 'answered',
          durationMs,
          message: `${address} answers a ping in ${roundTrip(ping.rttMs)}.`,
        };
      case 'silent': {
        const message = `${address} does not answer a ping within ${formatDuration(this.timeoutMs)}.`;
        return { kind: 'failed', reason: 'connect-timeout', durationMs, message };
      }
      case 'unreachable': {
        const message = `${address} cannot be reached: the network answers "${ping.detail}".`;
        return { kind: 'failed', reason: 'unreachable', durationMs, message };
      }
      case 'not-sent':
        return { kind: 'inconclusive', reason: ping.reason, message: selfText(ping.reason, ping.detail) };
      default:
        return unreachable(ping);
    }
  }
}

function report(
  outcome: Outcome,
  resolveMs: number,
  address: ResolvedAddress | undefined,
  setupMs: number | undefined,
  rttMs: number | undefined,
  trail: readonly string[],
): ProbeReport {
  const phases: readonly Phase[] = [
    { name: 'resolve', durationMs: resolveMs },
    ...(setupMs === undefined ? [] : [{ name: 'setup', durationMs: setupMs }]),
    ...(rttMs === undefined ? [] : [{ name: 'rtt', durationMs: rttMs }]),
  ];
  const samples: readonly Sample[] = [
    ...addressSamples(address, resolveMs),
    ...phases.map(
      ({ name, durationMs }): Sample => ({
        name: 'probe_icmp_duration_seconds',
        labels: { phase: name },
        value: durationMs / 1_000,
      }),
    ),
  ];
  return { outcome, phases, samples, trail };
}

/** fping knows an IPv4 address only in its own notation, not as ::ffff:192.0.2.14. */
function plainIp({ ip }: ResolvedAddress): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1] ?? ip;
}

function trailOf(ping: Ping): string {
  switch (ping.kind) {
    case 'answered':
      return `echo reply after ${roundTrip(ping.rttMs)}`;
    case 'silent':
      return 'no echo reply';
    case 'unreachable':
      return `instead of an echo reply: ${ping.detail}`;
    case 'not-sent':
      return `not sent: ${ping.detail}`;
    default:
      return unreachable(ping);
  }
}

function selfText(reason: SelfReason, detail: string): string {
  return reason === 'self-network'
    ? `The monitor's own network did not take the ping: ${detail}.`
    : `The ping could not be made: ${detail}.`;
}

function roundTrip(rttMs: number): string {
  return rttMs < 10 ? `${rttMs.toFixed(2)} ms` : formatDuration(rttMs);
}
