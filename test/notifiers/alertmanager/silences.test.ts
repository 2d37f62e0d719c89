import { describe, expect, test } from '@jest/globals';
import { parseSelector } from '../../../src/estate/selector.ts';
import type { PeerSilence } from '../../../src/notifiers/alertmanager/peer.ts';
import { translateConditions } from '../../../src/notifiers/alertmanager/silence-matchers.ts';
import {
  GOSSIP_MS,
  planSilences,
  type QuietSpan,
  toWanted,
  type WantedSilence,
} from '../../../src/notifiers/alertmanager/silence-plan.ts';

const NOW = Date.UTC(2026, 11, 22, 13, 0, 0);
const OURS = 'alertname=~Kassavakt.+';

function conditionsOf(selector: string): QuietSpan['conditions'] {
  const parsed = parseSelector(selector);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value.conditions;
}

function translate(selector: string): { matchers: readonly string[]; narrowed: readonly string[] } | string {
  const translated = translateConditions(conditionsOf(selector));
  if (!translated.ok) return translated.error;
  const { matchers, narrowed } = translated.value;
  const spelt = matchers.map(({ name, value, isRegex, isEqual }) =>
    [name, isEqual ? '=' : '!', isRegex ? '~' : isEqual ? '' : '=', value].join(''),
  );
  return { matchers: spelt, narrowed };
}

describe('a selector', () => {
  test.each([
    { selector: 'chain=Solhaga', matchers: ['chain=Solhaga'] },
    { selector: 'chain=Solhaga, store=S1', matchers: ['chain=Solhaga', 'store=S1'] },
    { selector: 'store=S1|S.2', matchers: [String.raw`store=~S1|S\.2`] },
    { selector: 'chain="Järn & Bygg (väst)"', matchers: ['chain=Järn & Bygg (väst)'] },
    { selector: 'chain="a|b"|"c+d"', matchers: [String.raw`chain=~a\|b|c\+d`] },
    { selector: 'chain!=""', matchers: ['chain!='] },
    { selector: 'chain!=""|Solhaga', matchers: ['chain!=Solhaga', 'chain!='] },
  ])('$selector is said exactly, of alerts about what Kassavakt watches', ({ selector, matchers }) => {
    expect(translate(selector)).toEqual({ matchers: [OURS, ...matchers], narrowed: [] });
  });

  test.each([
    { selector: 'region!=Skåne', matchers: ['region!=Skåne', 'region!='], label: 'region' },
    { selector: 'region!=Skåne|Halland', matchers: ['region!~Skåne|Halland', 'region!='], label: 'region' },
    { selector: 'store!=S1', matchers: ['store!=S1', 'store!='], label: 'store' },
    { selector: 'chain=Solhaga|""', matchers: ['chain=Solhaga'], label: 'chain' },
    { selector: 'kind=terminal, chain=Solhaga', matchers: ['kind=terminal', 'chain=Solhaga'], label: 'kind' },
  ])('$selector silences less there, never more, and that is said', ({ selector, matchers, label }) => {
    expect(translate(selector)).toEqual({
      matchers: [OURS, ...matchers],
      narrowed: [`alerts that do not name a ${label} are not silenced there`],
    });
  });

  test.each([
    { selector: 'chain=""', why: 'an alert without it may be about anything' },
    { selector: 'store=S1, severity=low', why: 'says something else on alerts than on targets' },
  ])('$selector cannot be said there, and is not', ({ selector, why }) => {
    expect(translate(selector)).toContain(why);
  });
});

function makeSpan(more: Partial<QuietSpan> = {}): QuietSpan {
  const selector = more.selector ?? 'chain=Solhaga';
  return {
    kind: 'maintenance',
    id: 'maintenance-1',
    selector,
    conditions: conditionsOf(selector),
    startsAtMs: NOW,
    endsAtMs: NOW + 3_600_000,
    by: 'Ada',
    comment: 'new router',
    ...more,
  };
}

function want(span: QuietSpan, instance = 'm1'): WantedSilence {
  const made = toWanted(span, instance);
  if ('why' in made) throw new Error(made.why);
  return made.wanted;
}

function found({ draft }: WantedSilence, id: string, isOver = false): PeerSilence {
  return { id, isOver, createdBy: draft.createdBy, comment: draft.comment };
}

describe('what a maintenance is in Alertmanager', () => {
  test('says who, why, what and whose it is', () => {
    const { draft, marker } = want(makeSpan());
    expect(draft).toMatchObject({
      startsAtMs: NOW,
      endsAtMs: NOW + 3_600_000,
      createdBy: 'Ada via Kassavakt',
    });
    expect(draft.comment).toBe(`new router Selector: chain=Solhaga. ${marker}`);
    expect(marker).toMatch(/^\[kassavakt m1 maintenance maintenance-1 [0-9a-z]+\]$/);
  });

  test('says in what it is less', () => {
    const { draft } = want(makeSpan({ selector: 'region!=Skåne' }));
    expect(draft.comment).toContain('Note: alerts that do not name a region are not silenced there.');
  });

  test.each([
    { name: 'the same for the same', more: {}, isSame: true },
    { name: 'the same though it began meanwhile', more: { startsAtMs: NOW + 5 }, isSame: true },
    { name: 'another with another end', more: { endsAtMs: NOW + 1 }, isSame: false },
    { name: 'another with another selector', more: { selector: 'chain=X' }, isSame: false },
    { name: 'another with another id', more: { id: 'a]b c' }, isSame: false },
  ])('is $name', ({ more, isSame }) => {
    expect(want(makeSpan(more)).marker === want(makeSpan()).marker).toBe(isSame);
  });
});

describe('the plan', () => {
  const one = want(makeSpan());
  const plan = (
    wanted: readonly WantedSilence[],
    peers: readonly (readonly PeerSilence[] | undefined)[],
    createdMsAgo?: number,
  ) => {
    const createdAtMs = new Map(
      createdMsAgo === undefined ? [] : [[one.marker, NOW - createdMsAgo] as const],
    );
    const views = peers.map((silences, i) => ({ url: `p${i}`, silences }));
    const { create, end, isUnfinished } = planSilences(wanted, views, createdAtMs, {
      instance: 'm1',
      nowMs: NOW,
    });
    return {
      create: create.map(({ url }) => url),
      end: end.map(({ url, id }) => `${url} ${id}`),
      isUnfinished,
    };
  };
  const NOTHING = { create: [], end: [], isUnfinished: false };

  test('creates what is missing on one Alertmanager, for its cluster brings it to the others', () => {
    expect(plan([one], [[], []])).toEqual({ create: ['p0'], end: [], isUnfinished: true });
    expect(plan([one], [[found(one, 'a')], []], GOSSIP_MS - 1)).toEqual({
      create: [],
      end: [],
      isUnfinished: true,
    });
  });

  test('creates it on the next when it has not come there by itself', () => {
    expect(plan([one], [[found(one, 'a')], []], GOSSIP_MS)).toEqual({
      create: ['p1'],
      end: [],
      isUnfinished: true,
    });
  });

  test('finds what it created before a restart', () => {
    expect(plan([one], [[found(one, 'a')], [found(one, 'a')]])).toEqual(NOTHING);
  });

  test('passes over one that does not answer, and comes back to it', () => {
    expect(plan([one], [undefined, []])).toEqual({ create: ['p1'], end: [], isUnfinished: true });
    expect(plan([one], [undefined, [found(one, 'a')]])).toEqual({ ...NOTHING, isUnfinished: true });
  });

  test('leaves ended what somebody ended there', () => {
    expect(plan([one], [[found(one, 'a', true)]])).toEqual(NOTHING);
  });

  test('ends what is wanted no more, and of two that are the same the same one everywhere', () => {
    expect(plan([], [[found(one, 'a'), found(one, 'b', true)]])).toEqual({
      create: [],
      end: ['p0 a'],
      isUnfinished: true,
    });
    const twins = [found(one, 'b'), found(one, 'a')];
    expect(plan([one], [twins, twins])).toEqual({ create: [], end: ['p0 b', 'p1 b'], isUnfinished: true });
  });

  test('replaces what has changed', () => {
    const other = want(makeSpan({ endsAtMs: NOW + 1_000 }));
    expect(plan([other], [[found(one, 'a')]])).toEqual({ create: ['p0'], end: ['p0 a'], isUnfinished: true });
  });

  test.each([
    { name: "another monitor's", silence: found(want(makeSpan(), 'm2'), 'a') },
    { name: "a person's", silence: { ...found(one, 'a'), createdBy: 'Ada' } },
    {
      name: "a person's who quotes ours",
      silence: { ...found(one, 'a'), comment: `see ${one.marker} there` },
    },
  ])('leaves $name alone', ({ silence }) => {
    expect(plan([], [[silence]])).toEqual(NOTHING);
    expect(plan([one], [[silence]]).create).toEqual(['p0']);
  });
});
