import { createCipheriv, createHmac, randomBytes } from 'node:crypto';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { TERMINAL_NAME } from '../../src/simulator/certificates.ts';
import { deriveKey, Envelope, unseal } from '../../src/simulator/envelope.ts';
import type { SimulatedTarget, Simulator } from '../../src/simulator/simulator.ts';
import { NEXO_KEY } from '../../src/simulator/start-simulator.ts';

const HOST = '127.0.0.1';
export const KEY = deriveKey(NEXO_KEY.identifier, NEXO_KEY.version, NEXO_KEY.passphrase);

/** What a bare connection attempt meets: `connected`, an error's code, or `pending` at the deadline. */
export function dial(port: number, deadlineMs = 500): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({ port, host: HOST });
  const deadline = setTimeout(() => resolve('pending'), deadlineMs);
  socket.once('connect', () => resolve('connected'));
  socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  return promise.finally(() => {
    clearTimeout(deadline);
    socket.destroy();
  });
}

/** How a connection that was made ends by itself, or `open` when it has not by the deadline. */
export function outlast(port: number, deadlineMs = 500): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({ port, host: HOST });
  const deadline = setTimeout(() => resolve('open'), deadlineMs);
  socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  socket.once('end', () => resolve('ended'));
  return promise.finally(() => {
    clearTimeout(deadline);
    socket.destroy();
  });
}

/** What a TLS handshake meets: `greeted`, an error's code, or `silent` at the deadline. */
export function greet(port: number, deadlineMs = 500): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = tlsConnect({ port, host: HOST, rejectUnauthorized: false });
  const deadline = setTimeout(() => resolve('silent'), deadlineMs);
  socket.once('secureConnect', () => resolve('greeted'));
  socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  return promise.finally(() => {
    clearTimeout(deadline);
    socket.destroy();
  });
}

export interface Answered {
  readonly status: number;
  readonly body: string;
  readonly tookMs: number;
}

interface Ask {
  readonly method?: string;
  readonly path?: string;
  readonly body?: string;
  readonly withClientCertificate?: boolean;
  readonly signal?: AbortSignal;
}

/** One HTTPS request that trusts the simulator's authority alone. Rejects with what went wrong. */
export function ask(simulator: Simulator, target: SimulatedTarget, given: Ask = {}): Promise<Answered> {
  const { method = 'GET', path = '/', body, withClientCertificate = true, signal } = given;
  const { ca, swishClient } = simulator.certificates;
  const { promise, resolve, reject } = Promise.withResolvers<Answered>();
  const startedMs = performance.now();
  const request = httpsRequest(
    {
      host: HOST,
      port: target.port,
      method,
      path,
      ca,
      agent: false,
      ...(target.kind === 'terminal' ? { servername: TERMINAL_NAME } : {}),
      ...(target.kind === 'swish' && withClientCertificate
        ? { cert: swishClient.cert, key: swishClient.key }
        : {}),
      ...(signal === undefined ? {} : { signal }),
    },
    (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks).toString('utf8'),
          tookMs: performance.now() - startedMs,
        }),
      );
    },
  );
  request.on('error', reject);
  request.end(body);
  return promise;
}

/** The code or message of what a promise rejects with; its value told as text when it does not. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    return `no error, but ${JSON.stringify(await promise)}`;
  } catch (error) {
    // Errors of Node itself are no instances of the Error that tests run with.
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

let serviceIds = 0;

export function diagnosisMessage(
  poiId: string,
  parts: { readonly hosts?: boolean; readonly serviceId?: string; readonly category?: string } = {},
) {
  const { hosts = false, serviceId = `T${++serviceIds}`, category = 'Diagnosis' } = parts;
  return {
    SaleToPOIRequest: {
      MessageHeader: {
        ProtocolVersion: '3.0',
        MessageClass: 'Service',
        MessageCategory: category,
        MessageType: 'Request',
        ServiceID: serviceId,
        SaleID: 'test',
        POIID: poiId,
      },
      [`${category}Request`]: { HostDiagnosisFlag: hosts },
    },
  };
}

/** Sealed step by step as the description has it, not with the simulator's own function. */
export function sealForTest(message: ReturnType<typeof diagnosisMessage>) {
  const plaintext = JSON.stringify(message);
  const nonce = randomBytes(16);
  const iv = Buffer.from(KEY.iv.map((byte, index) => byte ^ (nonce[index] ?? 0)));
  const cipher = createCipheriv('aes-256-cbc', KEY.cipherKey, iv);
  return {
    SaleToPOIRequest: {
      MessageHeader: message.SaleToPOIRequest.MessageHeader,
      NexoBlob: Buffer.concat([cipher.update(plaintext), cipher.final()]).toString('base64'),
      SecurityTrailer: {
        AdyenCryptoVersion: 1,
        KeyIdentifier: KEY.identifier,
        KeyVersion: KEY.version,
        Nonce: nonce.toString('base64'),
        Hmac: createHmac('sha256', KEY.hmacKey).update(plaintext).digest('base64'),
      },
    },
  };
}

export interface Diagnosis {
  readonly header: Readonly<Record<string, unknown>>;
  readonly status: Readonly<Record<string, unknown>>;
  readonly hosts: readonly Readonly<Record<string, unknown>>[] | undefined;
  readonly additional: URLSearchParams;
}

/** Asks a terminal for its diagnosis, sealed when it wants that. Rejects when it refuses. */
export async function diagnose(
  simulator: Simulator,
  target: SimulatedTarget,
  parts: Parameters<typeof diagnosisMessage>[1] = {},
): Promise<Diagnosis> {
  const message = diagnosisMessage(target.id, parts);
  const isEncrypted = target.device?.isEncrypted === true;
  const body = JSON.stringify(isEncrypted ? sealForTest(message) : message);
  const answer = await ask(simulator, target, { method: 'POST', path: '/nexo/', body });
  if (answer.status !== 200) throw new Error(answer.body);
  const outer = JSON.parse(answer.body).SaleToPOIResponse;
  const inner = isEncrypted
    ? JSON.parse(unseal(Envelope.parse(outer), KEY) ?? 'null').SaleToPOIResponse
    : outer;
  const { POIStatus, HostStatus, Response } = inner.DiagnosisResponse;
  return {
    header: inner.MessageHeader,
    status: POIStatus,
    hosts: HostStatus,
    additional: new URLSearchParams(Response.AdditionalResponse),
  };
}

/** The first target of a kind for which `isWanted` holds. */
export function pickTarget(
  simulator: Simulator,
  kind: SimulatedTarget['kind'],
  isWanted: (target: SimulatedTarget) => boolean = () => true,
): SimulatedTarget {
  const found = simulator.targets.find((target) => target.kind === kind && isWanted(target));
  if (found === undefined) throw new Error(`this estate has no such ${kind}`);
  return found;
}
