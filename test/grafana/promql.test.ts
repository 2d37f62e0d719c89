import { expect, test } from '@jest/globals';
import { selectorsIn } from './promql.ts';

test.each([
  { name: 'a bare metric', expression: 'up', selectors: [{ metric: 'up', matchers: [], within: [] }] },
  {
    name: 'matchers with commas and brackets in them',
    expression: 'up{job=~"a,b(c)}", x!="[1m]"}',
    selectors: [{ metric: 'up', matchers: ['job=~"a,b(c)}"', 'x!="[1m]"'], within: [] }],
  },
  {
    name: 'a range within calls',
    expression: 'histogram_quantile(0.9, sum by (le, x) (rate(a_bucket{job="j"}[$__rate_interval])))',
    selectors: [
      {
        metric: 'a_bucket',
        matchers: ['job="j"'],
        range: '$__rate_interval',
        within: ['rate', 'sum', 'histogram_quantile'],
      },
    ],
  },
  {
    name: 'both sides of a join, and no label of it',
    expression: '(a{x="1"} == bool 0) * on (store, job) group_left (name) max by (store) (b) or time() - 1',
    selectors: [
      { metric: 'a', matchers: ['x="1"'], within: [] },
      { metric: 'b', matchers: [], within: ['max'] },
    ],
  },
] as const)('finds $name', ({ expression, selectors }) => {
  expect(selectorsIn(expression)).toEqual(selectors);
});
