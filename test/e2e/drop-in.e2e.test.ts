import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { createServer as createHttpServer } from 'node:http';
import { join } from 'node:path';
import { makeFolder, startDropIn, until } from '../tools/monitor-process.ts';
import { canRun } from '../tools/programs.ts';

const SUITE = 'a Prometheus that scraped blackbox_exporter';
const suite = canRun(SUITE, ['prometheus', 'fping']) ? describe : describe.skip;

const BLACKBOX = `
modules:
  http_2xx:
    prober: http
  tcp_connect:
    prober: tcp
    timeout: 2s
  grpc:
    prober: grpc
  icmp:
    prober: icmp
`;

interface Found {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

suite(SUITE, () => {
  const running = new AsyncDisposableStack();
  let serve: Awaited<ReturnType<typeof startDropIn>>;
  let file: string;
  let api: string;
  let page: string;
  let nobody: string;

  beforeAll(async () => {
    const folder = running.use(await makeFolder());
    file = join(folder.path, 'blackbox.yml');
    await writeFile(file, BLACKBOX);
    const site = createHttpServer((_request, response) => response.end('all is well'));
    page = `127.0.0.1:${await portOf(site)}`;
    running.defer(async () => {
      site.closeAllConnections();
      site.close();
      await once(site, 'close');
    });
    nobody = `127.0.0.1:${await freePort()}`;
    serve = running.use(await startDropIn(file));
    const listen = `127.0.0.1:${await freePort()}`;
    api = `http://${listen}/api/v1`;
    await writeFile(join(folder.path, 'prometheus.yml'), scrapeConfig(serve.url, page, nobody));
    const prometheus = spawn(
      'prometheus',
      [
        `--config.file=${join(folder.path, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder.path, 'data')}`,
        `--web.listen-address=${listen}`,
      ],
      { stdio: 'ignore' },
    );
    running.defer(() => end(prometheus));
  });
  afterAll(() => running.disposeAsync());

  /** What `query` finds, once it finds `count` series. */
  const find = (query: string, count: number): Promise<readonly Found[]> =>
    until(async () => {
      const answer = await fetch(`${api}/query?query=${encodeURIComponent(query)}`).catch(() => undefined);
      const body = (await answer?.json()) as { data?: { result: readonly Found[] } } | undefined;
      return body?.data?.result.length === count ? body.data.result : undefined;
    });

  test('goes on with no more than another address to scrape', async () => {
    const web = await find('probe_success{job="web"}', 2);
    const values = web.map(({ metric, value }) => [metric['instance'], value[1]]);
    expect(Object.fromEntries(values)).toEqual({ [`http://${page}/`]: '1', [`http://${nobody}/`]: '0' });
    await find(`probe_http_status_code{job="web",instance="http://${page}/"} == 200`, 1);
    await find('probe_success{job="ports"} == 1', 1);
    // A second to scrape within, less the half that is kept for the way back.
    const [timeout] = await find(`probe_timeout_seconds{job="ports"}`, 1);
    expect(Number(timeout?.value[1])).toBe(0.5);
    await find('up{job=~"web|ports"} == 1', 3);
  });

  test('is refused for a module that cannot be used, as for one that is not there', async () => {
    await find('up{job="grpc"} == 0', 1);
    const answer = await fetch(`${serve.url}/probe?target=${page}&module=grpc`);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('the prober \\"grpc\\" is not supported here');
    const warning = await serve.line((line) => (line.includes('"config.blackbox"') ? line : undefined));
    expect(warning).toContain(`${file}:9:13: module`);
  });

  test('takes up a changed file at a SIGHUP, and keeps the old one where the new is broken', async () => {
    const status = async (module: string) =>
      (await fetch(`${serve.url}/probe?target=${page}&module=${module}`)).status;
    expect(await status('tcp_new')).toBe(400);
    await writeFile(file, `${BLACKBOX}  tcp_new:\n    prober: tcp\n`);
    serve.child.kill('SIGHUP');
    await serve.line((line) => (line.includes('"config.reloaded"') ? line : undefined));
    expect(await status('tcp_new')).toBe(200);
    await writeFile(file, 'modules: {');
    serve.child.kill('SIGHUP');
    const refusal = await serve.line((line) => (line.includes('"config.refused"') ? line : undefined));
    expect(refusal).toContain(`${file}:1:`);
    expect(await status('tcp_new')).toBe(200);
  });

  test('has a verdict on each of several pings in a row, for a scraper that waits two seconds', async () => {
    const headers = { 'X-Prometheus-Scrape-Timeout-Seconds': '2' };
    for (let ping = 0; ping < 4; ping++) {
      const answer = await fetch(`${serve.url}/probe?target=127.0.0.1&module=icmp`, { headers });
      expect(await answer.text()).toContain('\nprobe_success 1\n');
    }
  });

  test('has no estate to show', async () => {
    const answer = await fetch(`${serve.url}/api/v1/targets`);
    expect(await answer.json()).toMatchObject({ targets: [] });
  });
});

async function portOf(server: ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await portOf(server);
  server.close();
  await once(server, 'close');
  return port;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

/** As everybody has it for blackbox_exporter; only the last replacement names another program. */
function scrapeConfig(url: string, page: string, nobody: string): string {
  const job = (name: string, module: string | undefined, targets: readonly string[]): string => `
  - job_name: ${name}
    metrics_path: /probe
    ${module === undefined ? '' : `params: { module: [${module}] }`}
    static_configs: [{ targets: ${JSON.stringify(targets)} }]
    relabel_configs:
      - { source_labels: [__address__], target_label: __param_target }
      - { source_labels: [__param_target], target_label: instance }
      - { target_label: __address__, replacement: '${new URL(url).host}' }`;
  return [
    'global: { scrape_interval: 1s, scrape_timeout: 1s }',
    'scrape_configs:',
    job('web', undefined, [`http://${page}/`, `http://${nobody}/`]),
    job('ports', 'tcp_connect', [page]),
    job('grpc', 'grpc', [page]),
    '',
  ].join('\n');
}
