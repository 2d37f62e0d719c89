import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { CHAIN_OVERVIEW } from './chain-overview.ts';
import { type DashboardSpec, makeDashboard } from './frame.ts';
import { MONITOR } from './monitor.ts';
import { SHARED } from './shared.ts';
import { STORE_DASHBOARD } from './store.ts';
import { TERMINALS } from './terminals.ts';
import type { Addresses } from './variables.ts';
import { WEB } from './web.ts';

/** By file name, without `.json`. */
const DASHBOARDS: Readonly<Record<string, DashboardSpec>> = {
  'chain-overview': CHAIN_OVERVIEW,
  store: STORE_DASHBOARD,
  'acquirers-models-firmware': SHARED,
  'swish-and-web': WEB,
  'terminal-fleet': TERMINALS,
  'monitor-itself': MONITOR,
};

/** What links lead to unless told otherwise. */
export const DEFAULT_KASSAVAKT_URL = 'http://127.0.0.1:9840';

/** Kassavakt serves the runbook itself. */
export function addressesOf(kassavaktUrl: string, runbookUrl = `${kassavaktUrl}/runbook`): Addresses {
  return { kassavaktUrl, runbookUrl };
}

/** Every dashboard's file, name and content. The same addresses give the same bytes. */
export function renderDashboards(addresses: Addresses): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(DASHBOARDS).map(([name, spec]) => [
      `${name}.json`,
      render(makeDashboard(spec, addresses)),
    ]),
  );
}

function render(dashboard: Dashboard): string {
  // The SDK has no other placement to give, and so gives this one unasked: it hides links and annotations in a menu.
  const shown = (key: string, value: unknown): unknown =>
    key === 'placement' && value === 'inControlsMenu' ? undefined : value;
  return `${JSON.stringify(dashboard, shown, 2)}\n`;
}
