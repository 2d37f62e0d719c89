import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Debian's blackbox_exporter on a free loopback port, with the configuration in `file`. */
export async function startBlackboxExporter(
  file: string,
): Promise<{ readonly url: string } & AsyncDisposable> {
  const child = spawn(
    'prometheus-blackbox-exporter',
    [`--config.file=${file}`, '--web.listen-address=127.0.0.1:0'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const closed = once(child, 'close');
  const lines: string[] = [];
  const address = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      const found = /msg="Listening on" address=(\S+)/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
    closed.then(() => reject(new Error(`blackbox_exporter ended:\n${lines.slice(-5).join('\n')}`)), reject);
  });
  return {
    url: `http://${address}`,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await closed;
    },
  };
}
