import type { Clock, Timer } from '../lib/clock.ts';
import type { Probe, Prober } from '../probes/probe.ts';
import type { Module, Settings } from '../settings/settings.ts';
import type { RunningModule } from './engine.ts';

/**
 * The modules with their probers ready. A reload opens all of them anew, so that renewed certificates and keys are
 * read; the old ones end when the last probe that may still use them has.
 */
export class ModuleSet implements AsyncDisposable {
  private readonly probers: ReadonlyMap<string, Prober>;
  private readonly clock: Clock;
  private readonly retired = new Map<Probe, Timer>();
  private current: ReadonlyMap<string, RunningModule> = new Map();

  constructor(probers: ReadonlyMap<string, Prober>, clock: Clock) {
    this.probers = probers;
    this.clock = clock;
  }

  get running(): ReadonlyMap<string, RunningModule> {
    return this.current;
  }

  /** Opens every module of `settings`, or throws `ProberUnavailable` and leaves those before in place. */
  async open(settings: Settings): Promise<void> {
    await using opened = new AsyncDisposableStack();
    const next = new Map<string, RunningModule>();
    for (const module of settings.modules.values()) {
      const probe = opened.use(await this.openOne(module, settings.baseDir));
      next.set(module.name, { module, probe });
    }
    opened.move();
    for (const { module, probe } of this.current.values()) this.retire(probe, module.timeoutMs);
    this.current = next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.retired.values()) timer[Symbol.dispose]();
    const probes = [...this.retired.keys(), ...Array.from(this.current.values(), ({ probe }) => probe)];
    await Promise.all(probes.map((probe) => probe[Symbol.asyncDispose]()));
  }

  private openOne(module: Module, baseDir: string): Promise<Probe> {
    const prober = this.probers.get(module.prober);
    if (prober === undefined)
      throw new Error(`module ${module.name} names prober ${module.prober}, which is none`);
    const { name, timeoutMs, options } = module;
    return prober.open(options, { module: name, timeoutMs, clock: this.clock, baseDir });
  }

  private retire(probe: Probe, afterMs: number): void {
    const timer = this.clock.after(afterMs, () => {
      this.retired.delete(probe);
      void probe[Symbol.asyncDispose]();
    });
    this.retired.set(probe, timer);
  }
}
