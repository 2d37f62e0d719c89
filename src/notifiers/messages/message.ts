import { type IncidentSeverity, SEVERITIES } from '../../core/events.ts';
import type { Language, Notice, NoticedIncident } from '../../core/notification.ts';
import type { Catalogue, Fact } from './catalogue.ts';
import { CATALOGUES } from './catalogues.ts';
import {
  amountOf,
  capital,
  isOne,
  methodsClause,
  oneLine,
  placeOf,
  sentence,
  stateClause,
} from './clauses.ts';
import { tellDuration, tellTime } from './times.ts';

/** How something is told: in which language, by what channel, and where its reader finds more. */
export interface Telling {
  readonly language: Language;
  readonly channel: string;
  /** IANA zone of times, where a notice does not say otherwise. */
  readonly timezone: string;
  /** No slash at the end. */
  readonly externalUrl: string;
}

/**
 * A notice in words, for a channel to lay out. The same notice gives the same message, whenever it is sent. All texts are
 * plain, single lines, with whatever names and labels hold in them as it is: a channel escapes for its own form.
 */
export interface Message {
  readonly language: Language;
  /** What a lock screen shows; no full stop. */
  readonly title: string;
  /** The whole of it in a few sentences. */
  readonly sentences: readonly string[];
  /** Those of them that say what the title does not. */
  readonly details: readonly string[];
  /** Of one incident, as a table. */
  readonly facts: readonly { readonly name: Fact; readonly label: string; readonly value: string }[];
  /** Of a digest: a line for each incident, worst first, and one that counts those left out. */
  readonly items: readonly string[];
  /** The worst that goes on; undefined when nothing does. */
  readonly severity: IncidentSeverity | undefined;
  /** For each a word: what has happened, and how bad it is; empty when that does not apply. */
  readonly words: { readonly change: string; readonly severity: string };
  readonly link: { readonly label: string; readonly url: string };
  /** Who sends it and why the reader has it. */
  readonly footer: string;
}

/** Incidents that a digest names, at most. */
const MOST_ITEMS = 20;

export function tellNotice(notice: Notice, telling: Telling): Message {
  const words = CATALOGUES[telling.language];
  const { say } = words;
  const [first, ...others] = notice.incidents;
  const severity = worstOpen(notice.incidents);
  const frame = {
    language: telling.language,
    severity,
    link: { label: say.open, url: `${telling.externalUrl}/` },
    footer: say.sender(telling.channel),
  };
  if (first === undefined) {
    const title = capital(say.test);
    const change = words.changes.test;
    const sentences = [sentence(say.testWorks(telling.channel))];
    return {
      ...frame,
      title,
      sentences,
      details: sentences,
      facts: [],
      items: [],
      words: { change, severity: '' },
    };
  }
  if (notice.change === 'digest' || others.length > 0) {
    const critical = notice.incidents.filter(
      ({ incident }) => incident.severity === 'critical' && incident.state !== 'resolved',
    );
    const clause = say.digest(notice.incidents.length, critical.length);
    return {
      ...frame,
      title: capital(clause),
      sentences: [sentence(clause)],
      details: [],
      facts: [],
      items: itemsOf(notice.incidents, words),
      words: { change: words.changes.digest, severity: severityWord(severity, words) },
    };
  }
  const change = changeWord(notice, first, words);
  const { storesAffected, state } = first.incident;
  const extent = storesAffected > 1 && state !== 'resolved' ? `, ${say.stores(storesAffected)}` : '';
  const clause = `${stateClause(first, words)}${extent}`;
  const sentences = sentencesOf(notice, first, words, telling.timezone);
  return {
    ...frame,
    title: notice.change === 'opened' ? capital(clause) : `${change}: ${clause}`,
    sentences,
    details: isMerged(first) ? sentences : sentences.slice(1),
    facts: factsOf(notice, first, words, telling.timezone),
    items: [],
    words: { change, severity: words.severities[first.incident.severity] },
  };
}

/** The whole of it as lines: title, details, items and link. */
export function linesOf({ title, details, items, link }: Message): readonly string[] {
  return [
    title,
    ...(details.length === 0 ? [] : [details.join(' ')]),
    ...items,
    `${link.label}: ${link.url}`,
  ];
}

/** `text` in at most `length` characters, cut between words where that is near. */
export function shorten(text: string, length: number): string {
  if (text.length <= length) return text;
  const cut = text.slice(0, length - 1);
  const gap = cut.lastIndexOf(' ');
  const kept = gap > length / 2 ? cut.slice(0, gap) : cut;
  // Half of a character that takes two places is none.
  return `${kept.replace(/[\uD800-\uDBFF]$/, '')}…`;
}

function changeWord({ change }: Notice, { incident }: NoticedIncident, words: Catalogue): string {
  if (incident.state === 'resolved') {
    return words.changes[incident.mergedInto === undefined ? 'resolved' : 'merged'];
  }
  return words.changes[change === 'updated' && incident.state === 'recovering' ? 'recovering' : change];
}

function sentencesOf(
  notice: Notice,
  noticed: NoticedIncident,
  words: Catalogue,
  timezone: string,
): readonly string[] {
  const { incident } = noticed;
  const { say } = words;
  const { openedAtMs, targetsDown, targetsInScope = targetsDown, relapses = 0 } = incident;
  const isOver = incident.state === 'resolved';
  const clauses: string[] = [];
  if (incident.mergedInto !== undefined) clauses.push(say.partOf(oneLine(incident.mergedInto)));
  else clauses.push(stateClause(noticed, words));
  if (!isMerged(noticed) && targetsDown > 0) {
    if (isOver) clauses.push(say.stillDown(targetsDown, targetsInScope));
    else clauses.push(...extentOf(noticed, words));
  }
  clauses.push(say.began(tellTime(openedAtMs, noticed.timezone ?? timezone, words)));
  const lasted = tellDuration(endOf(notice, noticed) - openedAtMs, words);
  if (isOver && !isMerged(noticed)) clauses.push(say.lasted(lasted));
  else if (notice.change !== 'opened' && !isOver) clauses.push(say.hasLasted(lasted));
  if (!isOver && targetsDown > 0) clauses.push(say.because(reasonOf(noticed, words), isOne(noticed)));
  if (!isOver && incident.scope.length > 1) clauses.push(say.severalExplain);
  if (!isOver && relapses > 0) clauses.push(say.cameBack(relapses));
  if (!isOver && incident.acknowledgement !== undefined) {
    clauses.push(say.acknowledged(oneLine(incident.acknowledgement.by)));
  } else if (!isOver && notice.change === 'escalated') clauses.push(say.notAcknowledged);
  return clauses.map(sentence);
}

/** What the clause of its state has not told of its size. */
function extentOf(noticed: NoticedIncident, words: Catalogue): readonly string[] {
  const { incident, store } = noticed;
  const { say } = words;
  const { storesAffected, methodsLost = [] } = incident;
  const clauses: string[] = [];
  if (storesAffected > 1 || (storesAffected === 1 && store === undefined)) {
    clauses.push(say.storesAffected(storesAffected));
  }
  if (methodsLost.length > 0) {
    const scope = isOne(noticed) ? incident.scope : [];
    clauses.push(stateClause({ ...noticed, incident: { ...incident, scope, methodsLost: [] } }, words));
  }
  return clauses;
}

function factsOf(
  notice: Notice,
  noticed: NoticedIncident,
  words: Catalogue,
  timezone: string,
): Message['facts'] {
  const { incident } = noticed;
  const { openedAtMs, storesAffected, methodsLost = [], targetsDown } = incident;
  const isOver = incident.state === 'resolved';
  const zone = noticed.timezone ?? timezone;
  const extent = [
    ...(storesAffected > 0 ? [words.say.stores(storesAffected)] : []),
    ...(targetsDown > 0 ? [amountOf(noticed, words)] : []),
  ];
  const values: readonly (readonly [Fact, string])[] = [
    ['severity', words.severities[incident.severity]],
    ['methods', isOver ? '' : methodsClause(methodsLost, words)],
    ['where', capital(placeOf(noticed, words))],
    ['extent', isOver ? '' : extent.join(', ')],
    ['began', tellTime(openedAtMs, zone, words)],
    ['ended', isOver ? tellTime(endOf(notice, noticed), zone, words) : ''],
    ['duration', notice.change === 'opened' ? '' : tellDuration(endOf(notice, noticed) - openedAtMs, words)],
    ['cause', reasonOf(noticed, words)],
    ['acknowledged', oneLine(incident.acknowledgement?.by ?? '')],
    ['incident', oneLine(incident.id)],
  ];
  return values
    .filter(([, value]) => value !== '')
    .map(([name, value]) => ({ name, label: words.facts[name], value }));
}

function itemsOf(incidents: readonly NoticedIncident[], words: Catalogue): readonly string[] {
  const named = incidents.slice(0, MOST_ITEMS).map((noticed) => {
    const { state, severity, mergedInto } = noticed.incident;
    const mark =
      state !== 'resolved'
        ? words.severities[severity]
        : words.changes[mergedInto === undefined ? 'resolved' : 'merged'];
    return `${mark}: ${stateClause(noticed, words)}`;
  });
  const rest = incidents.length - named.length;
  return rest === 0 ? named : [...named, words.say.more(rest)];
}

/** It ends only because it went into another. */
function isMerged({ incident }: NoticedIncident): boolean {
  return incident.mergedInto !== undefined;
}

function reasonOf(noticed: NoticedIncident, words: Catalogue): string {
  return words.reasons[isOne(noticed) ? 'one' : 'many'][noticed.incident.reason];
}

/** When it ended or, while it goes on, what is told of it happened. */
function endOf({ atMs }: Notice, { incident: { openedAtMs, resolvedAtMs } }: NoticedIncident): number {
  return Math.max(openedAtMs, resolvedAtMs ?? atMs);
}

function worstOpen(incidents: readonly NoticedIncident[]): IncidentSeverity | undefined {
  return SEVERITIES.findLast((severity) =>
    incidents.some(({ incident }) => incident.state !== 'resolved' && incident.severity === severity),
  );
}

function severityWord(severity: IncidentSeverity | undefined, words: Catalogue): string {
  return severity === undefined ? '' : words.severities[severity];
}
