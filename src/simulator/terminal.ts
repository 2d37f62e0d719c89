import { z } from 'zod';
import { Envelope, type SharedKey, seal, unseal } from './envelope.ts';
import type { Device, PlannedTarget } from './estate-plan.ts';

/** How a terminal is at the moment of a diagnosis. */
export interface Condition {
  readonly isBusy: boolean;
  readonly hostReachable: boolean;
  /** Payments not yet sent to the host. */
  readonly unconfirmedBatches: number;
  /** The key it holds. */
  readonly key: SharedKey;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** What a monitor must never do to a terminal. */
export interface Breach {
  readonly kind: 'other-message' | 'malformed-message' | 'repeated-service-id';
  readonly message: string;
}

export interface TerminalAnswer {
  readonly answer: HttpAnswer;
  readonly breach?: Breach;
}

const Outer = z.object({
  SaleToPOIRequest: z.looseObject({ MessageHeader: z.unknown(), NexoBlob: z.unknown().optional() }),
});
const Category = z.object({ MessageCategory: z.string() });
const Header = z.object({
  ProtocolVersion: z.literal('3.0'),
  MessageClass: z.literal('Service'),
  MessageCategory: z.literal('Diagnosis'),
  MessageType: z.literal('Request'),
  ServiceID: z.string().regex(/^[A-Za-z0-9]{1,10}$/),
  SaleID: z.string().min(1),
  POIID: z.string(),
});
const Diagnosis = z.object({
  SaleToPOIRequest: z.object({
    MessageHeader: Header,
    DiagnosisRequest: z.object({
      HostDiagnosisFlag: z.boolean().default(false),
      AcquirerID: z.array(z.string()).optional(),
      POIID: z.string().optional(),
    }),
  }),
});

/** ServiceIDs that a terminal remembers; real ones remember 48 hours. */
const REMEMBERED_SERVICE_IDS = 64;

/** A terminal's nexo application. It answers diagnoses; everything else it refuses and reports as a breach. */
export class TerminalApp {
  private readonly serviceIds: string[] = [];
  private readonly poiId: string;
  private readonly device: Device;

  constructor({ id, device }: PlannedTarget) {
    if (device === undefined) throw new Error(`${id} is no terminal`);
    this.poiId = id;
    this.device = device;
  }

  answer(body: string, condition: Condition): TerminalAnswer {
    const outer = Outer.safeParse(parseJson(body));
    if (!outer.success) return malformed(refuse('At toplevel, field SaleToPOIRequest: Missing'));
    const { SaleToPOIRequest: request } = outer.data;
    // The clear header of an envelope says already what is asked; the right key must not be needed to see a breach.
    const category = Category.safeParse(request.MessageHeader).data?.MessageCategory;
    if (category !== undefined && category !== 'Diagnosis') return this.refuseCategory(category);
    if (request.NexoBlob === undefined) {
      if (this.device.isEncrypted) {
        return { answer: refuse('Direct API REQUIRES payload crypto, cleartext is not allowed') };
      }
      return this.diagnose(outer.data, condition);
    }
    if (!this.device.isEncrypted) {
      return {
        answer: refuse(
          'At SaleToPOIRequest, field NexoBlob: Unexpected',
          'At SaleToPOIRequest, field SecurityTrailer: Unexpected',
        ),
      };
    }
    const envelope = Envelope.safeParse(request);
    if (!envelope.success) return malformed(refuse('Nexo Service: crypto error (3)'));
    const plaintext = unseal(envelope.data, condition.key);
    if (plaintext === undefined) return { answer: refuse('Nexo Service: crypto error (9)') };
    return this.diagnose(parseJson(plaintext), condition);
  }

  private refuseCategory(category: string): TerminalAnswer {
    const message = `${this.poiId} was sent a ${category} request; monitors may send nothing but Diagnosis`;
    return {
      answer: refuse(`Message category ${category} is not served here`),
      breach: { kind: 'other-message', message },
    };
  }

  private diagnose(json: unknown, condition: Condition): TerminalAnswer {
    const inner = Outer.safeParse(json).data?.SaleToPOIRequest.MessageHeader;
    const category = Category.safeParse(inner).data?.MessageCategory;
    if (category !== undefined && category !== 'Diagnosis') return this.refuseCategory(category);
    const read = Diagnosis.safeParse(json);
    if (!read.success) {
      const where = read.error.issues[0]?.path.join('.') ?? 'SaleToPOIRequest';
      return malformed(refuse(`At ${where}: Invalid value`));
    }
    const { MessageHeader: header, DiagnosisRequest: request } = read.data.SaleToPOIRequest;
    if (header.POIID !== this.poiId) return { answer: refuse(`POIID ${header.POIID} is not this terminal`) };
    const response = {
      SaleToPOIResponse: {
        MessageHeader: { ...header, MessageType: 'Response' },
        DiagnosisResponse: this.report(request.HostDiagnosisFlag, condition),
      },
    };
    const answer = {
      status: 200,
      body: this.device.isEncrypted ? sealed(response, condition.key) : response,
    };
    return this.remember(header.ServiceID) ? { answer } : { answer, breach: this.repeated(header.ServiceID) };
  }

  private report(withHosts: boolean, condition: Condition) {
    const { isBusy, hostReachable } = condition;
    return {
      ...(withHosts
        ? { HostStatus: [{ AcquirerID: this.device.acquirer, IsReachableFlag: hostReachable }] }
        : {}),
      POIStatus: {
        CommunicationOKFlag: hostReachable,
        GlobalStatus: isBusy ? 'Busy' : 'OK',
        CardReaderOKFlag: true,
        PEDOKFlag: true,
        SecurityOKFlag: true,
        ...(this.device.hasPrinter ? { PrinterStatus: 'OK' } : {}),
      },
      Response: { Result: 'Success', AdditionalResponse: this.additional(condition.unconfirmedBatches) },
    };
  }

  /** Also what a monitor has no business reading: networks, merchant and store accounts. */
  private additional(unconfirmedBatches: number): string {
    const { batteryPercent, firmware } = this.device;
    const network = [{ Address: '192.0.2.17', IFace: 'eth0' }];
    const fields = {
      ...(batteryPercent === undefined ? {} : { batteryLevel: `${batteryPercent}%` }),
      firmwareVersion: firmware,
      networkProfile: Buffer.from(JSON.stringify(network)).toString('base64'),
      merchantAccount: 'SimulatedMerchantPOS',
      unconfirmedBatchCount: String(unconfirmedBatches),
      terminalId: this.poiId,
      storeId: 'SimulatedStoreReference',
    };
    return Object.entries(fields)
      .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
      .join('&');
  }

  private remember(serviceId: string): boolean {
    if (this.serviceIds.includes(serviceId)) return false;
    this.serviceIds.push(serviceId);
    if (this.serviceIds.length > REMEMBERED_SERVICE_IDS) this.serviceIds.shift();
    return true;
  }

  private repeated(serviceId: string): Breach {
    return {
      kind: 'repeated-service-id',
      message: `${this.poiId} was sent ServiceID ${serviceId} a second time`,
    };
  }
}

function sealed(
  response: { readonly SaleToPOIResponse: { readonly MessageHeader: unknown } },
  key: SharedKey,
) {
  const { MessageHeader } = response.SaleToPOIResponse;
  return { SaleToPOIResponse: { MessageHeader, ...seal(JSON.stringify(response), key) } };
}

/** Terminals refuse in clear text, with a list of complaints, and without saying which request they mean. */
function refuse(...errors: readonly string[]): HttpAnswer {
  return { status: 400, body: { errors, ServiceID: '-NULL-' } };
}

function malformed(answer: HttpAnswer): TerminalAnswer {
  return {
    answer,
    breach: { kind: 'malformed-message', message: 'a terminal was sent a message it cannot read' },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
