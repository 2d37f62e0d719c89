import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

export const GRAFANA_FOLDER = join(import.meta.dirname, '../../grafana');
export const DASHBOARD_FOLDER = join(GRAFANA_FOLDER, 'dashboards');

export interface DatasourceRef {
  readonly type: string;
  readonly uid: string;
}

export interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly datasource?: DatasourceRef;
  readonly instant?: boolean;
  readonly range?: boolean;
  readonly format?: string;
  readonly legendFormat?: string;
}

export interface Link {
  readonly title: string;
  readonly url?: string;
  readonly type?: string;
}

export interface Mapping {
  readonly type: string;
  readonly options: Readonly<Record<string, { readonly text?: string; readonly color?: string }>>;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title?: string;
  readonly description?: string;
  readonly datasource?: DatasourceRef;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
  readonly links?: readonly Link[];
  readonly transformations?: readonly {
    readonly id: string;
    readonly options: Readonly<Record<string, unknown>>;
  }[];
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string;
      readonly noValue?: string;
      readonly mappings?: readonly Mapping[];
    };
    readonly overrides: readonly {
      readonly matcher: { readonly id: string; readonly options: unknown };
      readonly properties: readonly { readonly id: string; readonly value?: unknown }[];
    }[];
  };
}

export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly label?: string;
  readonly query?: string;
  readonly regex?: string;
  readonly multi?: boolean;
  readonly includeAll?: boolean;
  readonly allValue?: string;
  readonly refresh?: number;
  readonly datasource?: DatasourceRef;
}

export interface Annotation {
  readonly name: string;
  readonly builtIn?: number;
  readonly datasource?: DatasourceRef;
  readonly target?: Target;
}

/** As far as tests look at it. */
export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description?: string;
  readonly editable?: boolean;
  readonly schemaVersion: number;
  readonly tags: readonly string[];
  readonly panels: readonly Panel[];
  readonly links: readonly Link[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: { readonly list: readonly Annotation[] };
}

/** The dashboards as they are committed, by file name. */
export function readDashboards(): ReadonlyMap<string, Dashboard> {
  const files = globSync('*.json', { cwd: DASHBOARD_FOLDER }).sort();
  return new Map(
    files.map((file) => [
      basename(file),
      JSON.parse(readFileSync(join(DASHBOARD_FOLDER, file), 'utf8')) as Dashboard,
    ]),
  );
}

/** Those that show something, rows apart. */
export function panelsOf(dashboard: Dashboard): readonly Panel[] {
  return dashboard.panels.filter(({ type }) => type !== 'row');
}
