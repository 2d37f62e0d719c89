import { z } from 'zod';
import type { Clock } from '../lib/clock.ts';
import { redact } from '../lib/redact.ts';
import { err, ok, type Result } from '../lib/result.ts';
import { type NexoKey, openMessage, sealMessage } from './nexo-envelope.ts';

/** What the answer must echo. */
export interface DiagnosisRequest {
  readonly serviceId: string;
  readonly saleId: string;
  readonly poiId: string;
  /** Whether the terminal shall also try its hosts, which costs it time and traffic. */
  readonly askHosts: boolean;
}

const GLOBAL_STATUSES = ['OK', 'Busy', 'Maintenance', 'Unreachable'] as const;
const PRINTER_STATUSES = ['OK', 'PaperLow', 'NoPaper', 'PaperJam', 'OutOfOrder'] as const;
const ERROR_CONDITIONS = [
  'Aborted',
  'Busy',
  'Cancel',
  'DeviceOut',
  'InProgress',
  'InsertedCard',
  'InvalidCard',
  'LoggedOut',
  'MessageFormat',
  'NotAllowed',
  'NotFound',
  'PaymentRestriction',
  'Refusal',
  'UnavailableDevice',
  'UnavailableService',
  'UnreachableHost',
  'WrongPIN',
] as const;

/** All that is ever read of an answer. A field that is missing or of the wrong type is undefined. */
export interface Diagnosis {
  readonly succeeded: boolean;
  readonly errorCondition: (typeof ERROR_CONDITIONS)[number] | undefined;
  readonly globalStatus: (typeof GLOBAL_STATUSES)[number] | undefined;
  readonly cardReaderOk: boolean | undefined;
  readonly pinPadOk: boolean | undefined;
  readonly securityOk: boolean | undefined;
  readonly communicationOk: boolean | undefined;
  readonly printer: (typeof PRINTER_STATUSES)[number] | undefined;
  /** `name` is the acquirer's, when it is a short word. */
  readonly hosts: readonly { readonly name: string | undefined; readonly reachable: boolean }[];
  /** 0 to 1. */
  readonly batteryRatio: number | undefined;
  readonly firmware: string | undefined;
  /** Payments that the terminal could not yet send to its host. */
  readonly unconfirmedBatches: number | undefined;
}

/** Why an answer cannot be used. `clause` follows "The terminal …"; nothing of the answer is in it. */
export interface Refusal {
  readonly reason: 'auth' | 'protocol';
  readonly clause: string;
}

/** The JSON to send. Its category is fixed: nothing but a diagnosis can be built here. */
export function writeDiagnosis(request: DiagnosisRequest, key: NexoKey | undefined): string {
  const header = {
    ProtocolVersion: '3.0',
    MessageClass: 'Service',
    MessageCategory: 'Diagnosis',
    MessageType: 'Request',
    ServiceID: request.serviceId,
    SaleID: request.saleId,
    POIID: request.poiId,
  } as const;
  const message = JSON.stringify({
    SaleToPOIRequest: {
      MessageHeader: header,
      DiagnosisRequest: { HostDiagnosisFlag: request.askHosts },
    },
  });
  if (key === undefined) return message;
  return JSON.stringify({ SaleToPOIRequest: { MessageHeader: header, ...sealMessage(message, key) } });
}

/** ServiceIDs have 10 letters and digits at most. Source: docs.adyen.com, Terminal API message header. */
const SERVICE_ID_LENGTH = 10;
const SERVICE_IDS = 36 ** SERVICE_ID_LENGTH;

/**
 * A source of ServiceIDs: microseconds since 1970 in base 36, always more than the one before. A POIID may see none
 * twice in 48 h: a clock set back only makes them count on by one, and a restarted process begins where its clock
 * is. The last three digits begin at random, so that two processes asking at once differ. Repeats after 115 years.
 */
export function makeServiceIds(clock: Pick<Clock, 'nowMs'>, random: () => number): () => string {
  let last = 0;
  return () => {
    last = Math.max(last + 1, Math.trunc(clock.nowMs()) * 1_000 + Math.trunc(random() * 1_000));
    return (last % SERVICE_IDS).toString(36).toUpperCase().padStart(SERVICE_ID_LENGTH, '0');
  };
}

const Rejection = z.object({ errors: z.array(z.string()).max(64) });
const Body = z.object({
  SaleToPOIResponse: z.object({ NexoBlob: z.unknown().optional() }).loose().optional(),
  SaleToPOIRequest: z.object({ EventNotification: z.object({ EventDetails: z.string() }) }).optional(),
});

const flag = z.boolean().optional().catch(undefined);
const Response = z.object({
  Result: z.enum(['Success', 'Partial', 'Failure']),
  ErrorCondition: z.enum(ERROR_CONDITIONS).optional().catch(undefined),
  AdditionalResponse: z.string().optional().catch(undefined),
});
const Inner = z.object({
  SaleToPOIResponse: z.object({
    MessageHeader: z.object({
      MessageCategory: z.string(),
      MessageType: z.string(),
      ServiceID: z.string(),
      POIID: z.string(),
    }),
    DiagnosisResponse: z.object({
      Response,
      POIStatus: z
        .object({
          GlobalStatus: z.enum(GLOBAL_STATUSES).optional().catch(undefined),
          CardReaderOKFlag: flag,
          PEDOKFlag: flag,
          SecurityOKFlag: flag,
          CommunicationOKFlag: flag,
          PrinterStatus: z.enum(PRINTER_STATUSES).optional().catch(undefined),
        })
        .optional()
        .catch(undefined),
      HostStatus: z
        .array(z.object({ AcquirerID: z.string().optional().catch(undefined), IsReachableFlag: flag }))
        .max(256)
        .catch([]),
    }),
  }),
});

const WRONG_KEY =
  'does not accept our key: check the passphrase, the key identifier and the key version against the terminal';

/** Reads the answer to `request`. Never throws, whatever `body` is. */
export function readDiagnosis(
  status: number,
  body: string,
  request: DiagnosisRequest,
  key: NexoKey | undefined,
): Result<Diagnosis, Refusal> {
  const json = parseJson(body);
  const outer = Body.safeParse(json).data;
  const aboutKeys = readKeyComplaint(json, outer, key !== undefined);
  if (aboutKeys !== undefined) return err({ reason: 'auth', clause: aboutKeys });
  if (status === 401 || status === 403) {
    return err({ reason: 'auth', clause: `answers HTTP ${status}: it does not accept this monitor` });
  }
  if (status !== 200) return err(protocol(`answers HTTP ${status} instead of a diagnosis`));
  if (json === undefined) return err(protocol('answers with something that is not JSON'));
  if (outer?.SaleToPOIResponse === undefined) return err(protocol('answers with JSON that is no diagnosis'));
  const isSealed = outer.SaleToPOIResponse.NexoBlob !== undefined;
  if (isSealed && key === undefined) {
    return err({ reason: 'auth', clause: 'answers encrypted, but the module has no nexo.encryption' });
  }
  if (key === undefined) return readInner(json, request);
  if (!isSealed) return err(protocol('answers in clear text although the request was encrypted'));
  const opened = openMessage(outer.SaleToPOIResponse, key);
  if (opened.ok) return readInner(parseJson(opened.value), request);
  return opened.error === 'malformed'
    ? err(protocol('answers with an encrypted envelope that is malformed'))
    : err({
        reason: 'auth',
        clause: 'answers with an envelope that our key does not open: check the passphrase',
      });
}

/**
 * Terminals refuse an envelope in clear text, in one of three places, and by words alone. Only what the words are
 * about is kept.
 */
function readKeyComplaint(
  json: unknown,
  outer: z.infer<typeof Body> | undefined,
  weEncrypt: boolean,
): string | undefined {
  const complaints = [
    ...(Rejection.safeParse(json).data?.errors ?? []),
    outer?.SaleToPOIRequest?.EventNotification.EventDetails ?? '',
    decodeURIComponentOrKeep(readClearComplaint(outer?.SaleToPOIResponse)),
  ].join('\n');
  const cryptoError = /crypto error(?:[ +]\((\d{1,3})\))?/i.exec(complaints.replaceAll('+', ' '));
  if (cryptoError !== null) {
    return `${WRONG_KEY}${cryptoError[1] === undefined ? '' : ` (crypto error ${cryptoError[1]})`}`;
  }
  if (weEncrypt && /(?:NexoBlob|SecurityTrailer)\W+Unexpected/i.test(complaints)) {
    return 'does not know encrypted messages: give it the shared key, or leave out nexo.encryption';
  }
  if (!weEncrypt && /requires payload crypto/i.test(complaints)) {
    return 'accepts encrypted messages only: configure nexo.encryption';
  }
  return undefined;
}

const ClearFailure = z.object({
  DiagnosisResponse: z.object({ Response: z.object({ AdditionalResponse: z.string() }) }),
});

function readClearComplaint(response: unknown): string {
  return ClearFailure.safeParse(response).data?.DiagnosisResponse.Response.AdditionalResponse ?? '';
}

function readInner(json: unknown, request: DiagnosisRequest): Result<Diagnosis, Refusal> {
  const read = Inner.safeParse(json);
  if (!read.success) return err(protocol('answers with JSON that is no diagnosis'));
  const { MessageHeader: header, DiagnosisResponse: response } = read.data.SaleToPOIResponse;
  if (header.MessageCategory !== 'Diagnosis' || header.MessageType !== 'Response') {
    return err(protocol('answers with a message that is no diagnosis response'));
  }
  if (header.ServiceID !== request.serviceId) return err(protocol('answers another request than ours'));
  if (header.POIID !== request.poiId) {
    return err(
      protocol(
        `answers under another POIID than ${redact(request.poiId)}: is the address another terminal's?`,
      ),
    );
  }
  const status = response.POIStatus;
  const succeeded = response.Response.Result !== 'Failure';
  if (succeeded && status?.GlobalStatus === undefined) {
    return err(protocol('answers with a diagnosis that has no GlobalStatus'));
  }
  return ok({
    succeeded,
    errorCondition: succeeded ? undefined : response.Response.ErrorCondition,
    globalStatus: status?.GlobalStatus,
    cardReaderOk: status?.CardReaderOKFlag,
    pinPadOk: status?.PEDOKFlag,
    securityOk: status?.SecurityOKFlag,
    communicationOk: status?.CommunicationOKFlag,
    printer: status?.PrinterStatus,
    hosts: response.HostStatus.flatMap(({ AcquirerID, IsReachableFlag: reachable }) => {
      if (reachable === undefined) return [];
      return [{ name: shortWord(AcquirerID, 12), reachable }];
    }),
    ...readAdditional(response.Response.AdditionalResponse ?? ''),
  });
}

function readAdditional(text: string) {
  const fields = new URLSearchParams(text);
  const battery = /^(\d{1,3})%?$/.exec(fields.get('batteryLevel') ?? '')?.[1];
  const batches = /^\d{1,9}$/.exec(fields.get('unconfirmedBatchCount') ?? '')?.[0];
  return {
    batteryRatio: battery === undefined || Number(battery) > 100 ? undefined : Number(battery) / 100,
    firmware: shortWord(fields.get('firmwareVersion') ?? undefined, 40),
    unconfirmedBatches: batches === undefined ? undefined : Number(batches),
  };
}

/** A word from outside that may be shown: short, plain and no card number; else undefined. */
function shortWord(text: string | undefined, maxLength: number): string | undefined {
  if (text === undefined || text.length > maxLength || !/^[\w.-]+$/.test(text)) return undefined;
  return redact(text) === text ? text : undefined;
}

function protocol(clause: string): Refusal {
  return { reason: 'protocol', clause };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function decodeURIComponentOrKeep(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
