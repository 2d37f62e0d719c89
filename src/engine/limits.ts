import { readFileSync } from 'node:fs';
import type { Limits, Settings } from '../settings/settings.ts';

/** Descriptors that are no probe's: the journal, clients of the feed and of HTTP, threads, files. */
const RESERVED_FILES = 1_000;
/** In flight at once, however small the estate. */
const LEAST_IN_FLIGHT = 1_000;

/** The bounds in force, and what an operator should know of them. */
export interface ResolvedLimits {
  readonly limits: Limits;
  /** One sentence with the line that helps; undefined when there is room enough. */
  readonly warning: string | undefined;
}

/**
 * Bounds what the configuration leaves open: room for every target hanging for its whole time-out, as on the day when
 * all is dark, as far as the system gives us descriptors. `maxOpenFiles` undefined: not known, no bound.
 */
export function resolveLimits(
  { limits, modules, estate }: Settings,
  maxOpenFiles: number | undefined,
): ResolvedLimits {
  let hanging = 0;
  for (const target of estate.targets.values()) {
    const module = modules.get(target.module);
    if (module !== undefined) hanging += module.timeoutMs / module.intervalMs;
  }
  const wanted = limits.maxInFlight ?? Math.max(LEAST_IN_FLIGHT, Math.ceil(hanging));
  const allowed = maxOpenFiles === undefined ? wanted : Math.max(100, maxOpenFiles - RESERVED_FILES);
  const { maxInFlightPerStore, maxInFlightPerNetwork } = limits;
  return {
    limits: { maxInFlight: Math.min(wanted, allowed), maxInFlightPerStore, maxInFlightPerNetwork },
    warning:
      wanted <= allowed
        ? undefined
        : `This estate may need ${wanted} probes in flight at once, and the system allows this process ${maxOpenFiles} open files: ` +
          `only ${allowed} will be. Raise it with "ulimit -n ${wanted + RESERVED_FILES}" in the shell that starts it, or ` +
          `LimitNOFILE=${wanted + RESERVED_FILES} in its systemd unit.`,
  };
}

/** How many files this process may have open (soft limit); undefined where the system does not say. */
export function readMaxOpenFiles(): number | undefined {
  let text: string;
  try {
    text = readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return undefined;
  }
  const soft = /^Max open files\s+(\d+)/m.exec(text)?.[1];
  return soft === undefined ? undefined : Number(soft);
}
