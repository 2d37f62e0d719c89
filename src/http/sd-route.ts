import { z } from 'zod';
import type { Estate, Target } from '../estate/estate.ts';
import { makePace } from '../lib/pace.ts';
import type { AppContext } from './app-context.ts';
import { defineRoute, type Route } from './route.ts';
import { streamText } from './stream-text.ts';

const PREFIX = '__meta_kassavakt_';
const SLICE_TARGETS = 500;

/** Prometheus' HTTP service discovery: every target as a group of its own, for `/probe` to be relabelled onto. */
export function serviceDiscoveryRoute({ settings, clock }: AppContext): Route {
  return defineRoute({
    method: 'get',
    path: '/sd/targets',
    access: 'viewer',
    summary: "Targets for Prometheus' http_sd_configs, each with its labels as __meta_kassavakt_…",
    query: z.strictObject({
      module: z.string().optional().describe('the name of a module'),
      kind: z.string().optional().describe('a kind of target, such as terminal'),
    }),
    answers: {
      200: {
        description: 'The full list, whatever is down',
        body: z.array(
          z.strictObject({ targets: z.array(z.string()), labels: z.record(z.string(), z.string()) }),
        ),
      },
    },
    answer: (exchange, { module, kind }) =>
      streamText(
        exchange,
        'application/json; charset=utf-8',
        renderGroups(
          settings().estate,
          (target) =>
            (module === undefined || target.module === module) &&
            (kind === undefined || target.kind === kind),
        ),
        clock,
      ),
  });
}

async function* renderGroups(
  { targets, stores }: Estate,
  isWanted: (target: Target) => boolean,
): AsyncGenerator<string, void, undefined> {
  const pace = makePace();
  let text = '[';
  let count = 0;
  for (const target of targets.values()) {
    if (!isWanted(target)) continue;
    const name = target.store === undefined ? undefined : stores.get(target.store)?.name;
    const group = { targets: [target.address], labels: metaLabels(target, name) };
    text += `${count === 0 ? '' : ',\n'}${JSON.stringify(group)}`;
    count++;
    if (count % SLICE_TARGETS === 0) {
      yield text;
      text = '';
      if (pace.isDue()) await pace.turn();
    }
  }
  yield `${text}]\n`;
}

function metaLabels(target: Target, storeName: string | undefined): Readonly<Record<string, string>> {
  const own = {
    target: target.id,
    module: target.module,
    ...(storeName === undefined ? {} : { store_name: storeName }),
  };
  const labels = Object.entries({ kind: target.kind, ...target.labels }).map(([name, value]) => [
    Object.hasOwn(own, name) ? `${PREFIX}label_${name}` : `${PREFIX}${name}`,
    value,
  ]);
  return Object.fromEntries([
    ...labels,
    ...Object.entries(own).map(([name, value]) => [`${PREFIX}${name}`, value]),
  ]);
}
