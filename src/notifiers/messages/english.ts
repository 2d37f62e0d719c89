import { REASON_TEXT, REASON_TEXT_OF_MANY } from '../../core/reason.ts';
import type { Catalogue } from './catalogue.ts';

export const english: Catalogue = {
  locale: 'en-GB',
  severities: { info: 'Information', minor: 'Minor', major: 'Major', critical: 'Critical' },
  changes: {
    opened: 'New',
    updated: 'Update',
    resolved: 'Resolved',
    escalated: 'Not acknowledged',
    digest: 'Several',
    test: 'Test',
    recovering: 'Recovering',
    merged: 'Part of another incident',
  },
  methods: {
    card: 'by card',
    wallet: 'by mobile wallet',
    swish: 'with Swish',
    cash: 'in cash',
    web: 'in the web shop',
  },
  otherMethod: (name) => `by ${name}`,
  kinds: {
    gateway: { one: 'gateway', many: 'gateways', the: 'the gateway' },
    line: { one: 'line', many: 'lines', the: 'the line' },
    terminal: { one: 'card terminal', many: 'card terminals', the: 'the card terminal' },
    till: { one: 'till', many: 'tills', the: 'the till' },
    swish: { one: 'Swish connection', many: 'Swish connections', the: 'the Swish connection' },
    wallet: { one: 'wallet service', many: 'wallet services', the: 'the wallet service' },
    acquirer: { one: 'acquirer connection', many: 'acquirer connections', the: 'the acquirer connection' },
    web: { one: 'web service', many: 'web services', the: 'the web service' },
  },
  units: { one: 'unit', many: 'units', the: 'the unit' },
  reasons: { one: REASON_TEXT, many: REASON_TEXT_OF_MANY },
  labels: {
    acquirer: 'acquirer',
    network: 'network',
    model: 'model',
    firmware: 'firmware',
    till_system: 'till system',
    group: 'group',
  },
  facts: {
    severity: 'Severity',
    methods: 'Cannot pay',
    where: 'Where',
    extent: 'Extent',
    began: 'Began',
    ended: 'Ended',
    duration: 'Duration',
    cause: 'Cause',
    acknowledged: 'Acknowledged by',
    incident: 'Incident',
  },
  durations: { days: 'd', hours: 'h', minutes: 'min', seconds: 's' },
  or: 'or',
  and: 'and',
  atChain: (chain) => `at ${chain}`,
  inArea: (area) => `in ${area}`,
  inStore: (store) => `in ${store}`,
  say: {
    cannotPay: (methods, place, isSome) =>
      `${isSome ? 'some customers' : 'customers'} cannot pay ${methods}${place}`,
    areDown: (down, size, noun, place) =>
      `${amount(down, size, noun)}${place} ${down === 1 ? 'is' : 'are'} down`,
    isDown: (what, place) => `${what}${place} is down`,
    worksAgain: (what, place, isOne) => `${what}${place} ${isOne ? 'works' : 'work'} again`,
    answersAgain: (what, place, isOne) => `${what}${place} ${isOne ? 'answers' : 'answer'} again`,
    stillDown: (down, size) => `${down} of ${size} ${down === 1 ? 'is' : 'are'} still down`,
    storesAffected: (stores) => `${storesOf(stores)} ${stores === 1 ? 'is' : 'are'} affected`,
    amount,
    stores: storesOf,
    began: (time) => `it began on ${time}`,
    hasLasted: (duration) => `it has lasted ${duration}`,
    lasted: (duration) => `it lasted ${duration}`,
    because: (reason, isOne) => `${isOne ? 'cause' : 'most common cause'}: ${reason}`,
    acknowledged: (by) => `${by} has taken it on`,
    notAcknowledged: 'nobody has acknowledged it yet',
    cameBack: (times) => `it has come back ${times === 1 ? 'once' : `${times} times`} when it seemed over`,
    severalExplain: 'more than one thing that they share explains it equally well',
    partOf: (incident) => `it turned out to be part of incident ${incident}, which goes on`,
    digest: (incidents, critical) =>
      `${incidents} ${incidents === 1 ? 'incident has' : 'incidents have'} changed${critical === 0 ? '' : `, ${critical} critical`}`,
    more: (incidents) => `and ${incidents} more`,
    test: 'test message from Kassavakt',
    testWorks: (channel) => `the channel ${channel} works: this is a test, and nothing is wrong`,
    open: 'Open the monitor',
    sender: (channel) => `Sent by Kassavakt through the channel ${channel}.`,
  },
};

function amount(down: number, size: number, noun: Catalogue['units']): string {
  if (down < size) return `${down} of ${size} ${noun.many}`;
  return size === 1 ? `1 ${noun.one}` : `all ${size} ${noun.many}`;
}

function storesOf(stores: number): string {
  return `${stores} ${stores === 1 ? 'store' : 'stores'}`;
}
