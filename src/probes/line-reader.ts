import type { Socket } from 'node:net';
import { errorOf } from './socket-error.ts';

/** The longest line to accept. Unit: bytes. As blackbox_exporter has it. */
export const MAX_LINE_BYTES = 65_536;

export type Read =
  /** Bytes without the line's end (`\n` or `\r\n`). What comes before the end of the stream is a line too. */
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly error: Error }
  | { readonly kind: 'too-long' }
  | { readonly kind: 'aborted' };

/**
 * Reads a socket in lines or in bytes, never further ahead than the socket's own buffer and one line. One read at a
 * time.
 */
export class LineReader {
  private held = Buffer.alloc(0);
  private readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.pause();
  }

  line(signal: AbortSignal): Promise<Read> {
    return this.read((ended) => {
      const end = this.held.indexOf(0x0a);
      if (end > MAX_LINE_BYTES || (end < 0 && this.held.length > MAX_LINE_BYTES)) return { kind: 'too-long' };
      if (end >= 0) return { kind: 'bytes', bytes: withoutReturn(this.take(end + 1).subarray(0, end)) };
      if (!ended) return undefined;
      return this.held.length === 0
        ? { kind: 'end' }
        : { kind: 'bytes', bytes: withoutReturn(this.take(this.held.length)) };
    }, signal);
  }

  /** Exactly `count` bytes; fewer only at the end of the stream. */
  bytes(count: number, signal: AbortSignal): Promise<Read> {
    return this.read((ended) => {
      if (this.held.length >= count) return { kind: 'bytes', bytes: this.take(count) };
      if (!ended) return undefined;
      return this.held.length === 0 ? { kind: 'end' } : { kind: 'bytes', bytes: this.take(this.held.length) };
    }, signal);
  }

  private take(count: number): Buffer {
    const taken = this.held.subarray(0, count);
    this.held = this.held.subarray(count);
    return taken;
  }

  private read(next: (ended: boolean) => Read | undefined, signal: AbortSignal): Promise<Read> {
    const { socket } = this;
    return new Promise((resolve) => {
      let ended = socket.readableEnded;
      const settle = (read: Read): void => {
        signal.removeEventListener('abort', onAbort);
        socket.off('readable', onReadable).off('end', onEnd).off('close', onEnd).off('error', onEnd);
        resolve(read);
      };
      const tryNext = (): boolean => {
        const read = next(ended);
        if (read !== undefined) settle(read);
        return read !== undefined;
      };
      const onReadable = (): void => {
        while (!tryNext()) {
          const chunk: Buffer | null = socket.read();
          if (chunk === null) return;
          this.held = Buffer.concat([this.held, chunk]);
        }
      };
      const onEnd = (): void => {
        const error = errorOf(socket);
        if (error !== undefined) return settle({ kind: 'error', error });
        ended = true;
        tryNext();
      };
      const onAbort = (): void => settle({ kind: 'aborted' });
      if (signal.aborted) return onAbort();
      if (errorOf(socket) !== undefined || socket.destroyed || ended) return onEnd();
      if (tryNext()) return;
      signal.addEventListener('abort', onAbort, { once: true });
      socket.on('readable', onReadable).on('end', onEnd).on('close', onEnd).on('error', onEnd);
    });
  }
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
}
