import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** The parts of V8's profile that are read here. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  /** Before each sample. Unit: µs. */
  readonly timeDeltas: readonly number[];
}

const SHOWN = 30;
/** Idle time is not spent. */
const IDLE = '(idle)';

/** For each thread that left a profile in `folder`: in which functions its processor time was spent. */
export async function reportProfiles(folder: string): Promise<string> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.cpuprofile')).sort();
  const reports = files.map(async (file) =>
    report(file, JSON.parse(await readFile(join(folder, file), 'utf8')) as CpuProfile),
  );
  return (await Promise.all(reports)).join('\n');
}

function report(file: string, { nodes, samples, timeDeltas }: CpuProfile): string {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const spent = new Map<string, number>();
  let total = 0;
  for (const [i, sample] of samples.entries()) {
    const name = names.get(sample) ?? '';
    const microseconds = timeDeltas[i] ?? 0;
    if (name === IDLE) continue;
    total += microseconds;
    spent.set(name, (spent.get(name) ?? 0) + microseconds);
  }
  const rows = Array.from(spent)
    .sort(([, a], [, b]) => b - a)
    .slice(0, SHOWN)
    .map(
      ([name, microseconds]) =>
        `  ${((microseconds / total) * 100).toFixed(1).padStart(5)} %  ${(microseconds / 1e6).toFixed(2).padStart(7)} s  ${name}`,
    );
  return `${file}: ${(total / 1e6).toFixed(1)} s of processor time, by function (own time)\n${rows.join('\n')}\n`;
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  const place = url.startsWith('node:') ? url : basename(url);
  return `${name} ${place}:${lineNumber + 1}`;
}
