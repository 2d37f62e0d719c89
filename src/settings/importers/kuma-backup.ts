import { z } from 'zod';
import { err, ok, type Result } from '../../lib/result.ts';

const text = z
  .union([z.string(), z.number()])
  .nullish()
  .transform((value) => (value === null || value === undefined ? '' : String(value)));
const amount = z
  .union([z.number(), z.string()])
  .nullish()
  .transform((value) => (value === null || value === undefined || value === '' ? undefined : Number(value)))
  .refine((value) => value === undefined || Number.isFinite(value), 'must be a number');
const flag = z
  .union([z.boolean(), z.number(), z.string()])
  .nullish()
  .transform((value) => value === true || value === 1 || value === '1' || value === 'true');
const anything = z.unknown().optional();

/** The fields of a monitor that are understood here; its others are reported. */
export const monitorFields = {
  id: text,
  name: text,
  type: text,
  active: z.union([z.boolean(), z.number(), z.string()]).nullish(),
  url: text,
  method: text,
  hostname: text,
  port: text,
  interval: amount,
  retryInterval: amount,
  timeout: amount,
  maxretries: amount,
  keyword: text,
  invertKeyword: flag,
  ignoreTls: flag,
  upsideDown: flag,
  expiryNotification: flag,
  maxredirects: amount,
  accepted_statuscodes: z.array(z.union([z.string(), z.number()])).nullish(),
  dns_resolve_type: text,
  dns_resolve_server: text,
  packetSize: amount,
  jsonPath: text,
  jsonPathOperator: text,
  expectedValue: text,
  headers: text,
  body: text,
  httpBodyEncoding: text,
  authMethod: text,
  basic_auth_user: text,
  basic_auth_pass: text,
  bearer_token: text,
  tlsCa: text,
  tlsCert: text,
  tlsKey: text,
  proxyId: text,
  ipFamily: text,
  smtpSecurity: text,
  conditions: z.array(z.unknown()).nullish(),
  parent: text,
  tags: z.array(z.looseObject({ name: text, value: text })).nullish(),
};
export const monitorConfig = z.looseObject(monitorFields);
export type KumaMonitor = z.output<typeof monitorConfig>;

/** A backup, or what its API gives, as a map with the list of monitors. */
export const backup = z.looseObject({
  version: text,
  monitorList: z.union([z.array(z.unknown()), z.record(z.string(), z.unknown())]),
  notificationList: z.array(z.looseObject({ name: text, type: text })).nullish(),
  proxyList: anything,
});

interface JsonProblem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** What the engine says of broken JSON quotes from it, and that may be a secret: only the place is told. */
export function parseJson(source: string): Result<unknown, JsonProblem> {
  try {
    return ok(JSON.parse(source) as unknown);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    const [, line, column] = /line (\d+) column (\d+)/.exec(cause.message) ?? [];
    const message = 'this is not valid JSON here; export it once more, whole';
    return err({ line: Number(line ?? 1), column: Number(column ?? 1), message });
  }
}
