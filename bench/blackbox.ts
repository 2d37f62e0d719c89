import { writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { cpuSeconds, startProgram } from './processes.ts';
import { freePort, waitFor } from './tools.ts';

/** Asked at once so that the rate is reached. */
const TURN_MS = 10;

/**
 * Processor time a probe of a real blackbox_exporter, asked over HTTP as Prometheus asks it. Nothing is subtracted for
 * that asking: it has no other way to probe. Unit: µs.
 */
export async function measureBlackbox(
  folder: string,
  {
    module,
    targets,
    perSecond,
    seconds,
  }: {
    /** Its module in YAML, after `m:`. */
    readonly module: string;
    readonly targets: (i: number) => string;
    readonly perSecond: number;
    readonly seconds: number;
  },
): Promise<{ readonly microsecondsAProbe: number; readonly probes: number; readonly failed: number }> {
  const config = join(folder, 'blackbox.yml');
  await writeFile(config, `modules:\n  m: ${module}\n`);
  const port = await freePort();
  await using program = startProgram(
    'prometheus-blackbox-exporter',
    [`--config.file=${config}`, `--web.listen-address=127.0.0.1:${port}`, '--log.level=error'],
    { stderr: 'ignore' },
  );
  await waitFor(async () => (await fetch(`http://127.0.0.1:${port}/-/healthy`)).ok, 10_000, 50);
  const agent = new Agent({ keepAlive: true });
  let ended = 0;
  let failed = 0;
  const ask = (i: number): void => {
    const path = `/probe?module=m&target=${encodeURIComponent(targets(i))}`;
    const request = get({ host: '127.0.0.1', port, path, agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('end', () => {
        ended++;
        if (!text.includes('\nprobe_success 1')) failed++;
      });
    });
    request.once('error', () => failed++);
  };
  const probe = async (forSeconds: number): Promise<void> => {
    const beganMs = performance.now();
    let asked = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const turns = setInterval(() => {
      const elapsed = (performance.now() - beganMs) / 1_000;
      while (asked < elapsed * perSecond) ask(asked++);
      if (elapsed >= forSeconds) resolve();
    }, TURN_MS);
    await promise;
    clearInterval(turns);
  };
  try {
    await probe(3);
    const before = { cpu: cpuSeconds(program.pid), ended };
    await probe(seconds);
    const probes = ended - before.ended;
    const used = cpuSeconds(program.pid) - before.cpu;
    return { microsecondsAProbe: Math.round((used / probes) * 1e6), probes, failed };
  } finally {
    agent.destroy();
  }
}
