import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { SimulatedTarget, Simulator } from './simulator.ts';

type Described = Pick<Simulator, 'plan' | 'targets' | 'certificates' | 'intervalMs'>;

/** As a module's `metrics`: at most six series a target, or all that its prober measures. */
export type Metrics = 'basic' | 'detailed';

interface NexoKeyWords {
  readonly identifier: string;
  readonly version: number;
  readonly passphrase: string;
}

const FILES = {
  config: 'kassavakt.yaml',
  stores: 'stores.csv',
  terminals: 'terminals.csv',
  ca: 'secrets/ca.pem',
  swishCert: 'secrets/swish-client.pem',
  swishKey: 'secrets/swish-client.key',
  passphrase: 'secrets/nexo-passphrase',
} as const;

/** All of it is on this machine: what does not answer soon never will, and three of these tell of one that hangs. */
const PATIENCE_MS = 2_000;
/** Up to this interval an outage is to be over while somebody watches. */
const SHORT_INTERVAL_MS = 5_000;

/** Only its owner may read a secret. */
const SECRET_MODE = 0o600;

/** See `Simulator.writeConfig`. */
export async function writeConfig(
  dir: string,
  simulator: Described,
  key: NexoKeyWords,
  metrics: Metrics = 'basic',
): Promise<string> {
  await mkdir(join(dir, 'secrets'), { recursive: true, mode: 0o700 });
  const { ca, swishClient } = simulator.certificates;
  const texts: readonly (readonly [name: string, text: string, isSecret?: boolean])[] = [
    [FILES.config, renderSettings(simulator, key, metrics)],
    [FILES.stores, renderStores(simulator)],
    [FILES.terminals, renderTerminals(simulator.targets)],
    [FILES.ca, ca],
    [FILES.swishCert, swishClient.cert],
    [FILES.swishKey, swishClient.key, true],
    [FILES.passphrase, `${key.passphrase}\n`, true],
  ];
  for (const [name, text, isSecret = false] of texts) {
    const path = join(dir, name);
    await writeFile(path, text, isSecret ? { mode: SECRET_MODE } : {});
    // A file that was there already keeps its mode.
    if (isSecret) await chmod(path, SECRET_MODE);
  }
  return join(dir, FILES.config);
}

function renderSettings(simulator: Described, key: NexoKeyWords, metrics: Metrics): string {
  const { intervalMs, targets, plan } = simulator;
  const timeoutMs = Math.floor(Math.min(PATIENCE_MS, intervalMs * 0.8));
  const timing = {
    interval: spell(intervalMs),
    timeout: spell(timeoutMs),
    retry_interval: spell(Math.min(2_000, Math.floor(intervalMs * 0.4))),
    fail_after: 3,
    recover_after: 2,
    slow_after: spell(Math.min(1_000, Math.floor(timeoutMs * 0.8))),
    ...(metrics === 'basic' ? {} : { metrics }),
  };
  const tls = { ca_file: FILES.ca };
  const settings = {
    listen: '127.0.0.1:9840',
    data_dir: './data',
    estate: { stores: FILES.stores, terminals: FILES.terminals },
    modules: {
      terminal: {
        prober: 'nexo',
        ...timing,
        nexo: {
          encryption: {
            key_identifier: key.identifier,
            key_version: key.version,
            passphrase_file: FILES.passphrase,
          },
          tls_config: tls,
        },
      },
      'terminal-clear': { prober: 'nexo', ...timing, nexo: { tls_config: tls } },
      gateway: { prober: 'tcp', ...timing },
      shop: {
        prober: 'http',
        ...timing,
        http: {
          valid_status_codes: [200],
          fail_if_body_matches_regexp: ['driftst[öo]rning', 'driftsforstyrrelser'],
          tls_config: tls,
        },
      },
      swish: {
        prober: 'swish',
        ...timing,
        swish: { tls_config: { ...tls, cert_file: FILES.swishCert, key_file: FILES.swishKey } },
      },
    },
    limits: {
      max_in_flight: Math.max(1_000, Math.ceil(targets.length / 2)),
      // A whole store at once: a dark one is then told of in no more time than a single terminal.
      max_in_flight_per_store: largestStore(targets),
    },
    targets: targets.filter(({ kind }) => kind !== 'terminal').map(describe),
    dependencies: [{ children: 'kind=terminal', parents: 'kind=gateway', by: ['store'] }],
    ...(intervalMs > SHORT_INTERVAL_MS ? {} : { incidents: keepStep(intervalMs) }),
  };
  return [
    `# A simulated estate of ${plan.stores.length} stores and ${targets.length} targets, written by kassavakt simulate`,
    '# and good for as long as that runs. Chains, acquirers and networks are invented.',
    stringify(settings, { aliasDuplicateObjects: false }),
  ].join('\n');
}

/** When incidents open and end, for probes that are closer together than anybody's real ones. */
function keepStep(intervalMs: number) {
  return {
    settle: '1s',
    settle_alone: '3s',
    quiet: spell(6 * intervalMs),
    quiet_longest: spell(24 * intervalMs),
    reopen: spell(60 * intervalMs),
  };
}

/** How many targets the store with the most has. */
function largestStore(targets: readonly SimulatedTarget[]): number {
  const ofStores = targets.filter(({ store }) => store !== undefined);
  const stores = Map.groupBy(ofStores, ({ store }) => store?.id);
  return Array.from(stores.values()).reduce((most, { length }) => Math.max(most, length), 1);
}

/** An entry of `targets`. */
function describe(target: SimulatedTarget) {
  const { id, kind, store, labels, port } = target;
  const chain = labels['chain'];
  if (kind === 'gateway') {
    return { id, module: 'gateway', address: `127.0.0.1:${port}`, store: store?.id ?? '', labels: { kind } };
  }
  const isSwish = kind === 'swish';
  return {
    id,
    module: isSwish ? 'swish' : 'shop',
    address: `https://127.0.0.1:${port}${isSwish ? '/swish-cpcapi/api' : '/'}`,
    labels: { kind, ...(chain === undefined ? {} : { chain }) },
  };
}

function renderStores({ plan }: Described): string {
  const header =
    'store_id,name,chain,region,city,latitude,longitude,timezone,opening_hours,weekly_sales,network,till_system';
  const rows = plan.stores.map((store) => [
    store.id,
    store.name,
    store.chain,
    store.region,
    store.city,
    store.latitude,
    store.longitude,
    'Europe/Stockholm',
    store.openingHours,
    store.weeklySales,
    store.network,
    store.tillSystem,
  ]);
  return toCsv(header, rows);
}

function renderTerminals(targets: readonly SimulatedTarget[]): string {
  const header = 'terminal_id,store_id,lane,address,module,model,firmware,acquirer';
  const rows = targets.flatMap(({ id, store, device, port }) =>
    device === undefined
      ? []
      : [
          [
            id,
            store?.id ?? '',
            device.lane,
            `${id}@127.0.0.1:${port}`,
            device.isEncrypted ? 'terminal' : 'terminal-clear',
            device.model,
            device.firmware,
            device.acquirer,
          ],
        ],
  );
  return toCsv(header, rows);
}

/** No value of ours holds a comma, a quote or a line break. */
function toCsv(header: string, rows: readonly (readonly (string | number)[])[]): string {
  return [header, ...rows.map((row) => row.join(',')), ''].join('\n');
}

function spell(durationMs: number): string {
  return durationMs % 1_000 === 0 ? `${durationMs / 1_000}s` : `${durationMs}ms`;
}
