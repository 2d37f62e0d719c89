import { requireOpenFiles, startHelper } from './processes.ts';
import type { TargetOptions } from './target-process.ts';
import { loopbackAddresses, makeFolder, type MonitorProcess, startMonitor, writeConfig } from './tools.ts';

/** Answering servers on so many loopback addresses, one port, in one process. */
export interface TargetServers extends AsyncDisposable {
  readonly pid: number;
  readonly addresses: readonly string[];
  readonly port: number;
  /** `host:port` of target `i`, by turns. */
  readonly addressOf: (i: number) => string;
  /** Refuses connections from now on. */
  close(): Promise<unknown>;
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
}

/** Starts `count` target servers on 127.`network`.x.y. */
export async function startTargets(
  kind: TargetOptions['kind'],
  { network, count, backlog = 4_096 }: { network: number; count: number; backlog?: number },
): Promise<TargetServers> {
  const addresses = loopbackAddresses(network, count);
  const options: TargetOptions = { kind, addresses, backlog };
  const helper = await startHelper<{ readonly port: number }>('target-process.ts', options);
  const { port } = helper.ready;
  return {
    pid: helper.pid,
    addresses,
    port,
    addressOf: (i) => `${addresses[i % addresses.length]}:${port}`,
    close: () => helper.ask('close'),
    signal: (signal) => helper.signal(signal),
    [Symbol.asyncDispose]: () => helper[Symbol.asyncDispose](),
  };
}

/** Many TCP targets, all well, and a monitor on them. */
export interface EstateUnderLoad extends AsyncDisposable {
  readonly monitor: MonitorProcess;
  readonly folder: string;
}

/** What 100,000 targets may want: sockets lingering after a connect, and the rest. */
const OPEN_FILES = 8_000;

export async function startEstate(targets: number, profileDir: string | undefined): Promise<EstateUnderLoad> {
  requireOpenFiles(OPEN_FILES);
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await makeFolder());
  const servers = stack.use(await startTargets('tcp', { network: 20, count: 256 }));
  const config = await writeConfig(folder.path, {
    count: targets,
    address: servers.addressOf,
    module: 'tcp, interval: 30s, timeout: 5s, fail_after: 3, recover_after: 2, retry_interval: 2s',
  });
  const monitor = stack.use(await startMonitor({ config, data: folder.path, profileDir }));
  const owned = stack.move();
  return { monitor, folder: folder.path, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
