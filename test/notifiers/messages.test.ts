import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Incident, SEVERITIES } from '../../src/core/events.ts';
import { LANGUAGES, type Language, type Notice, type NoticedIncident } from '../../src/core/notification.ts';
import { REASONS, SELF_REASONS } from '../../src/core/reason.ts';
import { toIncidentId } from '../../src/estate/ids.ts';
import { CATALOGUES } from '../../src/notifiers/messages/catalogues.ts';
import { linesOf, type Message, shorten, tellNotice } from '../../src/notifiers/messages/message.ts';
import { tellDuration, tellTime } from '../../src/notifiers/messages/times.ts';
import { digestOf, noticeOf, OPENED_MS, OUTAGE, TEST_NOTICE } from './notices.ts';

const FOREIGN = ['sv', 'nb'] as const;
const ALL_REASONS = [...REASONS, ...SELF_REASONS];
const METHODS = ['card', 'wallet', 'swish', 'cash', 'web', 'Vipps'];
const CHANGES = ['opened', 'updated', 'resolved', 'escalated'] as const;

function tell(notice: Notice, language: Language): Message {
  return tellNotice(notice, {
    language,
    channel: 'ops',
    timezone: 'Europe/Stockholm',
    externalUrl: 'https://kassavakt.example.test',
  });
}

/** All that a reader sees. */
function textOf(message: Message): string {
  const { sentences, facts, words, footer } = message;
  return [
    ...linesOf(message),
    ...sentences,
    ...facts.flatMap(({ label, value }) => [label, value]),
    ...Object.values(words),
    footer,
  ].join('\n');
}

/** Every text of a catalogue with its path. */
function texts(value: unknown, path = ''): readonly (readonly [path: string, text: string])[] {
  if (typeof value === 'string') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, part]) => texts(part, `${path}.${name}`));
}

describe('The catalogues', () => {
  test.each(LANGUAGES)('have no empty text and none with white space around it: %s', (language) => {
    const found = texts(CATALOGUES[language]);
    expect(found.length).toBeGreaterThan(100);
    expect(found.filter(([, text]) => text.trim() === '' || text.trim() !== text)).toEqual([]);
  });

  test.each(FOREIGN)('have in %s their own words for all but a few that are the same', (language) => {
    const english = new Map(texts(CATALOGUES.en));
    const same = texts(CATALOGUES[language]).filter(([path, text]) => english.get(path) === text);
    const shared = ['.kinds.gateway.one', '.durations.minutes', '.durations.seconds'];
    expect(
      same.map(([path]) => path).filter((path) => !shared.includes(path) && path !== '.durations.days'),
    ).toEqual([]);
  });
});

describe('A message', () => {
  const CASES: readonly {
    readonly name: string;
    readonly changes: Partial<Incident>;
    readonly place?: Omit<NoticedIncident, 'incident'>;
  }[] = [
    ...ALL_REASONS.map((reason) => ({ name: `reason ${reason}`, changes: { reason } })),
    ...ALL_REASONS.map((reason) => ({
      name: `reason ${reason} of one`,
      changes: { reason, scope: [{ target: 'T1' }], targetsDown: 1, targetsInScope: 1, storesAffected: 1 },
    })),
    ...METHODS.map((method) => ({ name: `method ${method}`, changes: { methodsLost: [method] } })),
    ...SEVERITIES.map((severity) => ({ name: `severity ${severity}`, changes: { severity } })),
    { name: 'no method lost', changes: { methodsLost: [] } },
    { name: 'nothing down any more', changes: { methodsLost: [], targetsDown: 0, state: 'recovering' } },
    { name: 'relapses', changes: { relapses: 2, unstable: true } },
    { name: 'one relapse', changes: { relapses: 1 } },
    { name: 'merged', changes: { state: 'resolved', mergedInto: toIncidentId('i-9') } },
    {
      name: 'several scopes',
      changes: { scope: [{ acquirer: 'F' }, { region: 'Värmland', model: 'P4' }, { operator: 'X' }] },
    },
    { name: 'several kinds', changes: { kinds: ['gateway', 'terminal', 'till'], methodsLost: [] } },
    { name: 'unknown kinds', changes: { kinds: ['scale'], methodsLost: [] } },
    {
      name: 'acknowledged',
      changes: { acknowledgement: { by: 'Anna', comment: '', atMs: 1, sticky: false } },
    },
    {
      name: 'a store',
      changes: { scope: [{ store: 'S1' }] },
      place: { store: 'S1', storeName: 'Solhaga Karlstad' },
    },
  ];
  // Words that no Swedish or Norwegian sentence of ours has.
  const ENGLISH =
    /\b(the|is|are|not|and|of|it|its|they|their|customers?|stores?|cannot|has|have|had|down|with|works?|again|unit|began|cause|where|new|update|resolved|several|test|critical|major|card|wallet|cash|by|in)\b/i;

  test.each(FOREIGN)('lets no English through in %s, whatever it tells', (language) => {
    for (const { name, changes, place } of CASES) {
      for (const change of CHANGES) {
        const text = textOf(tell(noticeOf(change, changes, place), language)).replace(/https:\S+/g, '');
        expect([name, change, ENGLISH.exec(text)?.[0]]).toEqual([name, change, undefined]);
        expect(text).not.toContain(OUTAGE.title);
        expect(text).not.toContain('undefined');
      }
    }
    for (const notice of [digestOf(1), digestOf(25), TEST_NOTICE]) {
      const text = textOf(tell(notice, language)).replace(/https:\S+/g, '');
      expect(ENGLISH.exec(text)?.[0]).toBeUndefined();
    }
  });

  test.each([
    {
      name: 'all of a chain',
      changes: {},
      en: 'Customers cannot pay by card at Solhaga. 22 stores are affected. All 180 card terminals are down.',
      sv: 'Kunder kan inte betala med kort hos Solhaga. 22 butiker är drabbade. Alla 180 kortterminaler är nere.',
      nb: 'Kunder kan ikke betale med kort hos Solhaga. 22 butikker er rammet. Alle 180 betalingsterminaler er nede.',
    },
    {
      name: 'a part of a region, with several methods',
      changes: {
        scope: [{ acquirer: 'Fjordpay', region: 'Värmland' }],
        targetsDown: 40,
        methodsLost: ['card', 'swish', 'web'],
      },
      en: 'Some customers cannot pay by card, with Swish or in the web shop in Värmland (acquirer Fjordpay). 22 stores are affected. 40 of 180 card terminals are down.',
      sv: 'Vissa kunder kan inte betala med kort, med Swish eller i webbutiken i Värmland (inlösare Fjordpay). 22 butiker är drabbade. 40 av 180 kortterminaler är nere.',
      nb: 'Noen kunder kan ikke betale med kort, med Swish eller i nettbutikken i Värmland (innløser Fjordpay). 22 butikker er rammet. 40 av 180 betalingsterminaler er nede.',
    },
    {
      name: 'one terminal',
      changes: {
        scope: [{ target: 'T00017' }],
        targetsDown: 1,
        targetsInScope: 1,
        storesAffected: 1,
        methodsLost: [],
        reason: 'device',
      },
      place: { store: 'S003', storeName: 'Solhaga Karlstad' },
      en: 'Card terminal T00017 in Solhaga Karlstad is down.',
      sv: 'Kortterminal T00017 i Solhaga Karlstad är nere.',
      nb: 'Betalingsterminal T00017 i Solhaga Karlstad er nede.',
    },
    {
      name: 'a gateway and what hangs on it',
      changes: {
        scope: [{ target: 'gw-S003' }],
        kinds: ['gateway', 'terminal'],
        targetsDown: 9,
        targetsInScope: 9,
        storesAffected: 1,
      },
      place: { store: 'S003', storeName: 'Solhaga Karlstad' },
      en: 'Customers cannot pay by card in Solhaga Karlstad (gw-S003). All 9 gateways and card terminals are down.',
      sv: 'Kunder kan inte betala med kort i Solhaga Karlstad (gw-S003). Alla 9 gatewayer och kortterminaler är nere.',
      nb: 'Kunder kan ikke betale med kort i Solhaga Karlstad (gw-S003). Alle 9 gatewayer og betalingsterminaler er nede.',
    },
    {
      name: 'the only service of a chain',
      changes: {
        kinds: ['swish'],
        targetsDown: 1,
        targetsInScope: 1,
        methodsLost: ['swish'],
      },
      en: 'Customers cannot pay with Swish at Solhaga. 22 stores are affected. The Swish connection at Solhaga is down.',
      sv: 'Kunder kan inte betala med Swish hos Solhaga. 22 butiker är drabbade. Swish-anslutningen hos Solhaga är nere.',
      nb: 'Kunder kan ikke betale med Swish hos Solhaga. 22 butikker er rammet. Swish-tilkoblingen hos Solhaga er nede.',
    },
    {
      name: 'one store of many, where some still works',
      changes: { targetsDown: 1, storesAffected: 1, methodsLost: [], kinds: ['till'] },
      en: '1 of 180 tills at Solhaga is down. 1 store is affected.',
      sv: '1 av 180 kassor hos Solhaga är nere. 1 butik är drabbad.',
      nb: '1 av 180 kasser hos Solhaga er nede. 1 butikk er rammet.',
    },
    {
      name: 'two things that explain it, everywhere',
      changes: { scope: [{ network: 'Bergnät' }, { till_system: 'K2' }], methodsLost: [], kinds: ['scale'] },
      en: 'All 180 units (network Bergnät) or (till system K2) are down. 22 stores are affected.',
      sv: 'Alla 180 enheter (nät Bergnät) eller (kassasystem K2) är nere. 22 butiker är drabbade.',
      nb: 'Alle 180 enheter (nett Bergnät) eller (kassesystem K2) er nede. 22 butikker er rammet.',
    },
  ] as const)('tells $name', ({ changes, en, sv, nb, ...rest }) => {
    const place = 'place' in rest ? rest.place : undefined;
    for (const [language, says] of [
      ['en', en],
      ['sv', sv],
      ['nb', nb],
    ] as const) {
      const { sentences } = tell(noticeOf('opened', changes, place), language);
      expect(sentences.join(' ').slice(0, says.length)).toBe(says);
    }
  });

  test.each([
    {
      change: 'opened',
      changes: {},
      en: 'Customers cannot pay',
      sv: 'Kunder kan inte betala',
      nb: 'Kunder kan ikke betale',
    },
    { change: 'updated', changes: {}, en: 'Update: customers', sv: 'Ändring: kunder', nb: 'Endring: kunder' },
    {
      change: 'updated',
      changes: { state: 'recovering', methodsLost: [], targetsDown: 0 },
      en: 'Recovering: card terminals at Solhaga answer again',
      sv: 'Återhämtar sig: kortterminaler hos Solhaga svarar igen',
      nb: 'Er på vei tilbake: betalingsterminaler hos Solhaga svarer igjen',
    },
    {
      change: 'escalated',
      changes: {},
      en: 'Not acknowledged: customers',
      sv: 'Ej kvitterad: kunder',
      nb: 'Ikke kvittert: kunder',
    },
    {
      change: 'resolved',
      changes: { methodsLost: [] },
      en: 'Resolved: card terminals at Solhaga work again',
      sv: 'Löst: kortterminaler hos Solhaga fungerar igen',
      nb: 'Løst: betalingsterminaler hos Solhaga virker igjen',
    },
    {
      change: 'resolved',
      changes: { mergedInto: toIncidentId('i-9') },
      en: 'Part of another incident: card terminals at Solhaga',
      sv: 'Del av en annan driftstörning: kortterminaler hos Solhaga',
      nb: 'Del av en annen driftsforstyrrelse: betalingsterminaler hos Solhaga',
    },
  ] as const)(
    'has a title that begins with what happened: $change $en',
    ({ change, changes, en, sv, nb }) => {
      for (const [language, says] of [
        ['en', en],
        ['sv', sv],
        ['nb', nb],
      ] as const) {
        expect(tell(noticeOf(change, changes), language).title.slice(0, says.length)).toBe(says);
      }
    },
  );

  test('tells how long it has lasted, that it came back, and that nobody or somebody has it', () => {
    const escalated = tell(noticeOf('escalated', { relapses: 1 }), 'sv').sentences.join(' ');
    expect(escalated).toContain('Det har pågått i 5 min.');
    expect(escalated).toContain('Den har kommit tillbaka en gång när den verkat vara över.');
    expect(escalated).toContain('Ingen har kvitterat den ännu.');
    const acknowledgement = { by: 'Anna\nAndersson', comment: '', atMs: 1, sticky: false };
    const taken = tell(noticeOf('escalated', { relapses: 3, acknowledgement }), 'nb').sentences.join(' ');
    expect(taken).toContain('Den har kommet tilbake 3 ganger når den så ut til å være over.');
    expect(taken).toContain('Anna Andersson har tatt hånd om den.');
    expect(taken).not.toContain('kvittert for den');
    const over = tell(noticeOf('resolved', { resolvedAtMs: OPENED_MS + 93 * 60_000, targetsDown: 2 }), 'en');
    expect(over.sentences.join(' ')).toContain('2 of 180 are still down.');
    expect(over.sentences.join(' ')).toContain('It lasted 1 h 33 min.');
    expect(over.severity).toBeUndefined();
    expect(over.facts).toContainEqual({
      name: 'ended',
      label: 'Ended',
      value: 'Friday 22 December at 15:37 CET',
    });
  });

  test('tells times where the incident is', () => {
    const { sentences } = tell(noticeOf('opened', {}, { timezone: 'Europe/Helsinki' }), 'sv');
    expect(sentences.join(' ')).toContain('kl. 15:04 EET');
  });

  test('of a digest counts the critical ones that go on, and marks those that are over', () => {
    const [first, second, third] = digestOf(3).incidents;
    if (first === undefined || second === undefined || third === undefined) throw new Error('too few');
    const over: NoticedIncident = { incident: { ...second.incident, state: 'resolved', methodsLost: [] } };
    const minor: NoticedIncident = { incident: { ...third.incident, severity: 'minor', methodsLost: [] } };
    const notice = { ...digestOf(3), incidents: [first, minor, over] };
    expect(tell(notice, 'sv')).toMatchObject({
      title: '3 driftstörningar har ändrats, varav 1 kritisk',
      severity: 'critical',
      items: [
        'Kritisk: kunder kan inte betala med kort hos Solhaga',
        'Mindre: alla 180 kortterminaler hos Solhaga är nere',
        'Löst: kortterminaler hos Solhaga fungerar igen',
      ],
    });
    expect(tell({ ...notice, incidents: [over] }, 'nb').title).toBe('1 driftsforstyrrelse er endret');
  });

  test('is the same whenever it is sent, in one line each, whatever names hold', () => {
    const text = fc.string({ unit: 'binary', maxLength: 30 });
    const incident = fc.record({
      scope: fc.array(
        fc.dictionary(fc.constantFrom('chain', 'store', 'target', 'city', 'weird_label', 'kind'), text),
        { maxLength: 4 },
      ),
      severity: fc.constantFrom(...SEVERITIES),
      state: fc.constantFrom('open', 'recovering', 'resolved'),
      targetsDown: fc.nat(3),
      targetsInScope: fc.option(fc.nat(3), { nil: undefined }),
      storesAffected: fc.nat(3),
      reason: fc.constantFrom(...ALL_REASONS),
      kinds: fc.option(fc.array(fc.constantFrom('terminal', 'till', 'scale'), { maxLength: 2 }), {
        nil: undefined,
      }),
      methodsLost: fc.option(fc.array(fc.oneof(fc.constantFrom(...METHODS), text), { maxLength: 3 }), {
        nil: undefined,
      }),
      relapses: fc.nat(2),
    });
    const place = fc.record({ store: text, storeName: text, chain: text }, { requiredKeys: [] });
    fc.assert(
      fc.property(
        fc.constantFrom(...CHANGES),
        incident,
        place,
        fc.constantFrom(...LANGUAGES),
        (change, raw, where, language) => {
          const known = Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== undefined));
          const notice = noticeOf(change, known, where);
          const message = tell(notice, language);
          expect(tell(notice, language)).toEqual(message);
          const all = [message.title, ...message.sentences, ...message.facts.map(({ value }) => value)];
          for (const line of all) {
            expect(line).not.toMatch(/[\r\n\u2028]|undefined|NaN|\[object/);
            expect(line.trim()).not.toBe('');
          }
          for (const line of message.sentences) expect(line).toMatch(/\.$/);
        },
      ),
    );
  });
});

describe('Times and lengths', () => {
  test('are told in the zone that holds then', () => {
    const winter = Date.UTC(2026, 2, 29, 0, 59);
    const summer = Date.UTC(2026, 2, 29, 1, 0);
    expect(tellTime(winter, 'Europe/Oslo', CATALOGUES.nb)).toBe('søndag 29. mars kl. 01:59 CET');
    expect(tellTime(summer, 'Europe/Oslo', CATALOGUES.nb)).toBe('søndag 29. mars kl. 03:00 CEST');
    expect(tellTime(summer, 'Europe/Stockholm', CATALOGUES.sv)).toBe('söndag 29 mars kl. 03:00 CEST');
    expect(tellTime(summer, 'Europe/London', CATALOGUES.en)).toBe('Sunday 29 March at 02:00 BST');
  });

  test.each([
    { ms: -5, en: '0 s', sv: '0 s', nb: '0 s' },
    { ms: 45_400, en: '45 s', sv: '45 s', nb: '45 s' },
    { ms: 60_000, en: '1 min', sv: '1 min', nb: '1 min' },
    { ms: 3_600_000, en: '1 h', sv: '1 tim', nb: '1 t' },
    { ms: 7_500_000, en: '2 h 5 min', sv: '2 tim 5 min', nb: '2 t 5 min' },
    { ms: 18 * 86_400_000 + 7_500_000, en: '18 d 2 h', sv: '18 dygn 2 tim', nb: '18 d 2 t' },
  ])('last $en', ({ ms, ...says }) => {
    for (const language of LANGUAGES) expect(tellDuration(ms, CATALOGUES[language])).toBe(says[language]);
  });

  test('are cut between words, and never within a character', () => {
    expect(shorten('kort nog', 8)).toBe('kort nog');
    expect(shorten('Kunder kan inte betala med kort', 20)).toBe('Kunder kan inte…');
    expect(shorten('Kundernakaninte', 8)).toBe('Kundern…');
    expect(shorten('abc\u{1F4B3}def', 5)).toBe('abc…');
  });
});
