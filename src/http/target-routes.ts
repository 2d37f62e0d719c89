import { z } from 'zod';
import type { TargetColumns } from '../core/columns.ts';
import { METHOD_STATES } from '../core/events.ts';
import { type State, STATES } from '../core/health.ts';
import { REASONS, SELF_REASONS } from '../core/reason.ts';
import { deadParentOf } from '../estate/dependencies.ts';
import type { Estate, Target } from '../estate/estate.ts';
import { type TargetId, toStoreId, toTargetId } from '../estate/ids.ts';
import { makePace, sortInSlices } from '../lib/pace.ts';
import type { AppContext } from './app-context.ts';
import { HttpProblem } from './http-problem.ts';
import { MAINTENANCE, maintenanceBodiesOf } from './quiet-routes.ts';
import { defineRoute, idOf, LIMIT, NO_QUERY, type Route } from './route.ts';

const LABELS = z.record(z.string(), z.string());
const REASON = z.enum([...REASONS, ...SELF_REASONS]);

const TARGET = z.strictObject({
  id: z.string(),
  labels: LABELS,
  state: z.enum(STATES),
  since: z.iso.datetime().describe('when the state began'),
  reason: REASON.optional().describe('why it is not up'),
  message: z.string().describe("the last probe's sentence"),
  lastProbeAt: z.iso.datetime().optional().describe('when the last probe that gave a verdict ended'),
  durationMs: z.number().optional().describe('how long that probe took'),
  behind: z
    .string()
    .optional()
    .describe('it is down because what it hangs on is: the id of that target. Raises nothing of its own'),
});
type TargetBody = z.output<typeof TARGET>;

const TARGET_DETAIL = TARGET.extend({
  module: z.string(),
  address: z.string(),
  kind: z.string(),
  store: z.string().optional(),
  lastReason: REASON.optional().describe('why the last probe was not well, whatever is confirmed'),
  flapping: z.boolean().describe('it answers and fails by turns'),
});

const METHOD = z.strictObject({
  state: z.enum(METHOD_STATES),
  reason: REASON.optional().describe('why it is not available'),
  message: z.string().describe('one sentence for a person'),
  since: z.iso.datetime().optional().describe('when the state began; absent while it was never known'),
});

const STORE = z.strictObject({
  id: z.string(),
  name: z.string(),
  chain: z.string().optional(),
  region: z.string().optional(),
  city: z.string().optional(),
  state: z.enum(STATES).describe('the worst among its targets that are known'),
  since: z.iso.datetime().optional().describe('since when its worst state holds'),
  targets: z.record(z.enum(STATES), z.int()).describe('how many by state'),
  kinds: z.record(z.string(), z.int()).describe('how many by kind'),
  methods: z
    .record(z.string(), METHOD)
    .describe('how a customer can pay now, by method; only those that are watched'),
});

const REPORT = z.strictObject({
  method: z.string(),
  says: z.enum(['works', 'fails']),
  by: z.string(),
  comment: z.string(),
  at: z.iso.datetime(),
  probesSay: z.enum(METHOD_STATES).describe('what the probes said of the method then'),
  disagrees: z.boolean().describe('the probes said otherwise'),
});

const NEXT = z.string().nullable().describe('give it as after to get the next page; null: there is none');
const AFTER = z.string().optional().describe('the next of the page before');

export function targetRoutes(context: AppContext): readonly Route[] {
  const { columns, settings } = context;
  const targetView = new TargetView(context);
  return [
    defineRoute({
      method: 'get',
      path: '/api/v1/targets',
      access: 'viewer',
      summary: 'Targets with their confirmed states, by id',
      query: z.strictObject({
        state: z
          .enum(STATES)
          .optional()
          .describe(`one of ${STATES.join(', ')}`),
        store: z.string().optional().describe('the id of a store'),
        chain: z.string().optional().describe('the name of a chain'),
        module: z.string().optional().describe('the name of a module'),
        kind: z.string().optional().describe('a kind of target, such as terminal'),
        limit: LIMIT,
        after: AFTER,
      }),
      answers: {
        200: {
          description: 'A page of targets',
          body: z.strictObject({ targets: z.array(TARGET), next: NEXT }),
        },
      },
      async answer({ response, signal }, { state, store, chain, module, kind, limit, after }) {
        const isWanted = (target: Target, slot: number): boolean =>
          (state === undefined || targetView.stateAt(slot) === state) &&
          (store === undefined || target.store === store) &&
          (chain === undefined || target.labels['chain'] === chain) &&
          (module === undefined || target.module === module) &&
          (kind === undefined || target.kind === kind);
        const targets: TargetBody[] = [];
        const sorted = await sortedTargets(settings().estate);
        const pace = makePace();
        for (let i = indexAfter(sorted, after); i < sorted.length; i++) {
          if (i % CHECK_TARGETS === 0 && pace.isDue()) await pace.turn();
          if (signal.aborted) return;
          const target = sorted[i];
          const slot = target === undefined ? undefined : columns.slotOf(target.id);
          if (target === undefined || slot === undefined || !isWanted(target, slot)) continue;
          if (targets.length === limit) {
            response.json({ targets, next: targets.at(-1)?.id ?? null });
            return;
          }
          targets.push(targetView.bodyOf(slot, target));
        }
        response.json({ targets, next: null });
      },
    }),
    defineRoute({
      method: 'get',
      path: '/api/v1/targets/:id',
      access: 'viewer',
      summary: 'One target with all that is known of it',
      query: NO_QUERY,
      answers: { 200: { description: 'The target', body: TARGET_DETAIL } },
      answer(exchange) {
        const id = toTargetId(idOf(exchange));
        const slot = columns.slotOf(id);
        const target = slot === undefined ? undefined : columns.targetAt(slot);
        if (slot === undefined || target === undefined) {
          throw new HttpProblem('not-found', `There is no target "${id}".`);
        }
        const { module, address, kind, store } = target;
        const lastReason = columns.lastReasonAt(slot);
        exchange.response.json({
          ...targetView.bodyOf(slot, target),
          module,
          address,
          kind,
          ...(store === undefined ? {} : { store }),
          ...(lastReason === undefined ? {} : { lastReason }),
          flapping: columns.isFlappingAt(slot),
        } satisfies z.output<typeof TARGET_DETAIL>);
      },
    }),
    ...storeRoutes(context, targetView),
  ];
}

function storeRoutes(context: AppContext, targetView: TargetView): readonly Route[] {
  const { columns, board, settings, stores } = context;
  return [
    defineRoute({
      method: 'get',
      path: '/api/v1/stores',
      access: 'viewer',
      summary: 'Stores with their targets by state and how customers can pay in each, by id',
      query: z.strictObject({ limit: LIMIT, after: AFTER }),
      answers: {
        200: {
          description: 'A page of stores',
          body: z.strictObject({ stores: z.array(STORE), next: NEXT }),
        },
      },
      answer({ response }, { limit, after }) {
        const rest = stores()
          .filter(({ id }) => after === undefined || id > after)
          .sort(byId);
        const page = rest.slice(0, limit);
        response.json({ stores: page, next: rest.length > limit ? (page.at(-1)?.id ?? null) : null });
      },
    }),
    defineRoute({
      method: 'get',
      path: '/api/v1/stores/:id',
      access: 'viewer',
      summary:
        'One store: how a customer can pay in it right now, what people there say, what is planned, and all its targets',
      query: NO_QUERY,
      answers: {
        200: {
          description: 'The store',
          body: z.strictObject({
            store: STORE.extend({ labels: LABELS }),
            reports: z.array(REPORT).describe('the last that somebody there said of each method'),
            maintenances: z.array(MAINTENANCE).describe('those that run or are planned of its targets'),
            targets: z.array(TARGET),
          }),
        },
      },
      answer(exchange) {
        const id = toStoreId(idOf(exchange));
        const { estate } = settings();
        const labels = estate.stores.get(id)?.labels;
        const store = stores().find((one) => one.id === id);
        if (labels === undefined || store === undefined) {
          throw new HttpProblem('not-found', `There is no store "${id}".`);
        }
        const places = Array.from(board.placesOf(estate)).filter((place) => place.store === id);
        const own = places.flatMap((place) => place.targets).sort(byId);
        const targets = own.flatMap((target) => {
          const slot = columns.slotOf(target.id);
          return slot === undefined ? [] : [targetView.bodyOf(slot, target)];
        });
        const maintenances = maintenanceBodiesOf(context, own);
        const reports = board
          .reportsOf(id)
          .map(({ atMs, ...report }) => ({ ...report, at: new Date(atMs).toISOString() }));
        exchange.response.json({ store: { ...store, labels }, reports, maintenances, targets });
      },
    }),
  ];
}

/** Targets as the columns have them; while we are blind nothing is known of any. */
class TargetView {
  private readonly columns: TargetColumns;
  private readonly board: AppContext['board'];
  private readonly settings: AppContext['settings'];

  constructor({ columns, board, settings }: AppContext) {
    this.columns = columns;
    this.board = board;
    this.settings = settings;
  }

  stateAt(slot: number): State {
    return this.board.sight === undefined ? this.columns.stateAt(slot) : 'unknown';
  }

  bodyOf(slot: number, target: Target): TargetBody {
    const { columns, board } = this;
    const { sight } = board;
    const state = this.stateAt(slot);
    const reason = sight?.reason ?? columns.reasonAt(slot);
    const lastRunAtMs = columns.lastRunAtMs[slot] ?? 0;
    const behind =
      state === 'down' ? deadParentOf(this.settings().estate, target, (id) => this.stateOf(id)) : undefined;
    return {
      id: target.id,
      labels: { ...target.labels },
      state,
      since: new Date(sight?.sinceMs ?? columns.sinceMs[slot] ?? 0).toISOString(),
      ...(reason === undefined ? {} : { reason }),
      message: columns.messageAt(slot),
      ...(lastRunAtMs === 0
        ? {}
        : { lastProbeAt: new Date(lastRunAtMs).toISOString(), durationMs: columns.durationMs[slot] ?? 0 }),
      ...(behind === undefined ? {} : { behind }),
    };
  }

  private stateOf(id: TargetId): State {
    const slot = this.columns.slotOf(id);
    return slot === undefined ? 'unknown' : this.stateAt(slot);
  }
}

/** Targets looked at between two looks at the clock. */
const CHECK_TARGETS = 256;

const SORTED = new WeakMap<Estate, Promise<readonly Target[]>>();

/** By id, in the order of code units; sorted once for each estate. */
function sortedTargets(estate: Estate): Promise<readonly Target[]> {
  const sorted = SORTED.get(estate) ?? sortInSlices(estate.targets.values(), byId);
  SORTED.set(estate, sorted);
  return sorted;
}

/** Of the first target whose id comes after `after`. */
function indexAfter(targets: readonly Target[], after: string | undefined): number {
  let low = 0;
  let high = after === undefined ? 0 : targets.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((targets[middle]?.id ?? '') <= (after ?? '')) low = middle + 1;
    else high = middle;
  }
  return low;
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
