import { describe, expect, test } from '@jest/globals';
import { createServer } from 'node:http';
import { httpProber } from '../../src/probes/http.ts';
import { RegexSearcher, regexOption } from '../../src/probes/regex.ts';
import { listen, probeOnce } from './dial-fixture.ts';

const never = new AbortController().signal;
const A_MEGABYTE = 'a'.repeat(1_048_576);
/** A pattern and a text that keep any automaton busy for a long time: many states, no shortcut. */
const HEAVY = { pattern: 'a.{600}b.{300}a\\d', text: randomLetters(2_000_000), wantsGroups: false };

function randomLetters(count: number): string {
  const bytes = Buffer.alloc(count);
  for (let i = 0, state = 7; i < count; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = (state >>> 16) & 1 ? 0x61 : 0x62;
  }
  return bytes.toString('latin1');
}

describe('a search', () => {
  test('of a pattern that ruins backtracking engines returns', async () => {
    await using searcher = new RegexSearcher();
    for (const pattern of ['(a+)+$', '^(a|aa)+$', '(a*)*b']) {
      const kind = pattern.endsWith('b') ? 'absent' : 'found';
      await expect(
        searcher.search({ pattern, text: A_MEGABYTE, wantsGroups: false }, never),
      ).resolves.toEqual({ kind });
    }
  });

  test('gives the groups, by number and name, here and in the thread', async () => {
    await using searcher = new RegexSearcher();
    for (const padding of ['', 'x'.repeat(3_000_000)]) {
      const job = { pattern: '(?P<key>k\\w)=(\\d+)(;)?', text: `${padding} ka=12`, wantsGroups: true };
      await expect(searcher.search(job, never)).resolves.toEqual({
        kind: 'found',
        match: { groups: ['ka=12', 'ka', '12', ''], named: new Map([['key', 'ka']]) },
      });
    }
  });

  test('that is large leaves the event loop free', async () => {
    await using searcher = new RegexSearcher();
    const running = new AbortController();
    const search = searcher.search(HEAVY, running.signal);
    let turns = 0;
    for (const endAt = performance.now() + 300; performance.now() < endAt; turns++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    running.abort();
    await expect(search).resolves.toEqual({ kind: 'unfinished' });
    expect(turns).toBeGreaterThan(20);
  });

  test('that is cut short does not hold up the next', async () => {
    await using searcher = new RegexSearcher();
    const cut = searcher.search(HEAVY, AbortSignal.timeout(50));
    const next = searcher.search({ pattern: 'a$', text: A_MEGABYTE.repeat(4), wantsGroups: false }, never);
    await expect(cut).resolves.toEqual({ kind: 'unfinished' });
    await expect(next).resolves.toEqual({ kind: 'found' });
  });

  test('that waits for its turn ends at its own abort', async () => {
    await using searcher = new RegexSearcher();
    const stop = new AbortController();
    const first = searcher.search(HEAVY, stop.signal);
    await expect(searcher.search(HEAVY, AbortSignal.timeout(20))).resolves.toEqual({ kind: 'unfinished' });
    stop.abort();
    await expect(first).resolves.toEqual({ kind: 'unfinished' });
  });

  test('of a searcher that is disposed is unfinished, also when it runs', async () => {
    const searcher = new RegexSearcher();
    const running = searcher.search(HEAVY, never);
    await new Promise((resolve) => setImmediate(resolve));
    await searcher[Symbol.asyncDispose]();
    await expect(running).resolves.toEqual({ kind: 'unfinished' });
    await expect(searcher.search(HEAVY, never)).resolves.toEqual({ kind: 'unfinished' });
  });
});

test('a page that takes too long to search is not the page’s fault', async () => {
  await using peer = await listen(createServer((_, response) => response.end(HEAVY.text)));
  const options = { fail_if_body_matches_regexp: [HEAVY.pattern] };
  const report = await probeOnce(httpProber, options, `http://127.0.0.1:${peer.port}/`, { deadlineMs: 600 });
  expect(report.outcome).toMatchObject({ kind: 'inconclusive', reason: 'self-late' });
  expect(report.outcome.message).toContain(`for "${HEAVY.pattern}" in time`);
});

test.each([
  ['a{0,1001}', 'invalid repeat count'],
  ['a{0,1000}b{0,1000}', 'too large'],
  ['(?<!a)b', 'invalid'],
])('%s is refused', (pattern, says) => {
  expect(regexOption.safeParse(pattern).error?.issues[0]?.message).toContain(says);
});
