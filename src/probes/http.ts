import type { IncomingMessage } from 'node:http';
import type { ProbeReport } from '../core/outcome.ts';
import { formatDuration } from '../lib/duration.ts';
import { err, ok, type Result } from '../lib/result.ts';
import { unreachable } from '../lib/unreachable.ts';
import { throwUnlessTimeout } from './deadline.ts';
import { type DialResult, dial, type TlsOptions } from './dial.ts';
import { codeOf, type Fault, faultOf } from './fault.ts';
import { type BodyRead, type Headed, MAX_HEAD_BYTES, readBody, sendRequest } from './http-exchange.ts';
import { type HttpOptions, httpOptions, parseSize } from './http-options.ts';
import {
  type Hop,
  isHarmlessHeader,
  MAX_REDIRECTS,
  nextHop,
  type Place,
  placeOf,
  withoutBrackets,
} from './http-redirect.ts';
import { isBodiless, Seen } from './http-seen.ts';
import { judgeAnswer, type Objection, readsText } from './http-verdict.ts';
import { Memo } from './memo.ts';
import type { Probe, ProbeContext, Prober, ProbeRequest } from './probe.ts';
import { RegexSearcher } from './regex.ts';
import { reportFault } from './report.ts';
import { type ClientTls, loadTlsConfig, readModuleFile, readModuleSecret } from './tls-config.ts';

/**
 * Asks for a page and judges the answer, option for option as blackbox_exporter does, over HTTP/1.1. Files (body,
 * credentials) are read when the module is opened. An answer that does not come, or does not end, is `protocol`.
 */
export const httpProber: Prober<HttpOptions> = {
  name: 'http',
  summary: 'Asks for a page over HTTP or HTTPS and judges status, headers and text.',
  reasons: [
    'dns',
    'unreachable',
    'connect-timeout',
    'connect-refused',
    'tls',
    'tls-certificate',
    'auth',
    'protocol',
    'content',
  ],
  options: httpOptions,
  addressExample: 'https://shop.example/health',
  parseAddress(address) {
    const parsed = parsePlace(address);
    return parsed.ok ? ok(true) : parsed;
  },
  async open(options, context) {
    const [client, body, headers] = await Promise.all([
      loadTlsConfig(options.tls_config, context),
      options.body_file === undefined
        ? options.body && Buffer.from(options.body)
        : readModuleFile('body_file', options.body_file, context),
      configuredHeaders(options, context),
    ]);
    return new HttpProbe(options, context, client, body === '' ? undefined : body, headers);
  },
};

type Header = readonly [name: string, value: string];

/** A module's headers, but for those that differ from probe to probe. */
interface Headers {
  readonly host: string | undefined;
  readonly all: Sent;
  /** What may be sent where secrets may not. */
  readonly harmless: Sent;
}

interface Sent {
  /** Name, value, name, value. */
  readonly flat: readonly string[];
  readonly hasLength: boolean;
}

function headersOf(configured: readonly Header[], compression: HttpOptions['compression']): Headers {
  const sent = (given: readonly Header[]): Sent => {
    const has = (name: string): boolean => given.some(([key]) => key.toLowerCase() === name);
    const usual: Header[] = has('user-agent') ? [] : [['User-Agent', 'Kassavakt']];
    if (compression !== undefined && !has('accept-encoding')) usual.push(['Accept-Encoding', compression]);
    return { flat: [...usual, ...given].flat(), hasLength: has('content-length') };
  };
  const isHost = ([name]: Header): boolean => name.toLowerCase() === 'host';
  const given = configured.filter((header) => !isHost(header));
  return {
    host: configured.find(isHost)?.[1],
    all: sent(given),
    harmless: sent(given.filter(([name]) => isHarmlessHeader(name))),
  };
}

/** As blackbox_exporter, takes an address without a scheme for http. */
function parsePlace(address: string): Result<Place> {
  const url = URL.parse(/^[a-z][a-z\d+.-]*:\/\//i.test(address) ? address : `http://${address}`);
  if (url === null || url.hostname === '') return err('write a URL, as in https://shop.example/health');
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return err('the URL must begin with http:// or https://');
  if (url.username !== '' || url.password !== '') {
    return err('the URL holds a user name or password; give them as basic_auth in the module instead');
  }
  return ok(placeOf(url));
}

/** What the options say to send, secrets included. */
async function configuredHeaders(options: HttpOptions, context: ProbeContext): Promise<readonly Header[]> {
  const headers: Header[] = Object.entries(options.headers);
  for (const [name, { values, files }] of Object.entries(options.http_headers)) {
    for (const value of values) headers.push([name, value]);
    for (const file of files) headers.push([name, await readModuleSecret('http_headers', file, context)]);
  }
  const authorization = await authorizationOf(options, context);
  if (authorization !== undefined) headers.push(['Authorization', authorization]);
  return headers;
}

async function authorizationOf(options: HttpOptions, context: ProbeContext): Promise<string | undefined> {
  const read = async (option: string, file: string | undefined, text = ''): Promise<string> =>
    file === undefined ? text : readModuleSecret(option, file, context);
  const { basic_auth: basic, authorization, bearer_token_file: bearerFile, bearer_token: bearer } = options;
  if (basic !== undefined) {
    const user = await read('basic_auth.username_file', basic.username_file, basic.username);
    const password = await read('basic_auth.password_file', basic.password_file, basic.password);
    return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  }
  if (authorization !== undefined) {
    const { type, credentials, credentials_file: file } = authorization;
    return `${type} ${await read('authorization.credentials_file', file, credentials)}`;
  }
  if (bearerFile === undefined && bearer === undefined) return undefined;
  return `Bearer ${await read('bearer_token_file', bearerFile, bearer)}`;
}

class HttpProbe implements Probe {
  private readonly searcher = new RegexSearcher();
  private readonly options: HttpOptions;
  private readonly context: ProbeContext;
  private readonly client: ClientTls;
  private readonly body: Buffer | undefined;
  private readonly headers: Headers;
  private readonly maxBytes: number;
  private readonly readsText: boolean;
  private readonly places = new Memo(parsePlace);

  constructor(
    options: HttpOptions,
    context: ProbeContext,
    client: ClientTls,
    body: Buffer | undefined,
    headers: readonly Header[],
  ) {
    this.options = options;
    this.context = context;
    this.client = client;
    this.body = body;
    this.headers = headersOf(headers, options.compression);
    this.maxBytes = parseSize(options.body_size_limit) ?? 0;
    this.readsText = readsText(options);
  }

  async run(request: ProbeRequest, signal: AbortSignal): Promise<ProbeReport> {
    const parsed = this.places.of(request.address);
    if (!parsed.ok) throw new TypeError(`not an address that was accepted: ${parsed.error}`);
    const seen = new Seen(this.context.clock.monotonicMs());
    const { method } = this.options;
    let hop: Hop = { place: parsed.value, method, sendsBody: true, isTrusted: true };
    for (;;) {
      const step = await this.runHop(hop, request, seen, signal);
      if (step.kind === 'done') return this.report(seen, step.objection);
      hop = step.hop;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.searcher[Symbol.asyncDispose]();
  }

  private async runHop(
    hop: Hop,
    request: ProbeRequest,
    seen: Seen,
    signal: AbortSignal,
  ): Promise<
    | { readonly kind: 'done'; readonly objection?: Objection }
    | { readonly kind: 'redirect'; readonly hop: Hop }
  > {
    const { clock } = this.context;
    const done = (objection: Objection) => ({ kind: 'done', objection }) as const;
    const dialled = await this.dialHop(hop, request, signal);
    seen.addDial(dialled);
    if (dialled.kind !== 'ok') return done(dialled);
    const { who, socket } = dialled;
    try {
      const sentAtMs = clock.monotonicMs();
      const headed = await sendRequest(
        socket,
        {
          method: hop.method,
          path: hop.place.path,
          headers: this.headersFor(hop, request),
          body: hop.sendsBody ? this.body : undefined,
        },
        signal,
      );
      const processingMs = clock.monotonicMs() - sentAtMs;
      seen.addPhase('processing', processingMs);
      if (headed.kind === 'aborted') throwUnlessTimeout(signal);
      if (headed.kind !== 'head') return done(this.noHead(headed, dialled, seen));
      const { response } = headed;
      seen.addHead(response, hop.place.isTls);
      seen.trail.push(
        `${hop.method} ${who}: HTTP ${response.statusCode} after ${formatDuration(processingMs)}`,
      );
      const next = nextHop(hop, response.statusCode ?? 0, response.headers.location);
      // As in blackbox_exporter, a redirect counts that is not followed.
      if (next?.ok === true) seen.redirects++;
      if (next !== undefined && this.options.follow_redirects) {
        if (next.ok && seen.redirects <= MAX_REDIRECTS) return { kind: 'redirect', hop: next.value };
        const what = next.ok ? `redirects more than ${MAX_REDIRECTS} times` : next.error;
        return done({ kind: 'failed', reason: 'protocol', message: `${who} ${what}` });
      }
      const isRead = next === undefined || this.readsText;
      const objection = await this.judgeResponse(response, hop, isRead, seen, who, signal);
      return objection === undefined ? { kind: 'done' } : done(objection);
    } finally {
      socket.destroy();
    }
  }

  private async judgeResponse(
    response: IncomingMessage,
    hop: Hop,
    isRead: boolean,
    seen: Seen,
    who: string,
    signal: AbortSignal,
  ): Promise<Objection | undefined> {
    const { clock } = this.context;
    const { compression } = this.options;
    const startedAtMs = clock.monotonicMs();
    const isBare = hop.method === 'HEAD' || isBodiless(response.statusCode ?? 0);
    const body: BodyRead =
      isBare || !isRead
        ? { kind: 'whole', bytes: Buffer.alloc(0), length: 0 }
        : await readBody(
            response,
            {
              compression,
              maxBytes: this.maxBytes,
              keep: this.readsText,
            },
            signal,
          );
    seen.addPhase('transfer', clock.monotonicMs() - startedAtMs);
    seen.uncompressedLength = body.length;
    if (body.kind === 'aborted') throwUnlessTimeout(signal);
    const objection = await judgeAnswer(
      { head: response, isTls: hop.place.isTls, body },
      this.options,
      this.searcher,
      who,
      signal,
    );
    throwUnlessTimeout(signal);
    if (objection !== undefined || body.kind !== 'aborted') return objection;
    return {
      kind: 'failed',
      reason: 'protocol',
      message: `${who} answers HTTP ${response.statusCode}, but its body does not end within ${this.sinceStart(seen)}`,
    };
  }

  private dialHop(hop: Hop, request: ProbeRequest, signal: AbortSignal): Promise<DialResult> {
    const { host, port, isTls } = hop.place;
    return dial(
      {
        host,
        port,
        ip: this.options,
        tls: isTls ? this.tlsFor(hop, request) : undefined,
        clock: this.context.clock,
      },
      signal,
    );
  }

  private tlsFor(hop: Hop, request: ProbeRequest): TlsOptions {
    const alpn = ['http/1.1'];
    if (!hop.isTrusted) return { client: { ...this.client, serverName: undefined }, alpn };
    return { client: this.client, serverName: hostOf(this.hostFor(request)), alpn };
  }

  /** The name to ask for in place of the URL's, as `/probe?hostname=` or a Host header give it. */
  private hostFor(request: ProbeRequest): string | undefined {
    return request.hostname ?? this.headers.host;
  }

  private headersFor(hop: Hop, request: ProbeRequest): readonly string[] {
    const { flat, hasLength } = hop.isTrusted ? this.headers.all : this.headers.harmless;
    const host = (hop.isTrusted ? this.hostFor(request) : undefined) ?? hop.place.authority;
    const body = hop.sendsBody ? this.body : undefined;
    const wantsLength = body !== undefined || ['POST', 'PUT', 'PATCH'].includes(hop.method);
    const length = wantsLength && !hasLength ? ['Content-Length', String(body?.length ?? 0)] : [];
    return ['Host', host, ...flat, ...length, 'Connection', 'close'];
  }

  private noHead(
    headed: Exclude<Headed, { readonly kind: 'head' }>,
    dialled: Extract<DialResult, { kind: 'ok' }>,
    seen: Seen,
  ): Fault {
    const { who } = dialled;
    const failed = (what: string): Fault => ({
      kind: 'failed',
      reason: 'protocol',
      message: `${who} ${what}`,
    });
    switch (headed.kind) {
      case 'aborted': {
        const steps = dialled.phases
          .filter((phase) => phase.name !== 'resolve')
          .map(
            ({ name, durationMs }) => `${name === 'tls' ? 'TLS' : 'TCP'} in ${formatDuration(durationMs)}`,
          );
        return failed(
          `connects (${steps.join(', ')}), but no HTTP answer comes within ${this.sinceStart(seen)}`,
        );
      }
      case 'closed':
        return failed('closes the connection without an answer');
      case 'error': {
        const code = codeOf(headed.error);
        if (code === 'HPE_HEADER_OVERFLOW')
          return failed(`answers with a head larger than ${MAX_HEAD_BYTES} bytes`);
        if (code.startsWith('HPE_')) return failed(`does not speak HTTP (${code})`);
        return faultOf(
          headed.error,
          this.client.hasClientCertificate ? 'talk-with-certificate' : 'talk',
          who,
        );
      }
      default:
        return unreachable(headed);
    }
  }

  private sinceStart(seen: Seen): string {
    return formatDuration(this.context.clock.monotonicMs() - seen.startedAtMs);
  }

  private report(seen: Seen, objection: Objection | undefined): ProbeReport {
    const durationMs = this.context.clock.monotonicMs() - seen.startedAtMs;
    seen.isMismatch = objection?.isMismatch === true;
    const report = seen.report();
    if (objection !== undefined) {
      if (seen.trail.at(-1) !== objection.message) seen.trail.push(objection.message);
      return reportFault(objection, durationMs, report);
    }
    const message = `Answers HTTP ${seen.status} in ${formatDuration(durationMs)}`;
    return { outcome: { kind: 'answered', durationMs, message }, ...report };
  }
}

/** A Host header without its port. */
function hostOf(header: string | undefined): string | undefined {
  const url = header === undefined ? null : URL.parse(`http://${header}`);
  return url === null ? undefined : withoutBrackets(url.hostname);
}
