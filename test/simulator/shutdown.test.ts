import { expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const SRC = join(import.meta.dirname, '../../src');

/** Starts, breaks in every way, leaves connections open, ends: then nothing of ours may keep a process alive. */
const PROGRAM = `
  import { connect } from 'node:net';
  import { once } from 'node:events';
  import { systemClock } from '${SRC}/lib/clock.ts';
  import { serveControl } from '${SRC}/simulator/control.ts';
  import { startSimulator } from '${SRC}/simulator/start-simulator.ts';
  {
    await using simulator = await startSimulator({ stores: 3, terminals: 9, seed: 1, clock: systemClock });
    await using control = await serveControl(simulator, { host: '127.0.0.1', port: 0 });
    for (const [kind, fault] of [['gateway', 'flap'], ['terminal', 'blackhole'], ['web', 'hang'], ['swish', 'slow']]) {
      const added = await simulator.addFault({ where: { kind }, fault, forSeconds: 3_600 });
      if (!added.ok) throw new Error(added.error.message);
    }
    for (const { kind, port } of simulator.targets) {
      const socket = connect({ port, host: '127.0.0.1' }).on('error', () => {});
      if (kind === 'web' || kind === 'swish') await once(socket, 'connect');
      if (kind === 'terminal') socket.destroy();
    }
    await fetch(control.url + '/targets');
    console.log('running');
  }
  console.log('ended');
`;

test('a simulator that is ended leaves nothing behind', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 30_000,
  });
  const [output, complaints, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  expect({ output, complaints, code, signal }).toEqual({
    output: 'running\nended\n',
    complaints: '',
    code: 0,
    signal: null,
  });
});
