import { err, ok } from '../../lib/result.ts';
import { childOf } from '../read-modules.ts';
import { hostAndPort } from './http-request.ts';
import { type ImportDraft, type ModuleDraft, SecretFiles, unreadableFields } from './import-draft.ts';
import { fileProblem, type Importer } from './importer.ts';
import { backup, type KumaMonitor, monitorConfig, monitorFields, parseJson } from './kuma-backup.ts';
import { KUMA_PROBES, type KumaWork } from './kuma-probes.ts';

/** What says nothing of how to probe: how it is shown, and the last result. */
const OF_NO_MATTER = new Set(
  (
    'path pathName childrenIDs weight forceInactive dns_last_result maintenance includeSensitiveData screenshot ' +
    'saveResponse saveErrorResponse responseMaxLength location protocol subtype ping_numeric sendUrl customUrl'
  ).split(' '),
);
/** Fields of types that are not carried over at all, and of what is told of for all monitors together. */
const TOLD_OTHERWISE =
  /^(mqtt|radius|kafka|rabbitmq|grpc|database|docker|gamedig|game$|snmp|oauth|auth(Workstation|Domain)|push|ws|remote_browser|system_service|ntp|notification|resend|description|cacheBust|ping_|domainExpiry|retryOnly|expectedTls)/;

const WHY_NOT: Readonly<Record<string, string>> = {
  push: 'Kassavakt asks, it takes no heartbeats; probe what sends them',
  docker: 'Kassavakt does not speak to Docker; probe the port that the container serves',
  'real-browser': 'Kassavakt has no browser; probe the page with the http prober',
  manual: 'its state is set by hand; "kassavakt report" tells of what a person sees',
  'grpc-keyword': 'gRPC is not supported; probe its port with the tcp or tls prober',
  'json-query': 'its URL is missing',
};

/** A backup of Uptime Kuma, or the list of its monitors as its API gives it. */
export const uptimeKumaImporter: Importer = {
  name: 'uptime-kuma',
  summary: 'a backup of Uptime Kuma (JSON), or its list of monitors',
  mostBytes: 64 * 1_024 ** 2,
  async read({ file, text: source }, draft) {
    const parsed = parseJson(source);
    if (!parsed.ok)
      return err(fileProblem(file, parsed.error.message, parsed.error.line, parsed.error.column));
    const document = Array.isArray(parsed.value) ? { monitorList: parsed.value } : parsed.value;
    const read = backup.safeParse(document);
    if (!read.success) {
      return err(
        fileProblem(
          file,
          'this is no backup of Uptime Kuma: it must be JSON with a "monitorList", or that list alone',
        ),
      );
    }
    const { monitorList, notificationList, version: _version, ...others } = read.data;
    const raws = Array.isArray(monitorList) ? monitorList : Object.values(monitorList);
    const monitors = raws.flatMap((raw, index) => readMonitor(raw, index, draft));
    const names = new Map(monitors.map((monitor) => [monitor.id, monitor]));
    const unknown = new Map<string, number>();
    for (const monitor of monitors) {
      for (const field of Object.keys(monitor)) {
        if (!isUnderstood(field)) unknown.set(field, (unknown.get(field) ?? 0) + 1);
      }
      importMonitor(monitor, groupOf(monitor, names), draft);
    }
    if (monitors.length > 0) {
      draft.skipped(
        'every monitor',
        'its description, its notifications and when they are repeated',
        'who is told of what is said under "notifications"',
      );
    }
    for (const [field, count] of unknown) {
      draft.skipped(`field "${field}"`, `of ${count} monitors`, 'it is not known here');
    }
    for (const { name, type } of notificationList ?? []) {
      draft.skipped(
        `notification "${name}"`,
        `a channel of type ${type || 'unknown'}`,
        'its settings hold secrets: set it up anew under "notifications"',
      );
    }
    for (const [field, value] of Object.entries(others)) {
      if (Array.isArray(value) && value.length === 0) continue;
      draft.skipped(`section "${field}"`, 'the whole of it', 'only monitors are carried over');
    }
    return ok(true);
  },
};

function readMonitor(raw: unknown, index: number, draft: ImportDraft): readonly KumaMonitor[] {
  const read = monitorConfig.safeParse(raw);
  if (read.success) return [read.data];
  draft.skipped(nameOf(raw, index), 'not watched', unreadableFields(monitorConfig, raw));
  return [];
}

function nameOf(raw: unknown, index: number): string {
  const { name } = childOf(raw);
  return typeof name === 'string'
    ? `monitor ${index + 1} of the list, "${name}"`
    : `monitor ${index + 1} of the list`;
}

function isUnderstood(field: string): boolean {
  return Object.hasOwn(monitorFields, field) || OF_NO_MATTER.has(field) || TOLD_OTHERWISE.test(field);
}

/** The names of the groups it is in, outermost first. */
function groupOf(monitor: KumaMonitor, all: ReadonlyMap<string, KumaMonitor>): string {
  const names: string[] = [];
  const seen = new Set<string>();
  for (let up = all.get(monitor.parent); up !== undefined && !seen.has(up.id); up = all.get(up.parent)) {
    seen.add(up.id);
    names.unshift(up.name);
  }
  return names.join(' / ');
}

function importMonitor(monitor: KumaMonitor, group: string, draft: ImportDraft): void {
  const where = `monitor ${monitor.id} "${monitor.name}"`;
  if (monitor.type === 'group') {
    draft.carried(where, 'a group: its name is the label "group" of what is in it');
    return;
  }
  const isPaused = monitor.active === false || monitor.active === 0 || monitor.active === '0';
  const obstacle = isPaused
    ? 'it is paused'
    : monitor.upsideDown
      ? 'it is upside down, well when nothing answers, which no module can say'
      : undefined;
  if (obstacle !== undefined) {
    draft.skipped(where, 'not watched', obstacle);
    return;
  }
  const id = draft.newId(monitor.name || `${monitor.type}-${monitor.id}`);
  const work = { monitor, where, draft, secrets: new SecretFiles(id) };
  const read = KUMA_PROBES[monitor.type]?.(work);
  if (read === undefined || !read.ok) {
    const advice = WHY_NOT[monitor.type] ?? `the type "${monitor.type}" has no prober here`;
    draft.skipped(where, 'not watched', read === undefined ? advice : read.error);
    return;
  }
  const { address, prober, options } = read.value;
  const labels = labelsOf(monitor, group);
  const module = { hint: prober, prober, timing: timingOf(monitor), options };
  if (!draft.addTarget(where, { id, address, module, labels, secrets: work.secrets })) return;
  draft.carried(where, `the target "${id}" of the prober ${prober}`);
  noteDifferences(work);
  if (monitor.expiryNotification && !monitor.ignoreTls) watchCertificate(work, id, address, labels);
}

function labelsOf({ tags, name }: KumaMonitor, group: string): Record<string, string> {
  const labels = new Map([['name', name], ...(group === '' ? [] : [['group', group] as const])]);
  for (const { name: tag, value } of tags ?? []) {
    const given = value === '' ? 'yes' : value;
    const before = tag === 'name' || tag === 'group' ? undefined : labels.get(tag);
    labels.set(tag, before === undefined ? given : `${before}, ${given}`);
  }
  return Object.fromEntries(labels);
}

function timingOf({ interval, timeout, retryInterval, maxretries }: KumaMonitor): ModuleDraft['timing'] {
  const ms = (seconds: number | undefined): number | undefined =>
    seconds === undefined || seconds <= 0 ? undefined : seconds * 1_000;
  const intervalMs = ms(interval) ?? 60_000;
  return {
    intervalMs,
    timeoutMs: ms(timeout) ?? intervalMs * 0.8,
    retryIntervalMs: Math.min(intervalMs, ms(retryInterval) ?? intervalMs),
    failAfter: (maxretries ?? 0) + 1,
    recoverAfter: 1,
  };
}

/** What of a monitor that is carried over means something else here. */
function noteDifferences({ monitor, where, draft }: KumaWork): void {
  const { conditions, proxyId, maxredirects, type } = monitor;
  const isWeb = ['http', 'keyword', 'json-query'].includes(type);
  if (proxyId !== '' && isWeb) draft.changed(where, 'it is probed directly, not through its proxy');
  if (isWeb && maxredirects !== undefined && maxredirects > 0 && maxredirects !== 10) {
    draft.changed(where, `up to 10 redirects are followed, not ${maxredirects}`);
  }
  if (conditions !== undefined && conditions !== null && conditions.length > 0) {
    draft.changed(where, 'its conditions are not looked at', 'only that there is an answer is');
  }
}

function watchCertificate(
  work: KumaWork,
  id: string,
  address: string,
  labels: Readonly<Record<string, string>>,
): void {
  const { where, draft } = work;
  const url = URL.parse(address);
  const isTls = url?.protocol === 'https:';
  const place = isTls ? hostAndPort(url.hostname, url.port || '443') : address;
  if (!isTls && work.monitor.type !== 'port') return;
  const module = {
    hint: 'certificate',
    prober: 'tls',
    timing: { intervalMs: 3_600_000, timeoutMs: 10_000 },
    options: { warn_before: '21d' },
  };
  const own = draft.newId(`${id}-certificate`);
  if (draft.addTarget(where, { id: own, address: place, module, labels })) {
    draft.changed(
      where,
      `its certificate is watched by a target of its own, "${own}"`,
      'degraded 21 days before it ends',
    );
  }
}
