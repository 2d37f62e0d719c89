import { parentPort } from 'node:worker_threads';
import { type RegexJob, runRegex } from './regex-match.ts';

// One search at a time; the thread that asks ends this one when it takes too long.
parentPort?.on('message', (job: RegexJob) => parentPort?.postMessage(runRegex(job), []));
