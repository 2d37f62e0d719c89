import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { getJson, until } from './monitor-process.ts';

/** The configuration that we ship. */
export const SHIPPED = join(import.meta.dirname, '../../config/alertmanager/alertmanager.yml');

export interface ShownAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly fingerprint: string;
  readonly status: {
    readonly state: string;
    readonly silencedBy: readonly string[];
    readonly inhibitedBy: readonly string[];
  };
}

export interface ShownSilence {
  readonly id: string;
  readonly status: { readonly state: string };
  readonly comment: string;
  readonly createdBy: string;
  readonly endsAt: string;
  readonly matchers: readonly unknown[];
}

/** What a webhook of Alertmanager sends. */
export interface Payload {
  readonly receiver: string;
  readonly status: string;
  readonly groupKey: string;
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly alerts: readonly {
    readonly status: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly startsAt: string;
    readonly endsAt: string;
  }[];
}

/** A real Alertmanager on a port of 127.0.0.1 that it keeps when it is started again. */
export class Alertmanager implements AsyncDisposable {
  readonly url: string;
  private readonly args: readonly string[];
  private child: ChildProcess | undefined;

  constructor(folder: string, config: string, port: number) {
    this.url = `http://127.0.0.1:${port}`;
    this.args = [
      `--config.file=${config}`,
      `--storage.path=${join(folder, `alertmanager-${port}`)}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
      '--log.level=error',
    ];
  }

  /** Resolves once it answers. */
  async start(): Promise<void> {
    const child = spawn('prometheus-alertmanager', this.args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.child = child;
    let complaints = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaints += text;
    });
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`Alertmanager ended: ${complaints}`);
      const answer = await fetch(`${this.url}/-/ready`).catch(() => undefined);
      return answer?.ok === true ? true : undefined;
    });
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  }

  /** Those that are not over, with what is suppressed. `filter`: a matcher. */
  alerts(filter = ''): Promise<readonly ShownAlert[]> {
    const query = filter === '' ? '' : `?filter=${encodeURIComponent(filter)}`;
    return getJson(`${this.url}/api/v2/alerts${query}`);
  }

  silences(): Promise<readonly ShownSilence[]> {
    return getJson(`${this.url}/api/v2/silences`);
  }

  /** Raises alerts as somebody else's Prometheus would. */
  async post(alerts: readonly Readonly<Record<string, unknown>>[]): Promise<void> {
    const answer = await fetch(`${this.url}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(alerts),
    });
    if (!answer.ok) throw new Error(`refused: ${await answer.text()}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/**
 * The configuration that we ship, as a file in `folder`: with every receiver a webhook to `hook`, but for those that
 * `receivers` names, and with short times. Returns the file.
 */
export async function writeShippedConfig(
  folder: string,
  hook: string,
  receivers: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const config = parse(await readFile(SHIPPED, 'utf8')) as {
    route: Route;
    receivers: { name: string }[];
  };
  hurry(config.route);
  const named = config.receivers.map(({ name }) => ({
    name,
    webhook_configs: [receivers[name] ?? { url: `${hook}/${name}` }],
  }));
  const file = join(folder, 'alertmanager.yml');
  await writeFile(file, stringify({ ...config, receivers: named }));
  return file;
}

interface Route {
  group_wait?: string;
  group_interval?: string;
  routes?: Route[];
}

function hurry(route: Route): void {
  route.group_wait = '200ms';
  route.group_interval = '500ms';
  for (const child of route.routes ?? []) hurry(child);
}

/** Something that takes what is sent to it, and can be asked for it. */
export class Hook implements AsyncDisposable {
  readonly received: {
    readonly path: string;
    readonly headers: IncomingHttpHeaders;
    readonly body: Payload;
  }[] = [];
  private readonly server: Server;

  private constructor() {
    this.server = createHttpServer((request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      request.on('end', () => {
        const body = JSON.parse(text) as Payload;
        this.received.push({ path: request.url ?? '', headers: request.headers, body });
        response.end();
      });
    });
  }

  static async start(): Promise<Hook> {
    const hook = new Hook();
    hook.server.listen(0, '127.0.0.1');
    await once(hook.server, 'listening');
    return hook;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** What a receiver got, oldest first. */
  to(receiver: string): readonly Payload[] {
    return this.received.filter(({ path }) => path === `/${receiver}`).map(({ body }) => body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}

/** A port of 127.0.0.1 that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
