import { expect, test } from '@jest/globals';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { addServe } from '../../src/cli/serve.ts';
import { ok } from '../../src/lib/result.ts';
import { runCli } from './cli-double.ts';

test('a reload that breaks off on SIGHUP is told in the log and ends nothing', async () => {
  const stop = new AbortController();
  const hangUps = new Set<() => void>();
  const entries: string[] = [];
  const log = pino(
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        const entry = chunk.toString('utf8');
        entries.push(entry);
        if (entry.includes('monitor.started')) for (const hangUp of hangUps) hangUp();
        if (entry.includes('config.failed')) stop.abort();
        done();
      },
    }),
  );
  const start = () =>
    Promise.resolve(
      ok({
        url: 'http://127.0.0.1:1',
        reload: () => Promise.reject(new Error('a prober broke off')),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
    );
  const ran = await runCli(
    (program, cli) => addServe(program, cli, start, log),
    ['serve', '--config', 'a.yaml'],
    {
      stop: stop.signal,
      hangUps,
    },
  );
  expect(ran.code).toBe(0);
  expect(entries.find((entry) => entry.includes('config.failed'))).toContain('a prober broke off');
  expect(hangUps.size).toBe(0);
});

test('SIGHUP during the start ends nothing, and reloads once the monitor runs', async () => {
  const stop = new AbortController();
  const hangUps = new Set<() => void>();
  const calls: string[] = [];
  const start = () => {
    for (const hangUp of [...hangUps, ...hangUps]) hangUp();
    calls.push('started');
    return Promise.resolve(
      ok({
        url: 'http://127.0.0.1:1',
        reload: () => {
          calls.push('reloaded');
          stop.abort();
          return Promise.resolve(ok({ added: 0, removed: 0, changed: 0 }));
        },
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
    );
  };
  const ran = await runCli(
    (program, cli) => addServe(program, cli, start, pino({ level: 'silent' })),
    ['serve', '--config', 'a.yaml'],
    { stop: stop.signal, hangUps },
  );
  expect(ran.code).toBe(0);
  expect(calls).toEqual(['started', 'reloaded']);
});
