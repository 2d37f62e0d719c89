import { describe, expect, test } from '@jest/globals';
import { problemsOf, settingsOf } from './config-folder.ts';

const CHANNELS = `notifications:
  channels:
    - { name: duty, type: pager, pager: { number: "070" } }
    - { name: desk, type: letter }
`;
const notificationsOf = async (yaml: string, env?: Readonly<Record<string, string>>) =>
  (await settingsOf({ 'kassavakt.yaml': yaml }, env)).notifications;

describe('notifications', () => {
  test('tell nobody when there are none', async () => {
    expect(await notificationsOf('listen: 127.0.0.1:0\n')).toEqual({
      channels: new Map(),
      routes: [expect.objectContaining({ channels: [] })],
      digest: { after: 5, windowMs: 60_000 },
    });
  });

  test('go to every channel when there are no routes', async () => {
    const { channels, routes } = await notificationsOf(CHANNELS);
    expect(channels.get('duty')).toEqual({
      name: 'duty',
      type: 'pager',
      language: 'en',
      timezone: 'Europe/Stockholm',
      timeoutMs: 15_000,
      options: { number: '070' },
    });
    expect(channels.get('desk')?.options).toEqual({ to: [] });
    expect(routes).toEqual([
      { key: 'all', minSeverity: 'info', channels: ['duty', 'desk'], continues: false, escalation: [] },
    ]);
  });

  test('are routed by what is written, the steps of an escalation among it', async () => {
    const { routes, digest } = await notificationsOf(`${CHANNELS}  routes:
    - { match: "region=Skåne", min_severity: major, channels: [duty], continue: true, escalate_after: 15m, escalate_to: [desk] }
    - { chains: [Solhaga], hours: "Mo-Fr 07:00-16:00", timezone: Europe/Oslo, channels: [desk] }
    - { channels: [desk], escalation: [{ after: 5m, to: [duty] }, { after: 1h, to: [duty, desk] }] }
  digest_after: 2
  digest_window: 5m
`);
    expect(digest).toEqual({ after: 2, windowMs: 300_000 });
    expect(routes).toMatchObject([
      {
        match: { text: 'region=Skåne' },
        minSeverity: 'major',
        continues: true,
        escalation: [{ afterMs: 900_000, channels: ['desk'] }],
      },
      { chains: ['Solhaga'], hours: { timezone: 'Europe/Oslo' }, continues: false },
      {
        escalation: [
          { afterMs: 300_000, channels: ['duty'] },
          { afterMs: 3_600_000, channels: ['duty', 'desk'] },
        ],
      },
    ]);
    expect(new Set(routes.map(({ key }) => key)).size).toBe(3);
  });

  test('take a secret from the environment', async () => {
    const yaml =
      'notifications: { channels: [{ name: duty, type: pager, pager: { number: "070", token: "${PAGER}" } }] }\n';
    const { channels } = await notificationsOf(yaml, { PAGER: 'swordfish' });
    expect(channels.get('duty')?.options).toEqual({ number: '070', token: 'swordfish' });
  });

  test.each([
    {
      name: 'an unknown type',
      yaml: 'notifications: { channels: [{ name: duty, type: pagr }] }\n',
      says: '1:49: unknown channel type "pagr", did you mean "pager"?',
    },
    {
      name: 'a type that is like none',
      yaml: 'notifications: { channels: [{ name: duty, type: smoke-signal }] }\n',
      says: '1:49: unknown channel type "smoke-signal"; the types are pager, letter',
    },
    {
      name: 'a name twice',
      yaml: `${CHANNELS}    - { name: duty, type: letter }\n`,
      says: '5:15: the channel name "duty" is taken already, on line 3; give this one another',
    },
    {
      name: 'a name that metrics cannot bear',
      yaml: 'notifications: { channels: [{ name: "on duty", type: letter }] }\n',
      says: '1:37: "on duty" cannot name a channel; write 1 to 64 letters of a-z, digits, _ and -',
    },
    {
      name: 'missing options',
      yaml: 'notifications: { channels: [{ name: duty, type: pager }] }\n',
      says: '1:29: missing option "number" (under "pager")',
    },
    {
      name: 'an option that is not known',
      yaml: 'notifications: { channels: [{ name: duty, type: pager, pager: { number: "070", pinn: "1" } }] }\n',
      says: '1:80: unknown option "pinn", did you mean "pin"?',
    },
    {
      name: 'options of another type',
      yaml: 'notifications: { channels: [{ name: duty, type: letter, pager: { number: "070" } }] }\n',
      says: '1:57: options of "pager" in a channel whose type is "letter"; remove them, or set type: pager',
    },
    {
      name: 'a secret in plain text',
      yaml: 'notifications: { channels: [{ name: duty, type: pager, pager: { number: "070", token: swordfish } }] }\n',
      says: '1:87: "token" is a secret and must not stand here; use token_file, or ${VARIABLE} from the environment',
    },
    {
      name: 'a route to a channel that is not there',
      yaml: `${CHANNELS}  routes: [{ channels: [dutty] }]\n`,
      says: '5:25: there is no channel "dutty", did you mean "duty"?',
    },
    {
      name: 'an escalation to a channel that is not there',
      yaml: `${CHANNELS}  routes: [{ channels: [duty], escalate_after: 5m, escalate_to: [boss] }]\n`,
      says: '5:66: there is no channel "boss"; the channels are duty, desk',
    },
    {
      name: 'a route without channels',
      yaml: `${CHANNELS}  routes: [{ channels: [] }]\n`,
      says: '5:24: "channels" is a list; it must have at least 1 entries',
    },
    {
      name: 'a selector that is none',
      yaml: `${CHANNELS}  routes: [{ match: "chain~Solhaga", channels: [duty] }]\n`,
      says: '5:21: match: "chain~Solhaga" is not a selector: "chain~Solhaga" is no condition; write label=value, as in chain=Solhaga',
    },
    {
      name: 'hours that are none',
      yaml: `${CHANNELS}  routes: [{ hours: "Mon-Fri", channels: [duty] }]\n`,
      says: /^5:21: .*"Mon-Fri" is not opening hours/,
    },
    {
      name: 'hours that never are',
      yaml: `${CHANNELS}  routes: [{ hours: "off", channels: [duty] }]\n`,
      says: /^5:21: .*"off" never holds, so nothing would be told/,
    },
    {
      name: 'a zone that is none',
      yaml: `${CHANNELS}  routes: [{ hours: "Mo-Fr 07:00-16:00", timezone: Europe/Stokholm, channels: [duty] }]\n`,
      says: /^5:52: .*"Europe\/Stokholm" is not a time zone, did you mean "Europe\/Stockholm"/,
    },
    {
      name: 'a zone without hours',
      yaml: `${CHANNELS}  routes: [{ timezone: Europe/Oslo, channels: [duty] }]\n`,
      says: '5:24: timezone says nothing without hours; write those, or remove it',
    },
    {
      name: 'half an escalation',
      yaml: `${CHANNELS}  routes: [{ channels: [duty], escalate_after: 5m }]\n`,
      says: '5:48: missing option "escalate_to"; escalate_after says nothing without it',
    },
    {
      name: 'both ways to escalate',
      yaml: `${CHANNELS}  routes: [{ channels: [duty], escalate_after: 5m, escalate_to: [desk], escalation: [{ after: 5m, to: [desk] }] }]\n`,
      says: '5:48: escalate_after cannot stand beside escalation; make it one more step of that',
    },
    {
      name: 'steps out of order',
      yaml: `${CHANNELS}  routes: [{ channels: [duty], escalation: [{ after: 5m, to: [desk] }, { after: 5m, to: [duty] }] }]\n`,
      says: '5:81: each after counts from the beginning, so it must be longer than that of the step before',
    },
    {
      name: 'a route that nothing reaches',
      yaml: `${CHANNELS}  routes:\n    - channels: [duty]\n    - channels: [desk]\n`,
      says: /^7:7: no incident gets as far as this route: route 1 takes them all/,
    },
    {
      name: 'an external_url that is none',
      yaml: 'external_url: kassavakt.example.test\n',
      says: '1:15: external_url: write an http or https address, as in https://kassavakt.example.test',
    },
  ])('are refused with their place for $name', async ({ yaml, says }) => {
    const problems = (await problemsOf({ 'kassavakt.yaml': yaml })).map((problem) =>
      problem.replace('kassavakt.yaml:', ''),
    );
    expect(problems).toEqual([typeof says === 'string' ? says : expect.stringMatching(says)]);
  });

  test('have an external_url without a slash at its end', async () => {
    const settings = await settingsOf({
      'kassavakt.yaml': 'external_url: https://kassavakt.example.test/\n',
    });
    expect(settings.externalUrl).toBe('https://kassavakt.example.test');
  });
});
