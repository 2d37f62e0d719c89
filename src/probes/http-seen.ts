import type { IncomingMessage } from 'node:http';
import type { Sample } from '../core/measurements.ts';
import type { DialResult } from './dial.ts';
import type { Report } from './report.ts';
import { ADDRESS_SAMPLES } from './resolve.ts';

const PHASES = ['resolve', 'connect', 'tls', 'processing', 'transfer'] as const;
type PhaseName = (typeof PHASES)[number];
const LABELS = {
  resolve: { phase: 'resolve' },
  connect: { phase: 'connect' },
  tls: { phase: 'tls' },
  processing: { phase: 'processing' },
  transfer: { phase: 'transfer' },
} as const;

/** What an HTTP probe has seen so far, over all its hops. */
export class Seen {
  readonly startedAtMs: number;
  readonly trail: string[] = [];
  redirects = 0;
  status = 0;
  isMismatch = false;
  uncompressedLength = 0;
  private version = 0;
  private isTls = false;
  /** Undefined when the answer does not tell its length: never -1. */
  private contentLength: number | undefined = 0;
  private modifiedAtMs = Number.NaN;
  /** Over all hops, in the order they first came. */
  private readonly phases: { readonly name: PhaseName; durationMs: number }[] = [];
  /** The first hop's address. */
  private address: readonly Sample[] | undefined;
  /** The last hop's TLS session. */
  private session: readonly Sample[] = [];

  constructor(startedAtMs: number) {
    this.startedAtMs = startedAtMs;
  }

  addPhase(name: PhaseName, durationMs: number): void {
    const phase = this.phases.find((candidate) => candidate.name === name);
    if (phase === undefined) this.phases.push({ name, durationMs });
    else phase.durationMs += durationMs;
  }

  /** A new hop begins: what the one before answered is not the answer. */
  addDial(dialled: DialResult): void {
    this.status = 0;
    this.version = 0;
    this.isTls = false;
    this.contentLength = 0;
    this.uncompressedLength = 0;
    this.modifiedAtMs = Number.NaN;
    for (const { name, durationMs } of dialled.phases) this.addPhase(name, durationMs);
    this.address ??= dialled.samples.slice(0, ADDRESS_SAMPLES);
    this.session = dialled.samples.slice(ADDRESS_SAMPLES);
    this.trail.push(...dialled.trail);
  }

  addHead(response: IncomingMessage, isTls: boolean): void {
    this.status = response.statusCode ?? 0;
    this.version = Number(response.httpVersion);
    this.isTls = isTls;
    const length = isBodiless(this.status) ? '0' : response.headers['content-length'];
    this.contentLength = length === undefined ? undefined : Number(length);
    const modified = response.headers['last-modified'];
    this.modifiedAtMs = modified === undefined ? Number.NaN : Date.parse(modified);
  }

  /** In blackbox_exporter all of these are there, at 0, whatever happens; but for what has no number. */
  report(): Report {
    const samples: Sample[] = [...(this.address ?? [])];
    for (const name of PHASES) {
      const durationMs = this.phases.find((phase) => phase.name === name)?.durationMs ?? 0;
      samples.push({ name: 'probe_http_duration_seconds', labels: LABELS[name], value: durationMs / 1_000 });
    }
    samples.push(
      { name: 'probe_http_status_code', value: this.status },
      { name: 'probe_http_version', value: this.version },
      { name: 'probe_http_ssl', value: this.isTls ? 1 : 0 },
      { name: 'probe_http_uncompressed_body_length', value: this.uncompressedLength },
      { name: 'probe_http_redirects', value: this.redirects },
      { name: 'probe_failed_due_to_regex', value: this.isMismatch ? 1 : 0 },
    );
    if (this.contentLength !== undefined) {
      samples.push({ name: 'probe_http_content_length', value: this.contentLength });
    }
    if (!Number.isNaN(this.modifiedAtMs)) {
      samples.push({
        name: 'probe_http_last_modified_timestamp_seconds',
        value: this.modifiedAtMs / 1_000,
      });
    }
    samples.push(...this.session);
    return { phases: this.phases, samples, trail: this.trail };
  }
}

/** Whether a response of this status never has a body. */
export function isBodiless(status: number): boolean {
  return status < 200 || status === 204 || status === 304;
}
