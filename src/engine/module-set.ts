import type { Clock, Timer } from '../lib/clock.ts';
import type { Probe, Prober } from '../probes/probe.ts';
import type { Module } from '../settings/settings.ts';
import type { RunningModule } from './engine.ts';

/**
 * The modules with their probers ready. New settings open all of them anew, so that renewed certificates and keys are
 * read; the old ones end when the last probe that may still use them has.
 */
export class ModuleSet implements AsyncDisposable {
  private readonly probers: ReadonlyMap<string, Prober>;
  private readonly clock: Clock;
  private readonly retired = new Map<Probe, Timer>();
  private opened: ReadonlyMap<string, RunningModule> | undefined;
  private current: ReadonlyMap<string, RunningModule> = new Map();

  constructor(probers: ReadonlyMap<string, Prober>, clock: Clock) {
    this.probers = probers;
    this.clock = clock;
  }

  /** Opens `modules` beside those in use, until `use`. Throws `ProberUnavailable` and opens none of them. */
  async open(modules: readonly Module[], baseDir: string): Promise<void> {
    await using stack = new AsyncDisposableStack();
    const next = new Map<string, RunningModule>();
    for (const module of modules) {
      const probe = stack.use(await this.openOne(module, baseDir));
      next.set(module.name, { module, probe });
    }
    stack.move();
    this.retire(this.opened);
    this.opened = next;
  }

  /** Puts what was opened last in place of what is in use. Returns what is in use now. */
  use(): ReadonlyMap<string, RunningModule> {
    if (this.opened === undefined) return this.current;
    this.retire(this.current);
    this.current = this.opened;
    this.opened = undefined;
    return this.current;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.retired.values()) timer[Symbol.dispose]();
    const live = [...this.current.values(), ...(this.opened?.values() ?? [])];
    const probes = [...this.retired.keys(), ...live.map(({ probe }) => probe)];
    await Promise.all(probes.map((probe) => probe[Symbol.asyncDispose]()));
  }

  private openOne(module: Module, baseDir: string): Promise<Probe> {
    const prober = this.probers.get(module.prober);
    if (prober === undefined)
      throw new Error(`module ${module.name} names prober ${module.prober}, which is none`);
    const { name, timeoutMs, options } = module;
    return prober.open(options, { module: name, timeoutMs, clock: this.clock, baseDir });
  }

  private retire(modules: ReadonlyMap<string, RunningModule> | undefined): void {
    for (const { module, probe } of modules?.values() ?? []) {
      const timer = this.clock.after(module.timeoutMs, () => {
        this.retired.delete(probe);
        // It is out of use: its failing to end cleanly can harm nothing.
        probe[Symbol.asyncDispose]().then(undefined, () => undefined);
      });
      this.retired.set(probe, timer);
    }
  }
}
