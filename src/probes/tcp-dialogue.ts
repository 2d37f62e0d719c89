import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Sample } from '../core/measurements.ts';
import type { Phase, ProbeReport } from '../core/outcome.ts';
import type { Clock } from '../lib/clock.ts';
import { formatDuration } from '../lib/duration.ts';
import { unreachable } from '../lib/unreachable.ts';
import { throwUnlessTimeout } from './deadline.ts';
import { type DialResult, openTls, type TlsOptions } from './dial.ts';
import { type Fault, faultOf } from './fault.ts';
import { LineReader, MAX_LINE_BYTES } from './line-reader.ts';
import type { RegexSearcher } from './regex.ts';
import type { RegexMatch } from './regex-match.ts';
import { reportFault } from './report.ts';
import type { TcpOptions } from './tcp.ts';

type Step = TcpOptions['query_response'][number];

interface Dialogue {
  readonly steps: readonly Step[];
  readonly searcher: RegexSearcher;
  /** For STARTTLS. */
  readonly tls: TlsOptions | undefined;
  readonly host: string;
  readonly clock: Clock;
}

/** How a step ended when the dialogue ends there. `isMismatch`: all that came failed to match. */
type Stop = Fault & { readonly isMismatch?: boolean };

/**
 * Holds a dialogue as blackbox_exporter does: a step waits for a line that matches `expect` and passes over those that
 * do not, then sends, then opens TLS. Destroys any TLS session it opened; the connection stays the caller's.
 */
export async function runDialogue(
  dialogue: Dialogue,
  dialled: Extract<DialResult, { kind: 'ok' }>,
  startedAtMs: number,
  signal: AbortSignal,
): Promise<ProbeReport> {
  const { clock } = dialogue;
  const phases: Phase[] = [...dialled.phases];
  const samples: Sample[] = [...dialled.samples];
  const trail: string[] = [...dialled.trail];
  const beganAtMs = clock.monotonicMs();
  let tlsMs = 0;
  let socket: Socket = dialled.socket;
  socket.setNoDelay(true);
  let stop: Stop | undefined;
  try {
    let reader = new LineReader(socket);
    for (const [index, step] of dialogue.steps.entries()) {
      const talk = new Talk(dialogue, step, `step ${index + 1}`, dialled.who, socket, reader);
      stop = await talk.run(beganAtMs, signal);
      samples.push(...talk.samples);
      trail.push(...talk.trail);
      if (stop !== undefined) break;
      if (!step.starttls || dialogue.tls === undefined) continue;
      const secured = await openTls(socket, dialogue.host, dialogue.tls, { who: dialled.who, clock }, signal);
      tlsMs += secured.phases[0]?.durationMs ?? 0;
      phases.push(...secured.phases);
      samples.push(...secured.samples);
      trail.push(...secured.trail);
      if (secured.kind !== 'ok') {
        stop = secured;
        break;
      }
      socket = secured.socket;
      reader = new LineReader(socket);
    }
  } finally {
    if (signal.aborted || socket !== dialled.socket) socket.destroy();
    if (signal.aborted) dialled.socket.destroy();
  }
  const endedAtMs = clock.monotonicMs();
  phases.push({ name: 'dialogue', durationMs: endedAtMs - beganAtMs - tlsMs });
  samples.push({ name: 'probe_failed_due_to_regex', value: stop?.isMismatch === true ? 1 : 0 });
  const durationMs = endedAtMs - startedAtMs;
  const report = { phases, samples, trail };
  if (stop !== undefined) return reportFault(stop, durationMs, report);
  const message = `Answers the dialogue as expected, in ${formatDuration(durationMs)}`;
  return { outcome: { kind: 'answered', durationMs, message }, ...report };
}

/** After so many lines in a row the event loop gets a turn, however fast they come. */
const LINES_A_TURN = 256;

/** One step. */
class Talk {
  readonly samples: Sample[] = [];
  readonly trail: string[] = [];
  private readonly dialogue: Dialogue;
  private readonly step: Step;
  private readonly name: string;
  private readonly who: string;
  private readonly socket: Socket;
  private readonly reader: LineReader;

  constructor(dialogue: Dialogue, step: Step, name: string, who: string, socket: Socket, reader: LineReader) {
    this.dialogue = dialogue;
    this.step = step;
    this.name = name;
    this.who = who;
    this.socket = socket;
    this.reader = reader;
  }

  async run(beganAtMs: number, signal: AbortSignal): Promise<Stop | undefined> {
    const { expect, expect_bytes: bytes, labels, send } = this.step;
    let match: RegexMatch | undefined;
    if (bytes !== undefined) {
      const stop = await this.expectBytes(Buffer.from(bytes), beganAtMs, signal);
      if (stop !== undefined) return stop;
    }
    if (expect !== undefined) {
      const found = await this.expectLine(expect, beganAtMs, signal);
      if ('kind' in found) return found;
      match = found;
    }
    if (labels !== undefined && match !== undefined) {
      const expanded = labels.map(({ name, value }) => [name, expand(value, match)] as const);
      this.samples.push({ name: 'probe_expect_info', value: 1, labels: Object.fromEntries(expanded) });
    }
    if (send !== undefined && send !== '') {
      this.socket.write(`${match === undefined ? send : expand(send, match)}\n`);
      this.trail.push(`${this.name}: line sent`);
    }
    return undefined;
  }

  private async expectLine(
    pattern: string,
    beganAtMs: number,
    signal: AbortSignal,
  ): Promise<RegexMatch | Stop> {
    for (let lines = 0; ; lines++) {
      const read = await this.reader.line(signal);
      if (read.kind !== 'bytes') {
        return this.stopOf(read, lines > 0, `a line that matches "${pattern}"`, beganAtMs, signal);
      }
      const text = read.bytes.toString('utf8');
      const search = await this.dialogue.searcher.search({ pattern, text, wantsGroups: true }, signal);
      if (lines % LINES_A_TURN === LINES_A_TURN - 1) await nextTurn();
      if (search.kind === 'unfinished')
        return this.stopOf({ kind: 'late' }, true, pattern, beganAtMs, signal);
      if (search.kind === 'found') {
        this.trail.push(`${this.name}: line ${lines + 1} matches "${pattern}"`);
        return search.match ?? { groups: [], named: new Map() };
      }
    }
  }

  private async expectBytes(
    wanted: Buffer,
    beganAtMs: number,
    signal: AbortSignal,
  ): Promise<Stop | undefined> {
    const read = await this.reader.bytes(wanted.length, signal);
    if (read.kind !== 'bytes') {
      return this.stopOf(read, false, 'the expected bytes', beganAtMs, signal);
    }
    if (wanted.equals(read.bytes)) return undefined;
    return {
      kind: 'failed',
      reason: 'content',
      message: `${this.who} sends other bytes than those expected in ${this.name}`,
    };
  }

  private stopOf(
    read:
      | { readonly kind: 'end' | 'too-long' | 'aborted' | 'late' }
      | { readonly kind: 'error'; readonly error: Error },
    somethingCame: boolean,
    wanted: string,
    beganAtMs: number,
    signal: AbortSignal,
  ): Stop {
    const { who, name } = this;
    switch (read.kind) {
      case 'error':
        return faultOf(
          read.error,
          this.dialogue.tls?.client.hasClientCertificate === true ? 'talk-with-certificate' : 'talk',
          who,
        );
      case 'too-long':
        return {
          kind: 'failed',
          reason: 'protocol',
          message: `${who} sends a line longer than ${MAX_LINE_BYTES} bytes`,
        };
      case 'end':
        return somethingCame
          ? {
              kind: 'failed',
              reason: 'content',
              message: `${who} ends the connection without having sent ${wanted} (${name})`,
              isMismatch: true,
            }
          : {
              kind: 'failed',
              reason: 'protocol',
              message: `${who} ends the connection without sending anything`,
              isMismatch: true,
            };
      case 'aborted':
      case 'late': {
        throwUnlessTimeout(signal);
        if (read.kind === 'late') {
          return {
            kind: 'inconclusive',
            reason: 'self-late',
            message: `This machine could not search what ${who} sent for "${wanted}" in time`,
          };
        }
        const waited = formatDuration(this.dialogue.clock.monotonicMs() - beganAtMs);
        return somethingCame
          ? {
              kind: 'failed',
              reason: 'content',
              message: `${who} does not send ${wanted} within ${waited} (${name})`,
            }
          : {
              kind: 'failed',
              reason: 'protocol',
              message: `${who} connects, but sends nothing within ${waited} (${name})`,
            };
      }
      default:
        return unreachable(read);
    }
  }
}

/** Puts a match's groups into a template as Go does: `$1`, `${1}`, `$name`, `${name}`; `$$` is a dollar sign. */
function expand(template: string, { groups, named }: RegexMatch): string {
  return template.replace(/\$(?:\$|(\w+)|\{(\w+)\})/g, (whole, bare?: string, braced?: string) => {
    if (whole === '$$') return '$';
    const name = bare ?? braced ?? '';
    return /^\d+$/.test(name) ? (groups[Number(name)] ?? '') : (named.get(name) ?? '');
  });
}
