import { setImmediate } from 'node:timers/promises';
import type { Answer, DecodedPacket } from 'dns-packet';
import { z } from 'zod';
import { recordLine, recordText } from './dns-records.ts';
import { type RegexSearcher, regexOption } from './regex.ts';

const regexps = z.array(regexOption).default([]);
/** blackbox_exporter's rules for the records of one section. */
export const recordRules = z
  .strictObject({
    fail_if_matches_regexp: regexps.describe('Fails when any record matches any of these.'),
    fail_if_all_match_regexp: regexps.describe(
      'Fails unless every record matches every one of these, which is what blackbox_exporter does whatever the name says.',
    ),
    fail_if_not_matches_regexp: regexps.describe('Fails when any record does not match, or there is none.'),
    fail_if_none_matches_regexp: regexps.describe(
      'Fails when no record matches any of these, or there is none.',
    ),
  })
  .prefault({});
type RecordRules = z.infer<typeof recordRules>;

/** One section of an answer and its rules. */
export interface Section {
  readonly name: 'answer' | 'authority' | 'additional';
  readonly pick: (packet: DecodedPacket) => readonly Answer[];
  readonly rules: RecordRules;
}

/** `broken`: the first rule that the section breaks, as a clause. `unfinished`: the time was over before the end. */
export type RuleFinding =
  | { readonly kind: 'kept' }
  | { readonly kind: 'broken'; readonly what: string }
  | { readonly kind: 'unfinished' };

/** Checks one section of an answer. Never holds the process up, however many and long the records. */
export async function checkRules(
  { name, pick, rules }: Section,
  packet: DecodedPacket,
  searcher: RegexSearcher,
  signal: AbortSignal,
): Promise<RuleFinding> {
  const records = pick(packet);
  const broken = (what: string): RuleFinding => ({ kind: 'broken', what });
  if (records.length === 0) {
    const rule = NEEDS_RECORDS.find((rule) => rules[rule].length > 0);
    return rule === undefined ? KEPT : broken(`no ${name} record, and ${rule} wants one`);
  }
  const wanted = rules.fail_if_none_matches_regexp;
  let isWantedFound = wanted.length === 0;
  for (const [index, record] of records.entries()) {
    if (index % RECORDS_PER_TURN === RECORDS_PER_TURN - 1) await setImmediate();
    const text = recordText(record);
    for (const rule of PER_RECORD) {
      for (const pattern of rules[rule]) {
        const { kind } = await searcher.search({ pattern, text, wantsGroups: false }, signal);
        if (kind === 'unfinished') return { kind };
        const isBad = rule === 'fail_if_matches_regexp' ? kind === 'found' : kind === 'absent';
        if (!isBad) continue;
        const how = kind === 'found' ? 'matches' : 'does not match';
        return broken(`the ${name} record "${recordLine(record)}" ${how} "${pattern}" (${rule})`);
      }
    }
    for (const pattern of isWantedFound ? [] : wanted) {
      const { kind } = await searcher.search({ pattern, text, wantsGroups: false }, signal);
      if (kind === 'unfinished') return { kind };
      isWantedFound ||= kind === 'found';
    }
  }
  if (isWantedFound) return KEPT;
  const patterns = wanted.map((pattern) => `"${pattern}"`).join(' or ');
  return broken(`no ${name} record matches ${patterns} (fail_if_none_matches_regexp)`);
}

const KEPT: RuleFinding = { kind: 'kept' };
const NEEDS_RECORDS = ['fail_if_not_matches_regexp', 'fail_if_none_matches_regexp'] as const;
const PER_RECORD = [
  'fail_if_matches_regexp',
  'fail_if_not_matches_regexp',
  'fail_if_all_match_regexp',
] as const;
/** After so many records everybody else has a turn. */
const RECORDS_PER_TURN = 32;
