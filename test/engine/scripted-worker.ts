import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import type { ProbeReport } from '../../src/core/outcome.ts';
import { hostEngine } from '../../src/engine/worker-host.ts';
import type { WorkerStart } from '../../src/engine/worker-protocol.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { ok } from '../../src/lib/result.ts';
import { type Prober, ProberUnavailable } from '../../src/probes/probe.ts';

/** A probing thread whose prober does as the address says: `up`, `down`, or `crash` the thread. */
const scripted: Prober<{ missing?: boolean | undefined }> = {
  name: 'scripted',
  summary: 'does as the address says',
  reasons: ['connect-refused'],
  options: z.strictObject({ missing: z.boolean().optional() }),
  addressExample: 'up',
  parseAddress: () => ok(true),
  async open({ missing }) {
    if (missing === true) throw new ProberUnavailable('the program is missing');
    return {
      run: async ({ address }): Promise<ProbeReport> => {
        if (address === 'crash') {
          setImmediate(() => {
            throw new Error('a fault that nobody caught');
          });
        }
        const outcome =
          address === 'down'
            ? ({ kind: 'failed', reason: 'connect-refused', durationMs: 1, message: 'It refuses.' } as const)
            : ({ kind: 'answered', durationMs: 1, message: 'It answers.' } as const);
        return { outcome, phases: [], samples: [], trail: [] };
      },
      async [Symbol.asyncDispose]() {},
    };
  },
};

if (parentPort === null) throw new Error('this file is for a thread');
hostEngine(parentPort, workerData as WorkerStart, new Map([['scripted', scripted]]), systemClock);
