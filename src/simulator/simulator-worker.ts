import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../lib/clock.ts';
import type { FaultRequest, Simulator } from './simulator.ts';
import type { FromSimulator, ThreadedOptions, ToSimulator } from './simulator-thread.ts';
import { startSimulator } from './start-simulator.ts';

/** Runs a simulator for the thread that started this one. */
const port = parentPort;
if (port === null) throw new Error('runs as a worker only');
const post = (message: FromSimulator): void => port.postMessage(message, []);

const simulator = await startSimulator({ ...(workerData as ThreadedOptions), clock: systemClock });
port.on('message', (message: ToSimulator) => {
  if (message.kind === 'end') {
    // With the port closed and the simulator gone nothing holds this thread.
    void simulator[Symbol.asyncDispose]().then(() => port.close());
    return;
  }
  const { id } = message;
  void call(simulator, message).then(
    (value) => post({ kind: 'returned', id, value }),
    (error: unknown) => post({ kind: 'threw', id, error }),
  );
});
const { plan, targets, intervalMs } = simulator;
post({ kind: 'started', plan, targets, intervalMs });

async function call(
  simulator: Simulator,
  { name, argument }: Extract<ToSimulator, { kind: 'call' }>,
): Promise<unknown> {
  switch (name) {
    case 'addFault':
      return simulator.addFault(argument as FaultRequest);
    case 'removeFault':
      return simulator.removeFault(argument as string);
    case 'writeConfig':
      return simulator.writeConfig(argument as string);
    default:
      return name satisfies never;
  }
}
