import * as cog from '@grafana/grafana-foundation-sdk/cog';
import {
  FrameGeometrySourceBuilder,
  FrameGeometrySourceMode,
  MapLayerOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import { type Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  ControlsOptionsBuilder,
  MapCenterID,
  MapViewConfigBuilder,
  PanelBuilder as GeomapBuilder,
  TooltipMode,
  TooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/geomap';
import { byThresholds } from './looks.ts';
import { dress, type PanelSpec } from './panels.ts';

/**
 * Places on a map. The one query has labels `latitude` and `longitude`; a place's sign and word stand beside its dot, so
 * that it does not take the colour to tell.
 */
export function map(spec: PanelSpec): cog.Builder<Panel> {
  const builder = new GeomapBuilder()
    .view(new MapViewConfigBuilder().id(MapCenterID.Fit).zoom(9).allLayers(true).padding(10))
    .controls(
      new ControlsOptionsBuilder()
        .showZoom(true)
        .mouseWheelZoom(false)
        .showAttribution(true)
        .showScale(false),
    )
    .basemap(new MapLayerOptionsBuilder().type('default').name('Map').config({}))
    .layers([
      new MapLayerOptionsBuilder()
        .type('markers')
        .name('Stores')
        .tooltip(true)
        .location(
          new FrameGeometrySourceBuilder()
            .mode(FrameGeometrySourceMode.Coords)
            .latitude('latitude')
            .longitude('longitude'),
        )
        .config({
          showLegend: true,
          style: {
            color: { field: 'Value', fixed: 'dark-green' },
            opacity: 0.8,
            size: { fixed: 6, min: 2, max: 15 },
            symbol: { mode: 'fixed', fixed: 'img/icons/marker/circle.svg' },
            text: { mode: 'field', field: 'Value', fixed: '' },
            textConfig: {
              fontSize: 12,
              offsetX: 0,
              offsetY: 14,
              textAlign: 'center',
              textBaseline: 'middle',
            },
            rotation: { fixed: 0, mode: 'mod', min: -360, max: 360 },
          },
        }),
    ])
    .tooltip(new TooltipOptionsBuilder().mode(TooltipMode.Details));
  builder.colorScheme(byThresholds());
  const toNumber = (targetField: string) => ({ targetField, destinationType: 'number' });
  return dress(
    builder,
    {
      ...spec,
      transformations: [
        {
          id: 'convertFieldType',
          options: { fields: {}, conversions: [toNumber('latitude'), toNumber('longitude')] },
        },
      ],
    },
    'table',
  );
}
