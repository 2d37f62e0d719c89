import type { MessagePort } from 'node:worker_threads';
import { HotColumns } from '../core/columns.ts';
import type { ProbeReport } from '../core/outcome.ts';
import { CanaryReadings } from '../core/sight.ts';
import { type Clock, repeat } from '../lib/clock.ts';
import { unreachable } from '../lib/unreachable.ts';
import { type Prober, ProberUnavailable } from '../probes/probe.ts';
import { Engine, type SlotChange } from './engine.ts';
import { ModuleSet } from './module-set.ts';
import type { FromWorker, ProbeCounts, ToWorker, WorkerStart } from './worker-protocol.ts';

/** Changes go to the main thread at most this late, counts with them or this late. Unit: ms. */
const CHANGES_EVERY_MS = 20;
const COUNTS_EVERY_MS = 200;
/** So many suspects of one batch are told: more would tell nothing new of what they share. */
const MOST_SUSPECTS = 500;

/**
 * A probing thread: an engine behind a port. Runs until told to stop. An error that it does not expect ends the
 * thread; the main thread then starts another.
 */
export function hostEngine(
  port: MessagePort,
  start: WorkerStart,
  probers: ReadonlyMap<string, Prober>,
  clock: Clock,
): void {
  const outbox = new Outbox(port, clock);
  const columns = new HotColumns(start.memory);
  const readings = new CanaryReadings(start.canaries);
  const engine = new Engine(columns, readings, start.limits, clock, outbox);
  outbox.engine = engine;
  const modules = new ModuleSet(probers, clock);
  const extra = new Map<number, AbortController>();
  let work: Promise<void> = Promise.resolve();

  const handle = async (message: ToWorker): Promise<void> => {
    switch (message.kind) {
      case 'open':
        outbox.post(await open(message, modules));
        return;
      case 'assign':
        engine.assign({ ...message, modules: modules.use() });
        outbox.send();
        outbox.post({ kind: 'assigned' });
        return;
      case 'recheck':
        engine.recheck(message.slots, message.withinMs);
        return;
      case 'probe':
        void probe(message, engine, extra, outbox);
        return;
      case 'call-off':
        extra
          .get(message.id)
          ?.abort(new DOMException('called off', message.isTimeout ? 'TimeoutError' : 'AbortError'));
        return;
      case 'stop':
        await engine[Symbol.asyncDispose]();
        await modules[Symbol.asyncDispose]();
        outbox[Symbol.dispose]();
        port.close();
        return;
      default:
        unreachable(message);
    }
  };
  port.on('message', (message: ToWorker) => {
    work = work.then(() => handle(message));
  });
}

async function open(message: ToWorker & { kind: 'open' }, modules: ModuleSet): Promise<FromWorker> {
  try {
    await modules.open(message.modules, message.baseDir);
    return { kind: 'opened', id: message.id };
  } catch (error) {
    const text = Error.isError(error) ? error.message : String(error);
    const isConfiguration = error instanceof ProberUnavailable;
    return { kind: 'refused', id: message.id, message: text, isConfiguration };
  }
}

async function probe(
  { id, module, request, target }: ToWorker & { kind: 'probe' },
  engine: Engine,
  extra: Map<number, AbortController>,
  outbox: Outbox,
): Promise<void> {
  const abort = new AbortController();
  extra.set(id, abort);
  try {
    const report = await engine.probeOnce(module, request, target, abort.signal);
    outbox.post({ kind: 'probed', id, report, error: undefined });
  } catch (error) {
    outbox.post({
      kind: 'probed',
      id,
      report: undefined,
      error: Error.isError(error) ? error.message : String(error),
    });
  } finally {
    extra.delete(id);
  }
}

/** Gathers what the engine tells and sends it in batches. */
class Outbox implements Disposable {
  engine: Engine | undefined;
  private readonly port: MessagePort;
  private readonly clock: Clock;
  private readonly timer: Disposable;
  private changes: SlotChange[] = [];
  private counts = new Map<string, ProbeCounts>();
  private messages = new Map<number, string>();
  private samples = new Map<number, ProbeReport['samples']>();
  private suspects: number[] = [];
  private sentAtMs = 0;

  constructor(port: MessagePort, clock: Clock) {
    this.port = port;
    this.clock = clock;
    this.timer = repeat(clock, CHANGES_EVERY_MS, () => this.flush());
  }

  post(message: FromWorker): void {
    this.port.postMessage(message);
  }

  changed(change: SlotChange): void {
    this.changes.push(change);
  }

  probed(
    kind: ProbeCounts['kind'],
    reason: ProbeCounts['reason'],
    latenessMs: number,
    isOverruled: boolean,
  ): void {
    const key = reason === undefined ? kind : `${kind} ${reason} ${isOverruled}`;
    const known = this.counts.get(key) ?? { kind, reason, isOverruled, latenessMs: [] };
    known.latenessMs.push(latenessMs);
    this.counts.set(key, known);
  }

  suspected(slot: number): void {
    if (this.suspects.length < MOST_SUSPECTS) this.suspects.push(slot);
  }

  reasonChanged(slot: number, message: string): void {
    this.messages.set(slot, message);
  }

  sampled(slot: number, samples: ProbeReport['samples']): void {
    this.samples.set(slot, samples);
  }

  [Symbol.dispose](): void {
    this.timer[Symbol.dispose]();
    this.send();
  }

  private flush(): void {
    const isDue = this.clock.monotonicMs() - this.sentAtMs >= COUNTS_EVERY_MS;
    if (this.changes.length > 0 || this.suspects.length > 0 || isDue) this.send();
  }

  send(): void {
    this.sentAtMs = this.clock.monotonicMs();
    const { changes, messages, samples, suspects } = this;
    const counts = Array.from(this.counts.values());
    const { inFlight, queued } = this.engine ?? { inFlight: 0, queued: 0 };
    this.post({ kind: 'batch', changes, counts, messages, samples, suspects, inFlight, queued });
    this.changes = [];
    this.suspects = [];
    this.counts.clear();
    this.messages = new Map();
    this.samples = new Map();
  }
}
