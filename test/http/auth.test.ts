import { describe, expect, test } from '@jest/globals';
import { isSafeWithoutToken, makeAuthenticator, offeredToken } from '../../src/http/auth.ts';
import { FakeClock } from '../tools/fake-clock.ts';
import { makeToken } from './app-fixture.ts';

const TOKENS = [makeToken('wallboard', 'viewer'), makeToken('ops', 'operator'), makeToken('boss', 'admin')];

describe('a token', () => {
  test.each([
    { name: 'of a viewer', token: 'secret-of-wallboard', role: 'viewer' },
    { name: 'of an operator', token: 'secret-of-ops', role: 'operator' },
    { name: 'of an admin', token: 'secret-of-boss', role: 'admin' },
    { name: 'that nobody has', token: 'secret-of-nobody', role: undefined },
    { name: 'that is empty', token: '', role: undefined },
    { name: 'that is missing, even on this machine', token: undefined, role: undefined },
  ])('$name gives the role $role', ({ token, role }) => {
    const { authenticate } = makeAuthenticator(() => TOKENS, new FakeClock());
    expect(authenticate(token, '127.0.0.1')).toBe(role);
  });

  test('is asked of the settings in force, so that a reload takes effect at once', () => {
    let tokens = [makeToken('old', 'viewer')];
    const { authenticate } = makeAuthenticator(() => tokens, new FakeClock());
    expect(authenticate('secret-of-old', '10.0.0.9')).toBe('viewer');
    tokens = [makeToken('new', 'admin')];
    expect(authenticate('secret-of-old', '10.0.0.9')).toBeUndefined();
    expect(authenticate('secret-of-new', '10.0.0.9')).toBe('admin');
  });
});

describe('without any token configured', () => {
  test.each([
    { address: '127.0.0.1', role: 'viewer' },
    { address: '127.9.9.9', role: 'viewer' },
    { address: '::1', role: 'viewer' },
    { address: '::ffff:127.0.0.1', role: 'viewer' },
    { address: '192.168.1.4', role: undefined },
    { address: '::ffff:192.168.1.4', role: undefined },
    { address: 'fe80::1', role: undefined },
    { address: undefined, role: undefined },
  ])('$address gets the role $role', ({ address, role }) => {
    expect(makeAuthenticator(() => [], new FakeClock()).authenticate(undefined, address)).toBe(role);
  });

  test.each([
    { headers: { host: '127.0.0.1:9840' }, isSafe: true },
    { headers: { host: 'localhost' }, isSafe: true },
    { headers: { host: '[::1]:9840' }, isSafe: true },
    { headers: { host: 'evil.example:9840' }, isSafe: false },
    { headers: { host: '127.0.0.1.evil.example' }, isSafe: false },
    { headers: { host: 'localhost.evil.example' }, isSafe: false },
    { headers: {}, isSafe: false },
    { headers: { host: '127.0.0.1', 'x-forwarded-for': '10.0.0.7' }, isSafe: false },
    { headers: { host: '127.0.0.1', forwarded: 'for=10.0.0.7' }, isSafe: false },
  ])('a request with $headers is surely of this machine: $isSafe', ({ headers, isSafe }) => {
    expect(isSafeWithoutToken(headers)).toBe(isSafe);
    const request = { headers, socket: { remoteAddress: '127.0.0.1' } };
    expect(makeAuthenticator(() => [], new FakeClock()).admit(undefined, request)).toBe(
      isSafe ? 'viewer' : undefined,
    );
    const { admit } = makeAuthenticator(() => TOKENS, new FakeClock());
    expect(admit('secret-of-wallboard', request)).toBe('viewer');
  });
});

describe('guessing', () => {
  const guess = (authenticate: (token: string, remote: string) => unknown, times: number): void => {
    for (let i = 0; i < times; i++) authenticate(`guess ${i}`, '10.0.0.66');
  };

  test('is ended after twenty wrong tokens, even if the next is right', () => {
    const clock = new FakeClock();
    const { authenticate, mustWaitSeconds } = makeAuthenticator(() => TOKENS, clock);
    guess(authenticate, 19);
    expect(mustWaitSeconds('10.0.0.66')).toBe(0);
    guess(authenticate, 1);
    expect(mustWaitSeconds('10.0.0.66')).toBe(60);
    expect(authenticate('secret-of-ops', '10.0.0.66')).toBeUndefined();
  });

  test('does not lock out other addresses, nor a token that was right from the same one', () => {
    const { authenticate } = makeAuthenticator(() => TOKENS, new FakeClock());
    expect(authenticate('secret-of-wallboard', '10.0.0.66')).toBe('viewer');
    guess(authenticate, 50);
    expect(authenticate('secret-of-wallboard', '10.0.0.66')).toBe('viewer');
    expect(authenticate('secret-of-ops', '10.0.0.66')).toBeUndefined();
    expect(authenticate('secret-of-ops', '10.0.0.7')).toBe('operator');
  });

  test('may go on after a minute', async () => {
    const clock = new FakeClock();
    const { authenticate, mustWaitSeconds } = makeAuthenticator(() => TOKENS, clock);
    guess(authenticate, 20);
    await clock.advance(60_000);
    expect(mustWaitSeconds('10.0.0.66')).toBe(0);
    expect(authenticate('secret-of-ops', '10.0.0.66')).toBe('operator');
  });

  test('from ever new addresses does not grow what is remembered without bound', () => {
    const { authenticate, mustWaitSeconds } = makeAuthenticator(() => TOKENS, new FakeClock());
    guess(authenticate, 20);
    for (let i = 0; i < 10_000; i++) authenticate('wrong', `fd00::${i.toString(16)}`);
    expect(mustWaitSeconds('10.0.0.66')).toBe(0);
  });
});

describe('a token comes', () => {
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
  test.each([
    { name: 'as bearer', authorization: 'Bearer abc', offered: { scheme: 'bearer', token: 'abc' } },
    {
      name: 'as bearer in any case',
      authorization: 'bEARER  abc',
      offered: { scheme: 'bearer', token: 'abc' },
    },
    { name: 'as a password', authorization: basic('me:a:b'), offered: { scheme: 'basic', token: 'a:b' } },
    { name: 'not as another scheme', authorization: 'Digest abc', offered: undefined },
    { name: 'not with two words', authorization: 'Bearer a b', offered: undefined },
    { name: 'not without one', authorization: 'Bearer', offered: undefined },
  ])('$name', ({ authorization, offered }) => {
    expect(offeredToken({ authorization })).toEqual(offered);
  });
});
