import type { z } from 'zod';
import type { ProbeReport } from '../core/outcome.ts';
import type { Reason } from '../core/reason.ts';
import type { Clock } from '../lib/clock.ts';
import type { Result } from '../lib/result.ts';

/** One probe to make. */
export interface ProbeRequest {
  /** Whose memory the prober may keep (a terminal's busy time, its unsent batches). Any text for a one-off. */
  readonly targetId: string;
  /** As `parseAddress` accepted it. */
  readonly address: string;
  /** Host header and TLS server name to use instead of the address' own (as `/probe?hostname=`). */
  readonly hostname?: string;
}

/**
 * A prober with a module's options, ready to run any number of probes at once.
 *
 * `run` keeps to the deadline that `signal` gives. When the signal aborts, it settles within 50 ms with every
 * socket it opened destroyed: if the reason is a `TimeoutError` (as of `AbortSignal.timeout`) it resolves with a
 * `failed` outcome that names the layer it was waiting for; for any other abort it rejects with that reason.
 * Remote faults are data and never throw; local ones (no descriptor left, own network down) are `inconclusive`.
 * Memory stays bounded whatever the other side sends. No message, trail or sample holds a secret, a body or card
 * data.
 */
export interface Probe extends AsyncDisposable {
  run(request: ProbeRequest, signal: AbortSignal): Promise<ProbeReport>;
}

/** What a prober is given when a module is opened. */
export interface ProbeContext {
  /** The module's name, for error messages. */
  readonly module: string;
  /** The longest a probe of this module may take. Unit: ms. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Folder that relative file options are read against. */
  readonly baseDir: string;
}

/** One protocol: the whole of what settings, docs, schema and contract tests need to know about it. */
export interface Prober<Options = unknown> {
  /** The word used in `prober:`, and the key under which a module's options stand. */
  readonly name: string;
  /** One line for the documentation. */
  readonly summary: string;
  /** Every reason that `failed` and `degraded` outcomes of this prober may carry. */
  readonly reasons: readonly Reason[];
  /** Options under the prober's name in a module; strict, with defaults. */
  readonly options: z.ZodType<Options>;
  /** Example of an address, for documentation and error messages. */
  readonly addressExample: string;
  /** `ok` when `address` reads as this prober's kind of address; otherwise what to change. */
  parseAddress(address: string): Result<true>;
  /**
   * Makes a module's options ready: reads its files, starts its helpers.
   * Throws `ProberUnavailable` when the options cannot work here, with what to change.
   */
  open(options: Options, context: ProbeContext): Promise<Probe>;
}

/** A module cannot be opened: a missing program, an unreadable key. The message says what to do. */
export class ProberUnavailable extends Error {
  override readonly name = 'ProberUnavailable';
}
