import { readFile } from 'node:fs/promises';
import { isIP, isIPv6 } from 'node:net';
import { z } from 'zod';
import type { Sample } from '../core/measurements.ts';
import type { Outcome, Phase, ProbeReport } from '../core/outcome.ts';
import type { Clock } from '../lib/clock.ts';
import { formatDuration } from '../lib/duration.ts';
import { err, ok, type Result } from '../lib/result.ts';
import { unreachable } from '../lib/unreachable.ts';
import type { Fault } from './fault.ts';
import { FpingFault, type Ping, Pinger, safeIntervalMs } from './fping.ts';
import { type Probe, type ProbeContext, type ProbeRequest, type Prober, ProberUnavailable } from './probe.ts';
import { outcomeOf } from './report.ts';
import { addressSamples, type IpPreference, ipOptions, resolveHost } from './resolve.ts';
import { resolveFault } from './resolve-fault.ts';

const options = z.strictObject({
  ...ipOptions,
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
        intervalMs: safeIntervalMs(await receiveBufferBytes(), given.payload_size),
        clock: context.clock,
      });
      return new IcmpProbe(pinger, given, context);
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

/** What the kernel keeps for a socket that is not being read. Unit: bytes. */
async function receiveBufferBytes(): Promise<number> {
  try {
    return Number(await readFile('/proc/sys/net/core/rmem_default', 'utf8'));
  } catch {
    // Not Linux: the usual size there.
    return 212_992;
  }
}

/** A source address leaves only its own family. */
function preferenceOf(given: IcmpOptions): IpPreference {
  const { source_ip_address } = given;
  if (source_ip_address === undefined) return given;
  return { preferred_ip_protocol: isIPv6(source_ip_address) ? 'ip6' : 'ip4', ip_protocol_fallback: false };
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
  private readonly options: IcmpOptions;
  private readonly clock: Clock;
  private readonly timeoutMs: number;

  constructor(pinger: Pinger, given: IcmpOptions, context: ProbeContext) {
    this.pinger = pinger;
    this.options = given;
    this.clock = context.clock;
    this.timeoutMs = context.timeoutMs;
  }

  async run({ address }: ProbeRequest, signal: AbortSignal): Promise<ProbeReport> {
    signal.throwIfAborted();
    const startedAtMs = this.clock.monotonicMs();
    const resolved = await resolveHost(address, preferenceOf(this.options), signal);
    const resolveMs = this.clock.monotonicMs() - startedAtMs;
    if (resolved.kind !== 'address') {
      const fault = resolveFault(resolved, address, resolveMs, signal);
      return report(outcomeOf(fault, resolveMs), { resolveMs }, undefined, [fault.message]);
    }
    const other = familyProblem(address, resolved.family, this.options);
    if (other !== undefined)
      return report(outcomeOf(other, resolveMs), { resolveMs }, resolved, [other.message]);

    const askedAtMs = this.clock.monotonicMs();
    const ping = await this.pinger.ping(plainIp(resolved.address), signal);
    const elapsedMs = this.clock.monotonicMs() - askedAtMs;
    const setupMs =
      ping.kind === 'not-sent' ? elapsedMs : Math.min(elapsedMs, Math.max(0, ping.sentAtMs - askedAtMs));
    const rttMs = ping.kind === 'answered' ? ping.rttMs : undefined;
    const durationMs = resolveMs + (rttMs ?? elapsedMs - setupMs);
    const trail = [
      ...(resolved.address === address
        ? []
        : [`resolve ${address}: ${resolved.address} in ${formatDuration(resolveMs)}`]),
      `echo request to ${resolved.address} handed to fping`,
      trailOf(ping),
    ];
    // fping gives up by the module's time-out; a scraper may have less patience.
    const waitedMs = signal.aborted ? elapsedMs - setupMs : this.timeoutMs;
    const outcome = this.judge(ping, address, durationMs, waitedMs);
    return report(outcome, { resolveMs, setupMs, rttMs }, resolved, trail);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.pinger[Symbol.asyncDispose]();
  }

  private judge(ping: Ping, address: string, durationMs: number, waitedMs: number): Outcome {
    switch (ping.kind) {
      case 'answered':
        return {
          kind: 'answered',
          durationMs,
          message: `${address} answers a ping in ${roundTrip(ping.rttMs)}`,
        };
      case 'silent': {
        const message = `${address} does not answer a ping within ${formatDuration(waitedMs)}`;
        return { kind: 'failed', reason: 'connect-timeout', durationMs, message };
      }
      case 'unreachable': {
        const message = `${address} cannot be reached: the network answers "${ping.detail}"`;
        return { kind: 'failed', reason: 'unreachable', durationMs, message };
      }
      case 'not-sent': {
        const { detail, reason } = ping;
        return { kind: 'inconclusive', reason, message: `No ping was made to ${address}: ${detail}` };
      }
      default:
        return unreachable(ping);
    }
  }
}

/** An address literal is taken as it is written, and may be of a family that the source address cannot speak to. */
function familyProblem(
  address: string,
  family: 4 | 6,
  { source_ip_address }: IcmpOptions,
): Fault | undefined {
  if (source_ip_address === undefined || isIP(source_ip_address) === family) return undefined;
  const message = `${address} is an IPv${family} address, and source_ip_address ${source_ip_address} is not`;
  return { kind: 'failed', reason: 'dns', message };
}

function report(
  outcome: Outcome,
  times: { readonly resolveMs: number; readonly setupMs?: number; readonly rttMs?: number | undefined },
  address: Parameters<typeof addressSamples>[0],
  trail: readonly string[],
): ProbeReport {
  const phases = (['resolve', 'setup', 'rtt'] as const).flatMap((name): readonly Phase[] => {
    const durationMs = times[`${name}Ms`];
    return durationMs === undefined ? [] : [{ name, durationMs }];
  });
  const durations = phases.map(
    ({ name, durationMs }): Sample => ({
      name: 'probe_icmp_duration_seconds',
      labels: { phase: name },
      value: durationMs / 1_000,
    }),
  );
  return { outcome, phases, samples: [...addressSamples(address, times.resolveMs), ...durations], trail };
}

/** fping knows an IPv4 address only in its own notation, not as ::ffff:192.0.2.14. */
function plainIp(ip: string): string {
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

function roundTrip(rttMs: number): string {
  return rttMs < 10 ? `${rttMs.toFixed(2)} ms` : formatDuration(rttMs);
}
