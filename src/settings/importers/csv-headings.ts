import { asLabelName } from '../label-names.ts';
import { labelName } from './import-draft.ts';

/** What a column means to us. Those from `chain` on are labels or a store's own. */
export const MEANINGS = [
  'id',
  'address',
  'port',
  'module',
  'store_id',
  'store_name',
  'lane',
  'model',
  'firmware',
  'acquirer',
  'kind',
  'chain',
  'region',
  'city',
  'latitude',
  'longitude',
  'timezone',
  'opening_hours',
  'weekly_sales',
] as const;
export type Meaning = (typeof MEANINGS)[number];

/** Headings as people write them in English, Swedish, Norwegian and Danish, without accents, `_` between words. */
const WORDS: Readonly<Record<Meaning, string>> = {
  id: 'id terminal_id terminalid terminal_nr terminalnr terminal_no terminal tid poiid poi_id device_id device asset_id serial serial_number serienummer',
  address:
    'address addr ip ip_address ipaddress ip_adress ip_adresse ip_addr host hostname host_name fqdn url uri endpoint target adress adresse',
  port: 'port tcp_port portnummer port_number',
  module: 'protocol protokoll prober check check_type monitor_type probe',
  store_id:
    'store_id storeid store_no store_nr store_number storenumber store shop shop_id shop_no site site_id location location_id butik butiksnr butik_id butiks_id butiksnummer butikk butikknr butikk_id filial filialnr branch branch_id outlet outlet_id',
  store_name: 'store_name storename shop_name site_name location_name butiksnamn butikknavn branch_name',
  lane: 'lane till till_no till_number kassa kassanr kasse kassenr pos pos_id register register_no checkout workstation',
  model: 'model modell terminal_model terminal_type device_model hardware',
  firmware:
    'firmware fw firmware_version fw_version sw_version software_version software programversion programvara',
  acquirer: 'acquirer acquirer_name inlosare innloser psp payment_provider bank',
  kind: 'kind type device_type typ category kategori role',
  chain: 'chain kedja kjede brand banner concept koncept konsept chain_name',
  region: 'region lan fylke county area district omrade',
  city: 'city town ort stad by sted kommune municipality place',
  latitude: 'latitude lat breddgrad',
  longitude: 'longitude lon lng long langdgrad lengdegrad',
  timezone: 'timezone time_zone tz tidszon tidssone',
  opening_hours: 'opening_hours openinghours hours oppettider apningstider',
  weekly_sales: 'weekly_sales weeklysales sales_per_week omsattning veckoomsattning',
};
const MEANING_OF = new Map(
  MEANINGS.flatMap((meaning) => WORDS[meaning].split(' ').map((word) => [word, meaning] as const)),
);
const SECRET =
  /pass(word|phrase|wd)?$|pwd|secret|token|losenord|passord|pin(_code)?$|api_?key|credential|private_key/;

/** What each column of a table is for. */
export interface Headings {
  /** Its column, from 0. */
  readonly of: ReadonlyMap<Meaning, number>;
  /** The column with what people call a device, if there is one; a label, too. */
  readonly nameAt: number | undefined;
  /** Columns that are kept as labels under this name. */
  readonly labels: readonly { readonly column: number; readonly heading: string; readonly label: string }[];
  /** Columns that are left out, and why. */
  readonly left: readonly { readonly heading: string; readonly why: string }[];
}

/** Understands the headings of a table. Of two columns that mean the same, the first does; the other is a label. */
export function readHeadings(headings: readonly string[]): Headings {
  const plains = headings.map((heading) => asLabelName(heading) ?? '');
  const of = new Map<Meaning, number>();
  for (const [column, plain] of plains.entries()) {
    const meaning = MEANING_OF.get(plain);
    if (meaning !== undefined && !of.has(meaning)) of.set(meaning, column);
  }
  const nameAt = plains.findIndex((plain) => /^(name|namn|navn)$/.test(plain));
  // A table of stores calls their names just that.
  if (nameAt !== -1 && of.has('store_id') && !of.has('address') && !of.has('store_name')) {
    of.set('store_name', nameAt);
  }
  const labels: { column: number; heading: string; label: string }[] = [];
  const left: { heading: string; why: string }[] = [];
  const used = new Set(of.values());
  const taken = new Set<string>(MEANINGS);
  for (const [column, heading] of headings.entries()) {
    if (used.has(column)) continue;
    const label = labelName(heading, taken);
    if (SECRET.test(plains[column] ?? '')) {
      left.push({ heading, why: 'it may hold secrets, and those never stand in a table' });
    } else if (label === undefined) {
      left.push({ heading, why: 'no letter of its name can be in a label, or another has that name' });
    } else {
      taken.add(label);
      labels.push({ column, heading, label });
    }
  }
  return { of, nameAt: nameAt === -1 ? undefined : nameAt, labels, left };
}
