import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import type { ProbeReport } from '../../src/core/outcome.ts';
import { REASONS, SELF_REASONS } from '../../src/core/reason.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type Probe, type Prober, ProberUnavailable } from '../../src/probes/probe.ts';
import { settlesWithin50Ms } from '../tools/settles-in-time.ts';
import { MANNERS, type Manner, type Peer } from './hostile-peer.ts';

/** What a prober must give for the contract to be tried on it. */
export interface ProberCase {
  /** Options that work, as a user writes them; every secret in them is a file with `SECRET` in it. */
  options(): object;
  /** A peer of its transport. `options`: further ones, for this peer. */
  start(manner: Manner): Promise<Peer & { readonly options?: object }>;
  /** The address to probe at a peer's `host:port`. */
  addressAt(peer: string): string;
  /** Options that name a file or program that is not there: `/nonexistent/…`. */
  readonly unreadable: object;
  /** Peers that this prober rightly finds well. */
  readonly well?: readonly Manner[];
}

/** What no message, trail or sample may ever hold. */
export const SECRET = 'hemligt-7f3a91';
const CARD = '4111111111111111';
const DEADLINE_MS = 400;

/** The contract of probe.ts, tried on one prober with every kind of bad peer. `baseDir` is where its files are. */
export function describeProber(prober: Prober, given: ProberCase, baseDir: () => string): void {
  const open = (options: object, module = 'under-test'): Promise<Probe> =>
    prober.open(prober.options.parse(options), {
      module,
      timeoutMs: DEADLINE_MS,
      clock: systemClock,
      baseDir: baseDir(),
    });

  const against = async (
    manner: Manner,
    act: (probe: Probe, peer: Peer, run: (signal: AbortSignal) => Promise<ProbeReport>) => Promise<void>,
  ): Promise<void> => {
    await using peer = await given.start(manner);
    await using probe = await open({ ...given.options(), ...peer.options });
    const request = { targetId: `t-${CARD}`, address: given.addressAt(peer.address) };
    await act(probe, peer, (signal) => probe.run(request, signal));
  };

  describe('as a description', () => {
    test('has reasons of the closed list, each once', () => {
      expect(prober.reasons.filter((reason) => !REASONS.includes(reason))).toEqual([]);
      expect(new Set(prober.reasons).size).toBe(prober.reasons.length);
    });

    test('reads its own example of an address, and whatever else without throwing', () => {
      expect(prober.parseAddress(prober.addressExample)).toEqual({ ok: true, value: true });
      fc.assert(
        fc.property(fc.string({ unit: 'binary' }), (text) => {
          const read = prober.parseAddress(text);
          expect(read.ok || read.error.length > 0).toBe(true);
        }),
      );
    });

    test('refuses an option that it does not know', () => {
      expect(prober.options.safeParse(given.options()).success).toBe(true);
      expect(prober.options.safeParse({ ...given.options(), intervall: 1 }).success).toBe(false);
    });

    test('has options that become a JSON Schema', () => {
      expect(z.toJSONSchema(prober.options, { io: 'input' })).toMatchObject({ type: 'object' });
    });
  });

  describe('opened', () => {
    test('names the module and the file or program that is not there', async () => {
      const opening = open({ ...given.options(), ...given.unreadable }, 'kassa-7');
      await expect(opening).rejects.toThrow(ProberUnavailable);
      await expect(opening).rejects.toThrow(/kassa-7.*\/nonexistent\//);
    });

    test('can be closed without a probe', async () => {
      await using probe = await open(given.options());
      expect(probe).toBeDefined();
    });
  });

  describe('aborted while the peer hangs', () => {
    test('rejects with the reason, at once, and leaves nothing open', async () => {
      await against('hang', async (_, peer, run) => {
        const stop = new AbortController();
        const running = run(stop.signal);
        const ended = expect(running).rejects.toThrow('the monitor stops');
        await peer.reached;
        stop.abort(new Error('the monitor stops'));
        await expect(settlesWithin50Ms(running)).resolves.toBe(true);
        await ended;
        await peer.gone();
      });
    });

    test('by its deadline resolves as failed, at once, and leaves nothing open', async () => {
      await against('hang', async (_, peer, run) => {
        const deadline = new AbortController();
        const running = run(deadline.signal);
        await peer.reached;
        deadline.abort(new DOMException('too late', 'TimeoutError'));
        await expect(settlesWithin50Ms(running)).resolves.toBe(true);
        const { outcome } = await running;
        expect(outcome.kind).toBe('failed');
        await peer.gone();
      });
    });

    test('before it began rejects with the reason', async () => {
      await against('hang', async (_probe, _peer, run) => {
        await expect(run(AbortSignal.abort(new Error('not any more')))).rejects.toThrow('not any more');
      });
    });

    test('serves a second probe as the first', async () => {
      await against('hang', async (_probe, _peer, run) => {
        for (let i = 0; i < 2; i++) {
          const { outcome } = await run(AbortSignal.timeout(DEADLINE_MS));
          expect(outcome.kind).toBe('failed');
        }
      });
    });
  });

  describe('against a peer that misbehaves', () => {
    test.each(MANNERS)('%s: ends in time with a reason of its list and no secret', async (manner) => {
      await against(manner, async (_, peer, run) => {
        const deadline = AbortSignal.timeout(DEADLINE_MS);
        const running = run(deadline);
        await new Promise<void>((resolve) => {
          deadline.addEventListener('abort', () => resolve());
          running.then(() => resolve(), resolve);
        });
        await expect(settlesWithin50Ms(running)).resolves.toBe(true);
        const report = await running;
        checkReport(prober, report);
        const { outcome } = report;
        const isWell = outcome.kind === 'answered' || outcome.kind === 'degraded';
        expect({ outcome, isWell }).toEqual({ outcome, isWell: given.well?.includes(manner) ?? false });
        await peer.gone();
      });
    });

    test('refuse: says so, unless the transport cannot tell', async () => {
      await against('refuse', async (_probe, _peer, run) => {
        const { outcome } = await run(AbortSignal.timeout(DEADLINE_MS));
        expect(outcome).toMatchObject({
          kind: 'failed',
          reason: expect.stringMatching(/^(connect-refused|unreachable)$/),
        });
      });
    });
  });
}

function checkReport(prober: Prober, report: ProbeReport): void {
  const { outcome, phases, samples } = report;
  const text = JSON.stringify(report);
  expect(text).not.toContain(SECRET);
  expect(text).not.toContain(CARD);
  expect(outcome.message).not.toBe('');
  expect(outcome.message).not.toContain('\n');
  if (outcome.kind === 'inconclusive') expect(SELF_REASONS).toContain(outcome.reason);
  else expect(outcome.durationMs).toBeGreaterThanOrEqual(0);
  if (outcome.kind === 'failed' || outcome.kind === 'degraded')
    expect(prober.reasons).toContain(outcome.reason);
  expect(phases.filter(({ durationMs }) => !(durationMs >= 0))).toEqual([]);
  const series = samples.map(({ name, labels }) => JSON.stringify([name, labels]));
  expect(new Set(series).size).toBe(series.length);
}
