import type { FeedMessage } from '../feed/feed-client.ts';
import { unreachable } from '../lib/unreachable.ts';
import { FeedStory } from './feed-story.ts';
import type { Told } from './story-lines.ts';

interface PrinterOptions {
  /** Columns of the terminal; lines are cut to it. Absent: there is none. */
  readonly width?: number | undefined;
  readonly hasColours: boolean;
  /** IANA zone of the times shown. Absent: the machine's. */
  readonly timeZone?: string;
  /** How many times faster than life the times that it is given run. Default 1. */
  readonly pace?: number;
  /** Tells of targets also, not only of incidents. */
  readonly tellsTargets?: boolean;
}

/** The word says what a colour also says. */
const MARKS = {
  down: { word: 'DOWN', colour: '31;1' },
  back: { word: 'BACK', colour: '32' },
  warn: { word: 'WARN', colour: '33' },
  note: { word: '    ', colour: undefined },
} as const;

/**
 * Turns the feed into lines for a person on watch: `14:07:12  DOWN  38 of 150 card terminals of Solhaga are down, 14 stores: …`.
 * It has no clock: give it the time.
 */
export class FeedPrinter {
  private readonly options: PrinterOptions;
  private readonly timeFormat: Intl.DateTimeFormat;
  private readonly dayFormat: Intl.DateTimeFormat;
  private readonly story: FeedStory;
  private shownDay: string | undefined;
  private shownAtMs = Number.NEGATIVE_INFINITY;
  /** When the story was last moved on by a message. */
  private heardAtMs = 0;

  constructor(options: PrinterOptions) {
    this.options = options;
    this.story = new FeedStory({ pace: options.pace ?? 1, tellsTargets: options.tellsTargets === true });
    const zone = options.timeZone === undefined ? {} : { timeZone: options.timeZone };
    this.timeFormat = new Intl.DateTimeFormat('sv-SE', { timeStyle: 'medium', ...zone });
    this.dayFormat = new Intl.DateTimeFormat('en-GB', {
      weekday: 'long',
      day: 'numeric',
      month: 'long',
      year: 'numeric',
      ...zone,
    });
  }

  /** The lines that `message`, which arrived at `nowMs`, makes due. */
  print(message: FeedMessage, nowMs: number): readonly string[] {
    switch (message.kind) {
      case 'connected':
        return [];
      case 'disconnected':
        return this.format([
          { mark: 'warn', atMs: nowMs, text: `No feed: ${message.reason}. Trying to connect.` },
        ]);
      case 'gap': {
        const text = `What happened after event ${message.gap.since} cannot be shown; this is how it is now.`;
        return this.format([{ mark: 'warn', atMs: nowMs, text }]);
      }
      case 'snapshot':
        this.heardAtMs = nowMs;
        this.story.begin(message.snapshot);
        return this.format(this.story.take());
      case 'events':
        this.heardAtMs = nowMs;
        for (const event of message.events) this.story.hear(event);
        return this.format(this.story.take());
      default:
        return unreachable(message);
    }
  }

  /** The lines that have become due by `nowMs`. Call it about once a second. */
  tick(nowMs: number): readonly string[] {
    const passedMs = Math.max(0, nowMs - this.heardAtMs);
    this.heardAtMs = nowMs;
    this.story.passTo(this.story.nowMs + passedMs);
    return this.format(this.story.take());
  }

  private format(told: readonly Told[]): readonly string[] {
    return told.flatMap((one) => {
      const atMs = this.stampFor(one.atMs);
      const day = this.dayFormat.format(atMs);
      const heading = day === this.shownDay ? [] : [this.paint(`-- ${day}`, '1')];
      this.shownDay = day;
      this.shownAtMs = atMs;
      return [...heading, this.formatOne({ ...one, atMs })];
    });
  }

  /**
   * Lines stand in the order of their times: what was held back while another line was written takes that line's.
   * A clock that was set back further than anything is held is followed.
   */
  private stampFor(atMs: number): number {
    const isHeldBack = this.shownAtMs - atMs <= this.story.heldBackMs;
    return isHeldBack ? Math.max(atMs, this.shownAtMs) : atMs;
  }

  private formatOne({ mark, atMs, text }: Told): string {
    const { word, colour } = MARKS[mark];
    const time = this.timeFormat.format(atMs);
    const room = (this.options.width ?? Number.POSITIVE_INFINITY) - time.length - word.length - 4;
    return `${time}  ${this.paint(word, colour)}  ${cut(withoutControls(text), room)}`;
  }

  private paint(text: string, colour: string | undefined): string {
    return this.options.hasColours && colour !== undefined ? `\u001b[${colour}m${text}\u001b[0m` : text;
  }
}

function cut(text: string, room: number): string {
  const letters = Array.from(text);
  return letters.length <= room ? text : `${letters.slice(0, Math.max(0, room - 1)).join('')}…`;
}

/** Names and messages come from files and devices: none may steer the terminal. */
function withoutControls(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ');
}
