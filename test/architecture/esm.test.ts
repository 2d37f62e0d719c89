import { expect, test } from '@jest/globals';

test('tests run as native ES modules', () => {
  expect(typeof require).toBe('undefined');
});
