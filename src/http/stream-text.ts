import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Clock } from '../lib/clock.ts';
import { HttpProblem } from './http-problem.ts';
import type { Exchange } from './route.ts';

/** A reader that has not taken its answer after so long is dropped. Unit: ms. */
const READ_DEADLINE_MS = 60_000;

/** Sends `parts` as they come, at the reader's pace, compressed if it may be. A reader that leaves ends it. */
export async function streamText(
  { request, response, signal }: Exchange,
  contentType: string,
  parts: AsyncIterable<string> | Iterable<string>,
  clock: Clock,
): Promise<void> {
  response.setHeader('Content-Type', contentType);
  response.vary('Accept-Encoding');
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  using _deadline = clock.after(READ_DEADLINE_MS, () => response.destroy());
  const source = Readable.from(parts, { highWaterMark: 1 });
  try {
    if (request.acceptsEncodings('gzip') === false) await pipeline(source, response);
    else {
      response.setHeader('Content-Encoding', 'gzip');
      await pipeline(source, createGzip({ level: 1 }), response);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** At most so many at once; the others are told to come back. */
export function makePlaces(count: number, message: string): () => Disposable {
  let taken = 0;
  return () => {
    if (taken >= count) throw new HttpProblem('busy', message, { retryAfterSeconds: 1 });
    taken++;
    return {
      [Symbol.dispose]() {
        taken--;
      },
    };
  };
}
