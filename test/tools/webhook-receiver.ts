import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A call, as far as tests look at it. */
export interface Call {
  readonly key: string;
  readonly atMs: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A receiver of webhooks that honours their key: what it has seen it takes without acting on it again. */
export class WebhookReceiver implements AsyncDisposable {
  /** Every call, also repeated ones. */
  readonly calls: Call[] = [];
  /** Those it acted on. */
  readonly acted: Call[] = [];
  /** Takes what comes and answers nothing. */
  isMute = false;
  private readonly server: Server;
  private readonly waiting = new Set<() => void>();

  private constructor(server: Server) {
    this.server = server;
    server.on('request', (request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      request.on('end', () => {
        const key = String(request.headers['idempotency-key']);
        this.take({ key, atMs: Date.now(), body: JSON.parse(text) as Call['body'] });
        if (!this.isMute) response.writeHead(204).end();
      });
    });
  }

  static async start(): Promise<WebhookReceiver> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new WebhookReceiver(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  /** Once `find` gives something of the calls until then. */
  async until<Found>(find: (calls: readonly Call[]) => Found | undefined): Promise<Found> {
    for (;;) {
      const found = find(this.calls);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }

  private take(call: Call): void {
    if (!this.calls.some(({ key }) => key === call.key)) this.acted.push(call);
    this.calls.push(call);
    for (const resume of this.waiting) resume();
    this.waiting.clear();
  }
}
