import {
  type DynamicConfigValue,
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  SpecialValueMatch,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';

/** Colours by what they mean. None is the only carrier of it: every state has a sign and a word beside. */
export const COLOUR = {
  good: 'green',
  warning: 'yellow',
  serious: 'orange',
  bad: 'red',
  unknown: '#7b8794',
  plain: 'text',
} as const;
type Colour = (typeof COLOUR)[keyof typeof COLOUR];

/** What a number (or text) is called. */
export type Wording = Readonly<Record<string, readonly [text: string, colour: Colour]>>;

/** Of `kassavakt_target_state`. */
export const TARGET_STATES: Wording = {
  0: ['? unknown', COLOUR.unknown],
  1: ['✓ up', COLOUR.good],
  2: ['! degraded', COLOUR.warning],
  3: ['✕ down', COLOUR.bad],
};

/** Of `kassavakt_payment_method_state`. */
export const METHOD_STATES: Wording = {
  0: ['? unknown', COLOUR.unknown],
  1: ['✓ available', COLOUR.good],
  2: ['! degraded', COLOUR.warning],
  3: ['! offline only', COLOUR.serious],
  4: ['✕ down', COLOUR.bad],
};

/** How many stores of a group can be paid, as a state. */
export const REACH_STATES: Wording = {
  0: ['✓ all stores', COLOUR.good],
  1: ['! not in some stores', COLOUR.serious],
  2: ['✕ in no store', COLOUR.bad],
};

export const SEVERITIES: Wording = {
  critical: ['✕ critical', COLOUR.bad],
  major: ['! major', COLOUR.serious],
  minor: ['· minor', COLOUR.warning],
  info: ['i info', COLOUR.unknown],
};

/** Of a gauge that is 1 when all is well. */
export function yesNo(yes: string, no: string): Wording {
  return { 0: [`✕ ${no}`, COLOUR.bad], 1: [`✓ ${yes}`, COLOUR.good] };
}

export function wordsFor(wording: Wording): ValueMapping[] {
  const options = Object.fromEntries(
    Object.entries(wording).map(([value, [text, color]], index) => [value, { text, color, index }]),
  );
  return [{ type: MappingType.ValueToText, options }];
}

/**
 * What stands where there is no value at all. Its colour is that of its sign: without this it would be that of the least
 * value, and nothing known would look like all is well.
 */
export function wordsForNothing(text: string): ValueMapping[] {
  const colours: Readonly<Record<string, Colour>> = {
    '✓': COLOUR.good,
    '?': COLOUR.unknown,
    '✕': COLOUR.bad,
  };
  const color = colours[text.charAt(0)] ?? COLOUR.unknown;
  return [
    {
      type: MappingType.SpecialValue,
      options: { match: SpecialValueMatch.NullAndNan, result: { text, color } },
    },
  ];
}

/** `colour` from `from` on, the first from everything. */
export type Steps = readonly (readonly [from: number | null, colour: Colour])[];

/** A count of something bad: none is good. */
export const NONE_IS_GOOD: Steps = [
  [null, COLOUR.good],
  [1, COLOUR.bad],
];
export const PLAIN: Steps = [[null, COLOUR.plain]];

export function steps(all: Steps): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps(all.map(([value, color]): Threshold => ({ value, color })));
}

export function byThresholds(): FieldColorBuilder {
  return new FieldColorBuilder().mode(FieldColorModeId.Thresholds);
}

/** One colour for one name, whatever else is shown. */
export function byName(): FieldColorBuilder {
  return new FieldColorBuilder().mode(FieldColorModeId.PaletteClassicByName);
}

/** Properties of one column or series, for an override. */
export interface FieldLook {
  readonly unit?: string;
  readonly decimals?: number;
  readonly words?: Wording;
  readonly steps?: Steps;
  /** How a cell of a table carries its colour. */
  readonly cell?: 'color-text' | 'color-background';
  readonly width?: number;
  readonly links?: readonly FieldLink[];
  readonly colour?: Colour;
}

/** A link from a value, with Grafana's variables in its address. */
export interface FieldLink {
  readonly title: string;
  readonly url: string;
  readonly isElsewhere?: boolean;
}

export function fieldProperties(look: FieldLook): DynamicConfigValue[] {
  const { unit, decimals, words, cell, width, links, colour } = look;
  const properties: (DynamicConfigValue | undefined)[] = [
    unit === undefined ? undefined : { id: 'unit', value: unit },
    decimals === undefined ? undefined : { id: 'decimals', value: decimals },
    words === undefined ? undefined : { id: 'mappings', value: wordsFor(words) },
    look.steps === undefined ? undefined : { id: 'thresholds', value: steps(look.steps).build() },
    cell === undefined ? undefined : { id: 'custom.cellOptions', value: { type: cell } },
    width === undefined ? undefined : { id: 'custom.width', value: width },
    colour === undefined ? undefined : { id: 'color', value: { mode: 'fixed', fixedColor: colour } },
    links === undefined
      ? undefined
      : {
          id: 'links',
          value: links.map(({ title, url, isElsewhere = false }) => ({
            title,
            url,
            targetBlank: isElsewhere,
          })),
        },
  ];
  return properties.filter((property) => property !== undefined);
}
