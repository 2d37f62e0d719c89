import { err, ok, type Result } from '../lib/result.ts';
import type { Store } from './estate.ts';

/** Minutes after the midnight with which its day begins; `until` is beyond 1,440 when it is past the next one. */
interface Span {
  readonly from: number;
  readonly until: number;
}

/** On each day of the week, Monday first. A span belongs to the day on which it begins. */
type Week = readonly (readonly Span[])[];

/** When a store is open. */
export interface OpeningHours {
  readonly week: Week;
  /** On a public holiday that falls on each of these days. Absent: no rule is about public holidays. */
  readonly onHolidays?: Week;
}

const DAYS = ['Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa', 'Su'] as const;
const HOLIDAY = 'PH';
const EVERY_DAY = DAYS.map((_, day) => day);
const DAY_MINUTES = 1_440;
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const EXAMPLE = 'as in Mo-Sa 07:00-22:00; Su 09:00-21:00';

/**
 * Reads `Mo-Sa 07:00-22:00; Su 09:00-21:00`, also `Mo,We`, several times a day with commas between, `24/7`, `off`,
 * times past midnight (`22:00-02:00`), and `PH`, alone or among days, for public holidays: the part of OpenStreetMap's
 * opening_hours that needs no calendar but theirs. Of two rules for a day the later holds; a public holiday that no `PH`
 * is said of is a day of the week like others. Days that no rule names are closed.
 */
export function parseOpeningHours(text: string): Result<OpeningHours> {
  const week: (readonly Span[])[] = DAYS.map(() => []);
  const onHolidays: (readonly Span[])[] = DAYS.map(() => []);
  let isAboutHolidays = false;
  const rules = text.replaceAll(/[–—]/g, '-').split(';');
  const used = rules.at(-1)?.trim() === '' ? rules.slice(0, -1) : rules;
  if (used.length === 0) return err(`these are no opening hours; write them ${EXAMPLE}, or leave them out`);
  for (const rule of used) {
    const read = parseRule(rule.trim());
    if (!read.ok) return err(`${JSON.stringify(text)} is not opening hours: ${read.error}`);
    const { days, isOnHolidays, spans } = read.value;
    for (const day of days) week[day] = spans;
    for (const day of isOnHolidays ? EVERY_DAY : days) onHolidays[day] = spans;
    isAboutHolidays ||= isOnHolidays;
  }
  return ok(Object.freeze({ week, ...(isAboutHolidays ? { onHolidays } : {}) }));
}

/** When a rule holds. */
interface RuleDays {
  readonly days: readonly number[];
  /** Also on every public holiday. */
  readonly isOnHolidays: boolean;
}

interface Rule extends RuleDays {
  readonly spans: readonly Span[];
}

function parseRule(text: string): Result<Rule> {
  if (text === '24/7') return ok({ ...WHOLE_WEEK, spans: [{ from: 0, until: DAY_MINUTES }] });
  if (text === '') return err('a rule between two semicolons is empty');
  const [, dayText = '', timeText = ''] = /^([^\d]*?)(\d.*|off|closed)?$/i.exec(text) ?? [];
  const days = dayText.trim() === '' ? ok(WHOLE_WEEK) : parseDays(dayText.trim());
  if (!days.ok) return days;
  if (timeText === '') return err(`${JSON.stringify(text)} has no times; write them ${EXAMPLE}, or off`);
  const spans: Span[] = [];
  if (!/^(off|closed)$/i.test(timeText)) {
    for (const part of timeText.split(',')) {
      const span = parseSpan(part.trim());
      if (!span.ok) return span;
      spans.push(span.value);
    }
  }
  return ok({ ...days.value, spans: Object.freeze(spans) });
}

const WHOLE_WEEK: RuleDays = { days: EVERY_DAY, isOnHolidays: false };

function parseDays(text: string): Result<RuleDays> {
  const days: number[] = [];
  let isOnHolidays = false;
  for (const part of text.split(',')) {
    if (part.trim().toUpperCase() === HOLIDAY) {
      isOnHolidays = true;
      continue;
    }
    const [first = '', last = first, more] = part.split('-').map((day) => day.trim());
    const [from, to] = [dayOf(first), dayOf(last)];
    if (from === -1 || to === -1 || more !== undefined) {
      const wrong = from !== -1 && more === undefined ? last : first;
      const shown = JSON.stringify(more === undefined ? wrong : part.trim());
      return err(
        `${shown} is not a day; the days are ${DAYS.join(', ')}, as in Mo-Fr or Mo,We, and ${HOLIDAY} for public holidays`,
      );
    }
    const length = ((to - from + DAYS.length) % DAYS.length) + 1;
    for (let i = 0; i < length; i++) days.push((from + i) % DAYS.length);
  }
  return ok({ days, isOnHolidays });
}

function dayOf(text: string): number {
  return DAYS.findIndex((day) => day.toLowerCase() === text.toLowerCase());
}

function parseSpan(text: string): Result<Span> {
  const [, fromHours, fromMinutes, untilHours, untilMinutes] =
    /^(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)$/.exec(text) ?? [];
  const from = minutesOf(fromHours, fromMinutes);
  const until = minutesOf(untilHours, untilMinutes);
  if (from === undefined || until === undefined || from === DAY_MINUTES) {
    const advice = /^[a-z]/i.test(text)
      ? 'begin it with a semicolon, if it is a rule'
      : 'write it as in 07:00-22:00';
    return err(`${JSON.stringify(text)} is not from one time of day to another; ${advice}`);
  }
  if (from === until) {
    return err(`${JSON.stringify(text)} ends when it begins; write 00:00-24:00 for the whole day, or off`);
  }
  return ok({ from, until: until > from ? until : until + DAY_MINUTES });
}

/** 24:00 is the midnight with which a day ends. */
function minutesOf(hours: string | undefined, minutes: string | undefined): number | undefined {
  if (hours === undefined || minutes === undefined || Number(minutes) > 59) return undefined;
  const time = Number(hours) * 60 + Number(minutes);
  return time <= DAY_MINUTES ? time : undefined;
}

/** Hours with the public holidays that they are about. */
export interface DatedHours extends OpeningHours {
  readonly holidays?: ReadonlySet<number>;
}

const HOURS = new WeakMap<Store, DatedHours | undefined>();

function hoursOf(store: Store): DatedHours | undefined {
  if (store.openingHours === undefined) return undefined;
  if (!HOURS.has(store)) {
    const read = parseOpeningHours(store.openingHours);
    const holidays = new Set(store.publicHolidays);
    HOURS.set(store, read.ok ? { ...read.value, holidays } : undefined);
  }
  return HOURS.get(store);
}

/**
 * Whether the store is open. Undefined: its hours are not known. `atMs`: epoch ms, UTC.
 * A time of day is the first instant at which the store's clock shows it, or, where the clock jumps over it in
 * spring, a later one: a store that closes at 02:30 does not open again when the clock goes back in autumn.
 */
export function isOpenAt(store: Store, atMs: number): boolean | undefined {
  const hours = hoursOf(store);
  return hours && isWithinHours(hours, store.timezone, atMs);
}

/**
 * When the store next opens after `afterMs`, not counting that moment: an opening to come even while it is open.
 * Epoch ms, UTC. Undefined: its hours are not known, or it never opens because it is always or never open.
 */
export function nextOpeningMs(store: Store, afterMs: number): number | undefined {
  const hours = hoursOf(store);
  return hours && nextBeginMs(hours, store.timezone, afterMs);
}

/** Whether `hours` hold at `atMs` (epoch ms, UTC) by the clock of `timezone`, an IANA zone; see `isOpenAt`. */
export function isWithinHours(hours: DatedHours, timezone: string, atMs: number): boolean {
  return isWithin(hours, zoneOf(timezone), atMs);
}

/** When `hours` next begin after `afterMs`, as `nextOpeningMs` says it. Undefined: they always hold, or never. */
export function nextBeginMs(hours: DatedHours, timezone: string, afterMs: number): number | undefined {
  const zone = zoneOf(timezone);
  const today = dayNumber(zone, afterMs);
  const lastDay = today + (hours.onHolidays === undefined ? DAYS_AHEAD : HOLIDAYS_AHEAD);
  for (let day = today; day <= lastDay; day++) {
    const openings = spansOn(hours, zone, day)
      .filter(({ fromMs, untilMs }) => fromMs > afterMs && untilMs > fromMs)
      .map(({ fromMs }) => fromMs)
      .filter((fromMs) => !isWithin(hours, zone, fromMs - 1));
    if (openings.length > 0) return Math.min(...openings);
  }
  return undefined;
}

/** Two weeks: the one opening of a week may fall into the hour that spring leaves out. */
const DAYS_AHEAD = 14;
/** The one opening may be on a public holiday, or holidays may follow each other. */
const HOLIDAYS_AHEAD = 400;

function isWithin(hours: DatedHours, zone: Zone, atMs: number): boolean {
  const today = dayNumber(zone, atMs);
  const holds = ({ fromMs, untilMs }: Interval): boolean => fromMs <= atMs && atMs < untilMs;
  return spansOn(hours, zone, today).some(holds) || spansOn(hours, zone, today - 1).some(holds);
}

/** Epoch ms, UTC. */
interface Interval {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** The spans that begin on a day; `day` counts from 1 January 1970, a Thursday. */
function spansOn({ week, onHolidays, holidays }: DatedHours, zone: Zone, day: number): readonly Interval[] {
  const weekday = (((day + 3) % DAYS.length) + DAYS.length) % DAYS.length;
  const spans = (onHolidays !== undefined && holidays?.has(day) ? onHolidays : week)[weekday] ?? [];
  return spans.map(({ from, until }) => ({
    fromMs: instantOf(zone, day * DAY_MS + from * MINUTE_MS),
    untilMs: instantOf(zone, day * DAY_MS + until * MINUTE_MS),
  }));
}

/** An IANA zone. */
export interface Zone {
  /** How far its clock is ahead of UTC at `atMs`. Unit: ms. */
  offsetAt(atMs: number): number;
}

const ZONES = new Map<string, Zone>();

/** Since 1972 every zone has changed its clock at a full quarter of an hour. */
const QUARTER_MS = 900_000;
const MOST_REMEMBERED = 4_096;

/**
 * `name`: an IANA zone; throws a RangeError for any other. To make a formatter, and to ask one, costs far more than all
 * else here: both are remembered.
 */
export function zoneOf(name: string): Zone {
  const known = ZONES.get(name);
  if (known !== undefined) return known;
  const formatter = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  const offsets = new Map<number, number>();
  const zone: Zone = {
    offsetAt(atMs) {
      const quarter = Math.floor(atMs / QUARTER_MS);
      const before = offsets.get(quarter);
      if (before !== undefined) return before;
      const text = formatter.formatToParts(quarter * QUARTER_MS);
      const offset = parseOffset(text.find(({ type }) => type === 'timeZoneName')?.value ?? '');
      if (offsets.size >= MOST_REMEMBERED) offsets.clear();
      offsets.set(quarter, offset);
      return offset;
    },
  };
  ZONES.set(name, zone);
  return zone;
}

/** `GMT+02:00`, or `GMT` alone for none. */
function parseOffset(text: string): number {
  const [, sign, hours = '0', minutes = '0', seconds = '0'] =
    /^GMT(?:([+\u2212-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(text) ?? [];
  const size = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000;
  return sign === undefined || sign === '+' ? size : -size;
}

/** Which day the zone's calendar shows. */
function dayNumber(zone: Zone, atMs: number): number {
  return Math.floor((atMs + zone.offsetAt(atMs)) / DAY_MS);
}

/** The first instant at which the zone's clock shows `localMs` or later; `localMs` as if the clock showed UTC. */
function instantOf(zone: Zone, localMs: number): number {
  const before = zone.offsetAt(localMs - DAY_MS);
  const after = zone.offsetAt(localMs + DAY_MS);
  const early = localMs - before;
  if (before === after || zone.offsetAt(early) === before) return early;
  const late = localMs - after;
  if (zone.offsetAt(late) === after) return late;
  // The clock jumps over it: find the jump.
  let [low, high] = [late, early];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (zone.offsetAt(middle) === before) low = middle;
    else high = middle;
  }
  return high;
}
