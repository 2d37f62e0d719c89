import type { IncomingMessage } from 'node:http';
import type { MeasurementName, Sample } from '../core/measurements.ts';
import type { DialResult } from './dial.ts';
import type { Report } from './report.ts';

const PHASES = ['resolve', 'connect', 'tls', 'processing', 'transfer'] as const;

const ADDRESS: ReadonlySet<MeasurementName> = new Set([
  'probe_dns_lookup_time_seconds',
  'probe_ip_protocol',
  'probe_ip_addr_hash',
]);

const OF_THE_ANSWER = [
  'probe_http_status_code',
  'probe_http_version',
  'probe_http_ssl',
  'probe_http_content_length',
  'probe_http_uncompressed_body_length',
] as const;

/** What an HTTP probe has seen so far, over all its hops. */
export class Seen {
  readonly startedAtMs: number;
  readonly trail: string[] = [];
  redirects = 0;
  status = 0;
  private readonly phases = new Map<string, number>();
  /** In blackbox_exporter all of these are there, at 0, whatever happens. */
  private readonly values = new Map<MeasurementName, number>([
    ...OF_THE_ANSWER.map((name) => [name, 0] as const),
    ['probe_http_redirects', 0],
    ['probe_failed_due_to_regex', 0],
  ]);
  /** The first hop's address. */
  private address: readonly Sample[] = [];
  /** The last hop's TLS session. */
  private session: readonly Sample[] = [];

  constructor(startedAtMs: number) {
    this.startedAtMs = startedAtMs;
  }

  set(name: MeasurementName, value: number): void {
    this.values.set(name, value);
  }

  addPhase(name: (typeof PHASES)[number], durationMs: number): void {
    this.phases.set(name, (this.phases.get(name) ?? 0) + durationMs);
  }

  /** A new hop begins: what the one before answered is not the answer. */
  addDial(dialled: DialResult): void {
    this.status = 0;
    for (const name of OF_THE_ANSWER) this.set(name, 0);
    this.values.delete('probe_http_last_modified_timestamp_seconds');
    for (const name of ['resolve', 'connect', 'tls'] as const) {
      const phase = dialled.phases.find((candidate) => candidate.name === name);
      if (phase !== undefined) this.addPhase(name, phase.durationMs);
    }
    if (this.address.length === 0) this.address = dialled.samples.filter(({ name }) => ADDRESS.has(name));
    this.session = dialled.samples.filter(({ name }) => !ADDRESS.has(name));
    this.trail.push(...dialled.trail);
  }

  addHead(response: IncomingMessage, isTls: boolean): void {
    this.status = response.statusCode ?? 0;
    this.set('probe_http_status_code', this.status);
    this.set('probe_http_version', Number(response.httpVersion));
    this.set('probe_http_ssl', isTls ? 1 : 0);
    const length = isBodiless(this.status) ? '0' : response.headers['content-length'];
    // A length that is not known has no number: never -1.
    if (length === undefined) this.values.delete('probe_http_content_length');
    else this.set('probe_http_content_length', Number(length));
    const modifiedAtMs = Date.parse(response.headers['last-modified'] ?? '');
    if (Number.isNaN(modifiedAtMs)) this.values.delete('probe_http_last_modified_timestamp_seconds');
    else this.set('probe_http_last_modified_timestamp_seconds', modifiedAtMs / 1_000);
  }

  report(): Report {
    return {
      phases: Array.from(this.phases, ([name, durationMs]) => ({ name, durationMs })),
      samples: [
        ...this.address,
        ...PHASES.map((phase) => ({
          name: 'probe_http_duration_seconds' as const,
          labels: { phase },
          value: (this.phases.get(phase) ?? 0) / 1_000,
        })),
        ...Array.from(this.values, ([name, value]) => ({ name, value })),
        ...this.session,
      ],
      trail: this.trail,
    };
  }
}

/** Whether a response of this status never has a body. */
export function isBodiless(status: number): boolean {
  return status < 200 || status === 204 || status === 304;
}
