import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import axios, { type AxiosInstance, type AxiosResponse } from 'axios';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { redact } from '../../lib/redact.ts';
import { err, ok, type Result } from '../../lib/result.ts';
import type { PostableAlert } from './alert.ts';
import type { Matcher } from './silence-matchers.ts';

/** How we prove who we are. Secrets are read from their files at each request, so that they may be changed there. */
export type PeerAuth =
  | { readonly kind: 'basic'; readonly username: string; readonly passwordFile: string }
  | { readonly kind: 'bearer'; readonly tokenFile: string };

/** Why a request came to nothing. */
export interface PeerProblem {
  /** Sending the same again cannot help until somebody changes something. */
  readonly isPermanent: boolean;
  /** One sentence for an operator. No secret. */
  readonly message: string;
}

/** A silence as an Alertmanager has it. */
export interface PeerSilence {
  readonly id: string;
  readonly isOver: boolean;
  readonly createdBy: string;
  readonly comment: string;
}

/** A silence to be created. Times: epoch ms, UTC. */
export interface SilenceDraft {
  readonly matchers: readonly Matcher[];
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly createdBy: string;
  readonly comment: string;
}

const SILENCES = z.array(
  z.object({
    id: z.string(),
    status: z.object({ state: z.string() }),
    createdBy: z.string(),
    comment: z.string(),
  }),
);

/** Alertmanager keeps silences for days after their end. Unit: bytes. */
const LARGEST_ANSWER = 64 * 1024 * 1024;
const LONGEST_REMARK = 300;

/** What requests to one Alertmanager take. */
export interface PeerOptions {
  /** As configured, no slash at the end. */
  readonly url: string;
  readonly auth: PeerAuth | undefined;
  /** For one request. Unit: ms. */
  readonly timeoutMs: number;
}

/**
 * One Alertmanager's API, version 2. What goes wrong is a result; an abort of the signal rejects with its reason.
 * Redirects are not followed: a POST that is redirected would arrive as a GET, and be lost without a word.
 */
export class AlertmanagerPeer implements Disposable {
  readonly url: string;
  private readonly options: PeerOptions;
  private readonly clock: Clock;
  private readonly client: AxiosInstance;
  private readonly agents: readonly [HttpAgent, HttpsAgent];

  constructor(options: PeerOptions, clock: Clock) {
    this.url = options.url;
    this.options = options;
    this.clock = clock;
    this.agents = [new HttpAgent({ keepAlive: true }), new HttpsAgent({ keepAlive: true })];
    this.client = axios.create({
      baseURL: `${options.url}/api/v2/`,
      httpAgent: this.agents[0],
      httpsAgent: this.agents[1],
      proxy: false,
      maxRedirects: 0,
      maxContentLength: LARGEST_ANSWER,
      responseType: 'text',
      transformResponse: (body: unknown) => body,
      validateStatus: () => true,
    });
  }

  /** Tells of `alerts`; none at all only asks whether it would hear. */
  async postAlerts(
    alerts: readonly PostableAlert[],
    signal: AbortSignal,
  ): Promise<Result<void, PeerProblem>> {
    const answer = await this.request('POST', 'alerts', alerts, signal);
    return answer.ok ? ok(undefined) : answer;
  }

  async listSilences(signal: AbortSignal): Promise<Result<readonly PeerSilence[], PeerProblem>> {
    const answer = await this.request('GET', 'silences', undefined, signal);
    if (!answer.ok) return answer;
    const read = SILENCES.safeParse(parseJson(answer.value));
    if (!read.success) {
      return this.refuse(true, 'answers with something else than silences; is it an Alertmanager?');
    }
    return ok(
      read.data.map(({ id, status, createdBy, comment }) => ({
        id,
        isOver: status.state === 'expired',
        createdBy,
        comment,
      })),
    );
  }

  async createSilence(draft: SilenceDraft, signal: AbortSignal): Promise<Result<void, PeerProblem>> {
    const { startsAtMs, endsAtMs, ...rest } = draft;
    const startsAt = new Date(startsAtMs).toISOString();
    const endsAt = new Date(endsAtMs).toISOString();
    const answer = await this.request('POST', 'silences', { ...rest, startsAt, endsAt }, signal);
    return answer.ok ? ok(undefined) : answer;
  }

  async endSilence(id: string, signal: AbortSignal): Promise<Result<void, PeerProblem>> {
    const answer = await this.request('DELETE', `silence/${encodeURIComponent(id)}`, undefined, signal);
    return answer.ok ? ok(undefined) : answer;
  }

  [Symbol.dispose](): void {
    for (const agent of this.agents) agent.destroy();
  }

  private async request(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    data: unknown,
    signal: AbortSignal,
  ): Promise<Result<string, PeerProblem>> {
    const headers = await this.readAuth();
    if (!headers.ok) return this.refuse(true, headers.error);
    const timeout = new AbortController();
    using _timer = this.clock.after(this.options.timeoutMs, () => timeout.abort());
    let answer: AxiosResponse<string>;
    try {
      answer = await this.client.request({
        method,
        url: path,
        headers: { ...headers.value, ...(data === undefined ? {} : { 'Content-Type': 'application/json' }) },
        data,
        signal: AbortSignal.any([signal, timeout.signal]),
      });
    } catch (cause) {
      signal.throwIfAborted();
      if (timeout.signal.aborted) {
        return this.refuse(false, `does not answer within ${this.options.timeoutMs} ms`);
      }
      return this.refuse(false, `cannot be reached: ${causeOf(cause)}`);
    }
    if (answer.status >= 200 && answer.status < 300) return ok(answer.data);
    return this.refuse(isPermanent(answer.status), describeRefusal(answer));
  }

  private async readAuth(): Promise<Result<Readonly<Record<string, string>>>> {
    const { auth } = this.options;
    if (auth === undefined) return ok({});
    const file = auth.kind === 'basic' ? auth.passwordFile : auth.tokenFile;
    let secret: string;
    try {
      secret = (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
    } catch (cause) {
      return err(`cannot be asked: the file ${file} cannot be read (${causeOf(cause)})`);
    }
    if (auth.kind === 'bearer') return ok({ Authorization: `Bearer ${secret}` });
    const credentials = Buffer.from(`${auth.username}:${secret}`, 'utf8').toString('base64');
    return ok({ Authorization: `Basic ${credentials}` });
  }

  private refuse(isPermanent: boolean, what: string): { readonly ok: false; readonly error: PeerProblem } {
    return err({ isPermanent, message: `Alertmanager ${this.url} ${what}.` });
  }
}

/** What it says to this request it will say again: too busy, or broken, it may get over. */
function isPermanent(status: number): boolean {
  return status < 500 && status !== 408 && status !== 429;
}

function describeRefusal({ status, data, headers }: AxiosResponse<string>): string {
  if (status >= 300 && status < 400) {
    const to = headers['location'] as unknown;
    const where = typeof to === 'string' && URL.canParse(to) ? new URL(to).origin : 'another address';
    return `redirects to ${where}; write the address that answers under alertmanager.urls`;
  }
  if (status === 401 || status === 403) {
    return `refuses us with status ${status}; look at the credentials under alertmanager`;
  }
  if (status === 404) return 'has no /api/v2 there; look at the address under alertmanager.urls';
  const remark = redact(data.trim().replaceAll(/\s+/g, ' ').slice(0, LONGEST_REMARK));
  return `answers with status ${status}${remark === '' ? '' : `: ${remark}`}`;
}

function causeOf(cause: unknown): string {
  if (!Error.isError(cause)) return String(cause);
  const code = 'code' in cause ? String(cause.code) : '';
  return cause.message === '' ? code : cause.message;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
