import type { Estate, Labels } from '../estate/estate.ts';
import { toStoreId, toTargetId } from '../estate/ids.ts';
import { type AnyReason, REASON_TEXT, REASON_TEXT_OF_MANY } from './reason.ts';

/** What an incident's sentences are made of. */
export interface Told {
  readonly scopes: readonly Labels[];
  readonly kinds: ReadonlySet<string>;
  readonly down: number;
  readonly size: number;
  readonly stores: number;
  /** Down, but only because something that they hang on is. */
  readonly behind: number;
}

/** One line a tired person understands: what is down, where, how much of it. */
export function titleOf(told: Told, estate: Estate): string {
  const { scopes, kinds, down, size, stores, behind } = told;
  const [scope] = scopes;
  const only = scope?.['target'];
  if (only !== undefined) {
    const store = estate.targets.get(toTargetId(only))?.store;
    const place = store === undefined ? '' : ` in ${storeName(store, estate)}`;
    const rest = behind > 0 ? `, and with it ${countOf(behind, 'target')} behind it` : '';
    return `${only} is down${place}${rest}`;
  }
  const what = whatOf(kinds);
  const amount = down >= size ? (size > 1 ? `All ${size}` : 'The only') : `${down} of ${size}`;
  const named = scopes.slice(0, MOST_NAMED).map((each) => whereOf(each, estate));
  const where = named.filter((each) => each !== '').join(', or ');
  const inStores = scope?.['store'] === undefined && stores > 1 ? `, ${stores} stores` : '';
  const noun = `${what.of(size)}${where === '' ? '' : ` ${where}`}`;
  const rest =
    behind > 0 ? `, and with ${down === 1 ? 'it' : 'them'} ${countOf(behind, 'target')} behind` : '';
  return `${amount} ${noun} ${down === 1 ? 'is' : 'are'} down${inStores}${rest}`;
}

/** What speaks for and against the scope, and what it means. */
export function evidenceOf(told: Told, reason: AnyReason, methodsLost: readonly string[]): string {
  const { size, down, behind, scopes } = told;
  const parts: string[] = [];
  const rest = size - down;
  const isNoneLeft = down === 0 && behind === 0;
  if (isNoneLeft) parts.push(`none of ${size} is confirmed down`);
  else if (rest > 0) parts.push(`${rest} of ${size} ${rest === 1 ? 'is' : 'are'} not confirmed down`);
  if (down === 1) parts.push(REASON_TEXT[reason]);
  else if (!isNoneLeft) parts.push(`mostly ${REASON_TEXT_OF_MANY[reason]}`);
  if (scopes.length > 1) parts.push('more than one thing that they share explains it equally well');
  if (methodsLost.length > 0) parts.push(`customers cannot pay by ${methodsLost.join(', ')}`);
  return `${parts.join('; ')}.`;
}

const MOST_NAMED = 3;

interface Noun {
  of(count: number): string;
}

const NOUNS: Readonly<Record<string, readonly [one: string, many: string]>> = {
  terminal: ['card terminal', 'card terminals'],
  gateway: ['gateway', 'gateways'],
  swish: ['Swish endpoint', 'Swish endpoints'],
  web: ['web endpoint', 'web endpoints'],
  till: ['till', 'tills'],
  acquirer: ['acquirer link', 'acquirer links'],
  wallet: ['wallet service', 'wallet services'],
  line: ['line', 'lines'],
};

function whatOf(kinds: ReadonlySet<string>): Noun {
  const [kind] = kinds;
  const [one, many] = (kinds.size === 1 && kind !== undefined ? NOUNS[kind] : undefined) ?? [
    'target',
    'targets',
  ];
  return { of: (count) => (count === 1 ? one : many) };
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function whereOf(scope: Labels, estate: Estate): string {
  const parts = Object.entries(scope).map(([name, value]) => {
    switch (name) {
      case 'kind':
        return '';
      case 'chain':
        return `of ${value}`;
      case 'store':
        return `in ${storeName(value, estate)}`;
      case 'region':
      case 'city':
        return `in ${value}`;
      default:
        return `with ${name.replaceAll('_', ' ')} ${value}`;
    }
  });
  return parts.filter((part) => part !== '').join(' ');
}

function storeName(id: string, estate: Estate): string {
  return estate.stores.get(toStoreId(id))?.name ?? id;
}
