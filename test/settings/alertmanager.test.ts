import { describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { ConfigFolder, problemsOf, settingsOf } from './config-folder.ts';

const settings = async (yaml: string) => (await settingsOf({ 'kassavakt.yaml': yaml })).alertmanager;
const FILES = { secret: 's3cret\n' };

describe('alertmanager', () => {
  test('is nobody unless said otherwise', async () => {
    expect(await settings('')).toBeUndefined();
  });

  test('needs no more than an address', async () => {
    expect(await settings('alertmanager: { urls: ["http://127.0.0.1:9093/"] }')).toEqual({
      urls: ['http://127.0.0.1:9093'],
      resendIntervalMs: 60_000,
      timeoutMs: 10_000,
      auth: undefined,
      mirrorSilences: true,
      runbookUrl: undefined,
    });
  });

  test('is as it is told to be; what secrets are in is not read into the settings', async () => {
    using folder = new ConfigFolder({
      ...FILES,
      'kassavakt.yaml': `
alertmanager:
  urls: ["https://a.test/am/", "https://b.test"]
  resend_interval: 5s
  timeout: 2s
  username: ops
  password_file: secret
  mirror_silences: false
  runbook_url: https://wiki.test/runbook
`,
    });
    const loaded = await folder.load();
    expect(loaded.ok && loaded.value.alertmanager).toEqual({
      urls: ['https://a.test/am', 'https://b.test'],
      resendIntervalMs: 5_000,
      timeoutMs: 2_000,
      auth: { kind: 'basic', username: 'ops', passwordFile: join(folder.path, 'secret') },
      mirrorSilences: false,
      runbookUrl: 'https://wiki.test/runbook',
    });
    expect(JSON.stringify(loaded)).not.toContain('s3cret');
  });

  test('gives up no later than it tells again', async () => {
    expect(
      (await settings('alertmanager: { urls: ["http://a.test"], resend_interval: 2s }'))?.timeoutMs,
    ).toBe(2_000);
  });

  test('takes a bearer token', async () => {
    const yaml = 'alertmanager: { urls: ["http://a.test"], bearer_token_file: secret }';
    const { alertmanager } = await settingsOf({ ...FILES, 'kassavakt.yaml': yaml });
    expect(alertmanager?.auth).toMatchObject({ kind: 'bearer' });
  });

  test.each([
    {
      more: 'username: ops',
      says: '5:13: username needs password_file beside it, a file that holds the password',
    },
    { more: 'password_file: secret', says: '5:18: password_file needs username beside it' },
    { more: 'bearer_token_file: gone', says: '5:22: cannot read the file "gone": there is no such file' },
    { more: 'bearer_token_file: empty', says: '5:22: the file "empty" is empty; write the secret into it' },
    { more: 'bearer_token_file: lines', says: '5:22: the file "lines" has more than one line' },
    {
      more: 'bearer_token_file: secret\n  username: ops',
      says: '5:22: give a bearer token or a user with a password, not both',
    },
    { more: 'password: abc', says: '5:3: unknown option "password", did you mean "password_file"?' },
    { more: 'timeout: 6s', says: '5:12: the timeout of 6 s must not be longer than resend_interval, 5 s' },
    { more: 'url: x', says: '5:3: unknown option "url", did you mean "urls"?' },
  ])('with $more is refused at its place', async ({ more, says }) => {
    const yaml = `# two\nalertmanager:\n  urls: ["http://a.test"]\n  resend_interval: 5s\n  ${more}\n`;
    const files = { ...FILES, empty: '\n', lines: 'a\nb\n', 'kassavakt.yaml': yaml };
    expect(await problemsOf(files)).toEqual([expect.stringContaining(`kassavakt.yaml:${says}`)]);
  });

  test.each([
    { urls: '[]', says: '"urls" is a list; it must have at least 1 entries' },
    {
      urls: '["127.0.0.1:9093"]',
      says: 'urls[0]: write an http or https address, as in http://127.0.0.1:9093',
    },
    {
      urls: '["http://u:p@a.test"]',
      says: 'urls[0]: an address must not hold a user or password; take them out',
    },
    {
      urls: '["http://a.test/?x=1"]',
      says: 'an address must end with its path; leave out what follows http://a.test/',
    },
    { urls: '["http://a.test", "http://a.test/"]', says: 'http://a.test stands here twice; remove one' },
  ])('with the addresses $urls is refused', async ({ urls, says }) => {
    const problems = await problemsOf({ 'kassavakt.yaml': `alertmanager: { urls: ${urls} }` });
    expect(problems).toEqual([expect.stringContaining(says)]);
  });
});

describe('external_url', () => {
  test('is where people reach the monitor', async () => {
    const { externalUrl } = await settingsOf({
      'kassavakt.yaml': 'external_url: https://kassavakt.test/watch/',
    });
    expect(externalUrl).toBe('https://kassavakt.test/watch');
  });

  test('is an address', async () => {
    expect(await problemsOf({ 'kassavakt.yaml': 'external_url: kassavakt.test' })).toEqual([
      expect.stringMatching(
        /^kassavakt\.yaml:1:15: .*external_url.* as in https:\/\/kassavakt\.example\.test$/,
      ),
    ]);
  });
});
