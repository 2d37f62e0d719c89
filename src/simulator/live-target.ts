import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../lib/clock.ts';
import type { BlackHole } from './black-hole.ts';
import type { SharedKey } from './envelope.ts';
import type { PlannedTarget } from './estate-plan.ts';
import type { FaultName } from './faults.ts';
import type { Fronts, Shown } from './fronts.ts';
import { Listener, type PortMode } from './listener.ts';
import type { PortPool } from './ports.ts';
import { rankOf } from './random.ts';
import { answerSwish, renderShop } from './services.ts';
import { type Breach, type HttpAnswer, TerminalApp } from './terminal.ts';

/** A fault as a target has it. */
export interface ActiveFault {
  readonly id: string;
  readonly name: FaultName;
  /** For `slow`. Unit: ms. */
  readonly latencyMs: number;
  readonly startedMonotonicMs: number;
}

export interface ViolationReport {
  readonly kind: Breach['kind'] | 'concurrent-request' | 'payment-attempt';
  readonly message: string;
}

/** What all targets of a simulator share. */
export interface World {
  readonly clock: Clock;
  readonly seed: number;
  /** How often a monitor is expected to look. Unit: ms. */
  readonly intervalMs: number;
  readonly fronts: Fronts;
  readonly pool: PortPool;
  readonly blackHole: BlackHole;
  readonly rightKey: SharedKey;
  readonly wrongKey: SharedKey;
  readonly report: (target: string, violation: ViolationReport) => void;
}

const MAX_BODY_BYTES = 65_536;
/** A terminal that cannot reach its acquirer takes a payment that stays unsent this often. Unit: ms. */
const UNSENT_EVERY_MS = 2_000;
/** Starts with no letter of a method or protocol. */
const GARBAGE = Buffer.from(Array.from({ length: 97 }, (_, index) => (index * 151 + 128) & 0xff));

/** One simulated target: a port that speaks its kind's protocol, and the faults that lie on it, newest on top. */
export class LiveTarget implements AsyncDisposable {
  readonly plan: PlannedTarget;
  private readonly world: World;
  private readonly app: TerminalApp | undefined;
  private readonly faults: ActiveFault[] = [];
  private listener: Listener | undefined;
  private flapTimer: Disposable | undefined;
  private inFlight = 0;
  private isDisposed = false;

  private constructor(plan: PlannedTarget, world: World) {
    this.plan = plan;
    this.world = world;
    this.app = plan.kind === 'terminal' ? new TerminalApp(plan) : undefined;
  }

  static async start(plan: PlannedTarget, world: World): Promise<LiveTarget> {
    const target = new LiveTarget(plan, world);
    target.listener = await Listener.open(world.pool, world.blackHole, (socket) => target.meet(socket));
    return target;
  }

  get port(): number {
    return this.listener?.port ?? 0;
  }

  /** Lays `fault` on top. Resolves when it can be felt. */
  add(fault: ActiveFault): Promise<void> {
    this.faults.push(fault);
    return this.settle();
  }

  /** Takes the fault away, wherever it lies. Resolves when what lies below can be felt again. */
  remove(id: string): Promise<void> {
    const index = this.faults.findIndex((fault) => fault.id === id);
    if (index !== -1) this.faults.splice(index, 1);
    return this.settle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isDisposed = true;
    this.flapTimer?.[Symbol.dispose]();
    await this.listener?.[Symbol.asyncDispose]();
  }

  /** Answers a request that came in over this target's port. */
  serve(request: IncomingMessage, response: ServerResponse): void {
    this.inFlight++;
    response.once('close', () => this.inFlight--);
    response.setHeader('Connection', 'close');
    if (this.plan.kind === 'terminal' && this.inFlight > 1) {
      const message = `${this.plan.id} had ${this.inFlight} requests in flight; a terminal takes one at a time`;
      this.world.report(this.plan.id, { kind: 'concurrent-request', message });
    }
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) request.destroy();
      else chunks.push(chunk);
    });
    request.on('error', () => {});
    request.once('end', () => this.reply(request, response, Buffer.concat(chunks).toString('utf8')));
  }

  private get fault(): ActiveFault | undefined {
    return this.faults.at(-1);
  }

  /** A new connection. What it meets depends on the fault of this moment. */
  private meet(socket: Socket): void {
    const fault = this.fault?.name;
    if (fault === 'reset') {
      socket.resetAndDestroy();
    } else if (fault === 'hang' || this.plan.kind === 'gateway') {
      socket.resume();
    } else {
      this.world.fronts.take(socket, this.plan.kind, SHOWN[fault ?? ''] ?? 'good');
    }
  }

  private reply(request: IncomingMessage, response: ServerResponse, body: string): void {
    const fault = this.fault;
    switch (fault?.name) {
      case 'blackhole':
      case 'hang':
        return;
      case 'garbage':
        request.socket.end(GARBAGE);
        return;
      case 'http-500':
        send(response, { status: 500, body: { message: 'Internal Server Error' } });
        return;
      case 'slow': {
        const timer = this.world.clock.after(fault.latencyMs, () => this.answer(request, response, body));
        response.once('close', () => timer[Symbol.dispose]());
        return;
      }
      default:
        this.answer(request, response, body);
    }
  }

  private answer(request: IncomingMessage, response: ServerResponse, body: string): void {
    const { method = '', url = '' } = request;
    if (this.app !== undefined) {
      if (!/^\/nexo\/?$/.test(url)) send(response, { status: 404, body: { errors: ['Not found'] } });
      else if (method !== 'POST') send(response, { status: 405, body: { errors: ['Only POST'] } });
      else this.answerTerminal(this.app, response, body);
    } else if (this.plan.kind === 'swish') {
      this.answerSwish(request, response);
    } else {
      const page = renderShop(this.plan.labels['chain'] ?? '', this.fault?.name === 'maintenance-page');
      response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(page);
    }
  }

  private answerTerminal(app: TerminalApp, response: ServerResponse, body: string): void {
    const { clock, intervalMs, rightKey, wrongKey, report } = this.world;
    const fault = this.fault;
    const isCutOff = fault?.name === 'host-unreachable';
    const unsentEveryMs = Math.min(UNSENT_EVERY_MS, intervalMs / 2);
    const { answer, breach } = app.answer(body, {
      isBusy: fault?.name === 'busy',
      hostReachable: !isCutOff,
      unconfirmedBatches: isCutOff
        ? 1 + Math.floor((clock.monotonicMs() - fault.startedMonotonicMs) / unsentEveryMs)
        : 0,
      key: fault?.name === 'wrong-key' ? wrongKey : rightKey,
    });
    if (breach !== undefined) report(this.plan.id, breach);
    send(response, answer);
  }

  private answerSwish(request: IncomingMessage, response: ServerResponse): void {
    const { socket, method = '', url = '' } = request;
    const isKnown = socket instanceof TLSSocket && socket.authorized && this.fault?.name !== 'wrong-key';
    const answer = answerSwish(method, url);
    if (answer === undefined) {
      const message = `Swish was sent ${method} ${url}; monitors may only read`;
      this.world.report(this.plan.id, { kind: 'payment-attempt', message });
    }
    if (!isKnown) response.writeHead(401).end();
    else send(response, answer ?? { status: 405, body: { message: 'only GET is served here' } });
  }

  /** Brings the port into the mode that the top fault asks for, and cuts connections if the target goes dark. */
  private settle(): Promise<void> {
    this.flapTimer?.[Symbol.dispose]();
    this.flapTimer = undefined;
    if (this.isDisposed || this.listener === undefined) return Promise.resolve();
    const fault = this.fault;
    const mode = fault === undefined ? 'open' : this.modeOf(fault);
    if (mode === 'refusing' || fault?.name === 'reset') this.listener.reset();
    return this.listener.set(mode);
  }

  private modeOf(fault: ActiveFault): PortMode {
    switch (fault.name) {
      case 'refuse':
        return 'refusing';
      case 'blackhole':
        return 'swallowing';
      case 'flap':
        return this.flap(fault);
      default:
        return 'open';
    }
  }

  /**
   * Dark first, then well, one interval each; targets change at different moments, as stores sway and not estates.
   * Sets the timer for the next change.
   */
  private flap(fault: ActiveFault): PortMode {
    const { clock, seed, intervalMs } = this.world;
    const firstMs = intervalMs * (0.25 + 0.75 * rankOf(seed, this.plan.id));
    const sinceFirstMs = clock.monotonicMs() - fault.startedMonotonicMs - firstMs;
    const turn = Math.floor(sinceFirstMs / intervalMs);
    this.flapTimer = clock.after((turn + 1) * intervalMs - sinceFirstMs, () => void this.settle());
    return turn % 2 === 0 ? 'open' : 'refusing';
  }
}

const SHOWN: Readonly<Record<string, Shown>> = { 'tls-expired': 'expired', 'tls-wrong-name': 'wrongName' };

function send(response: ServerResponse, { status, body }: HttpAnswer): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}
