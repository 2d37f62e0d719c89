/** A real place for made-up stores. `weight` is roughly its size: thousands of people, evened out. */
export interface Town {
  readonly name: string;
  readonly region: string;
  /** Degrees, WGS 84. */
  readonly latitude: number;
  readonly longitude: number;
  readonly weight: number;
}

export const HOME_TOWNS: readonly Town[] = [
  ['Karlstad', 59.3793, 13.5036, 14],
  ['Kristinehamn', 59.3098, 14.1081, 5],
  ['Arvika', 59.655, 12.5852, 5],
  ['Skoghall', 59.3235, 13.4655, 4],
  ['Säffle', 59.1327, 12.9301, 3],
  ['Sunne', 59.8378, 13.1435, 3],
  ['Torsby', 60.1383, 13.0027, 3],
  ['Hagfors', 60.0341, 13.694, 3],
  ['Filipstad', 59.7124, 14.1683, 3],
  ['Forshaga', 59.5296, 13.4801, 2],
  ['Kil', 59.5042, 13.314, 2],
  ['Grums', 59.352, 13.1101, 2],
  ['Årjäng', 59.3923, 12.133, 2],
  ['Charlottenberg', 59.8843, 12.2958, 2],
  ['Storfors', 59.533, 14.2716, 1],
  ['Munkfors', 59.8386, 13.5434, 1],
  ['Molkom', 59.6011, 13.7176, 1],
  ['Deje', 59.6049, 13.4727, 1],
  ['Vålberg', 59.3949, 13.1932, 1],
  ['Ekshärad', 60.1738, 13.4966, 1],
  ['Sysslebäck', 60.7276, 12.8631, 1],
].map((row) => makeTown('Värmland', row));

export const NEIGHBOUR_TOWNS: readonly Town[] = [
  ...[
    ['Karlskoga', 59.3267, 14.5239, 5],
    ['Örebro', 59.2741, 15.2066, 8],
    ['Degerfors', 59.2392, 14.43, 2],
    ['Kumla', 59.1277, 15.1434, 3],
    ['Lindesberg', 59.5939, 15.2302, 2],
    ['Hällefors', 59.7769, 14.5222, 1],
  ].map((row) => makeTown('Örebro län', row)),
  ...[
    ['Åmål', 59.051, 12.7049, 3],
    ['Mariestad', 58.7097, 13.8237, 3],
    ['Bengtsfors', 59.0301, 12.2274, 1],
    ['Mellerud', 58.7003, 12.4576, 1],
  ].map((row) => makeTown('Västra Götaland', row)),
];

function makeTown(region: string, row: readonly (string | number)[]): Town {
  const [name, latitude, longitude, weight] = row;
  return {
    name: String(name),
    region,
    latitude: Number(latitude),
    longitude: Number(longitude),
    weight: Number(weight),
  };
}
