import { afterEach, describe, expect, test } from '@jest/globals';
import { addStatus } from '../../src/cli/status.ts';
import { toTargetId } from '../../src/estate/ids.ts';
import { type Fixture, makeStore, startFixture } from '../http/app-fixture.ts';
import { makeTarget } from '../metrics/targets.ts';
import { runCli } from './cli-double.ts';

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.[Symbol.asyncDispose]();
  fixture = undefined;
});

async function start() {
  fixture = await startFixture({
    stores: [makeStore('s1', 'Solhaga Karlstad')],
    targets: [
      makeTarget('T1', { store: 's1' }),
      makeTarget('T2', { store: 's1' }),
      makeTarget('G1', { store: 's1', kind: 'gateway' }),
    ],
    needs: new Map([[toTargetId('T1'), [{ anyOf: [toTargetId('G1')] }]]]),
  });
  const { url, see } = fixture;
  for (const id of ['T1', 'T2', 'G1']) see(id, 'up');
  return { see, ask: (...args: readonly string[]) => runCli(addStatus, ['status', '--url', url, ...args]) };
}

describe('kassavakt status', () => {
  test('says that nothing is down', async () => {
    const { ask } = await start();
    expect(await ask()).toEqual({ code: 0, printed: ['Nothing is down.'], complained: [] });
  });

  test('tells what is down, and what is only behind it', async () => {
    const { see, ask } = await start();
    see('G1', 'down', { reason: 'unreachable', message: 'No route to it.' });
    see('T1', 'down', { reason: 'connect-timeout', message: 'It does not answer.' });
    const { code, printed } = await ask();
    expect(code).toBe(1);
    expect(printed).toEqual([
      expect.stringMatching(/^G1 in store s1 is down for .+: No route to it\.$/),
      expect.stringMatching(/^T1 in store s1 cannot be reached for .+: it is behind G1$/),
      '2 down.',
    ]);
    const { printed: json } = await ask('--json');
    expect(JSON.parse(json.join(''))).toMatchObject({ down: [{ id: 'G1' }, { id: 'T1', behind: 'G1' }] });
  });
});
