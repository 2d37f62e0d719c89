import { z } from 'zod';
import type { ForeignAlert } from '../core/foreign-alerts.ts';
import { redact } from '../lib/redact.ts';

/**
 * What an Alertmanager's webhook sends, payload version 4, as far as it is used here. It has had more in it with each
 * version, so what is not known is passed over.
 */
export const WEBHOOK = z.looseObject({
  version: z.string().optional().describe('4'),
  receiver: z.string().optional().describe('text'),
  groupKey: z.string().optional().describe('text'),
  externalURL: z.string().optional().describe('the address of the Alertmanager'),
  alerts: z.array(z.unknown()).describe('a list of alerts'),
});

const TEXTS = z.record(z.string(), z.string());

const ALERT = z.looseObject({
  status: z.string(),
  labels: TEXTS,
  annotations: TEXTS.optional(),
  startsAt: z.iso.datetime({ offset: true }),
  endsAt: z.iso.datetime({ offset: true }).optional(),
  generatorURL: z.string().optional(),
  fingerprint: z.string().min(1).max(64),
});

const MOST_TEXTS = 64;
const LONGEST_TEXT = 1_000;
/** What we tell, and rules over our series, we know already: coming back it would be evidence for itself. */
const OURS = /^Kassavakt/;

/** An alert of a payload, as it is to be kept; `own`: it is ours; undefined: it does not read. */
export function readAlert(
  given: unknown,
  from: string | undefined,
  nowMs: number,
): ForeignAlert | 'own' | undefined {
  const read = ALERT.safeParse(given);
  if (!read.success) return undefined;
  const { status, labels, annotations, startsAt, endsAt, generatorURL, fingerprint } = read.data;
  if (OURS.test(labels['alertname'] ?? '')) return 'own';
  const endsAtMs = status === 'resolved' ? (readEnd(endsAt) ?? nowMs) : undefined;
  return {
    fingerprint,
    labels: trim(labels),
    annotations: trim(annotations ?? {}),
    startsAtMs: Date.parse(startsAt),
    ...(endsAtMs === undefined ? {} : { endsAtMs }),
    ...(generatorURL === undefined || generatorURL === '' ? {} : { generatorUrl: shorten(generatorURL) }),
    ...(from === undefined || from === '' ? {} : { from: shorten(from) }),
  };
}

/** Go writes the year 1 for a time that there is not. */
function readEnd(endsAt: string | undefined): number | undefined {
  const atMs = Date.parse(endsAt ?? '');
  return atMs > 0 ? atMs : undefined;
}

function trim(texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const kept = Object.entries(texts).slice(0, MOST_TEXTS);
  return Object.fromEntries(kept.map(([name, text]) => [shorten(name), shorten(text)]));
}

function shorten(text: string): string {
  return redact(text.slice(0, LONGEST_TEXT));
}
