import { parentPort, workerData } from 'node:worker_threads';
import { hostEngine } from './engine/worker-host.ts';
import type { WorkerStart } from './engine/worker-protocol.ts';
import { systemClock } from './lib/clock.ts';
import { probers } from './probes/registry.ts';

/** A probing thread's composition root. */
if (parentPort === null) throw new Error('this file is for a thread that the monitor starts');
hostEngine(parentPort, workerData as WorkerStart, probers, systemClock);
