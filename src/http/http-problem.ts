const STATUS_OF_CODE = {
  'bad-request': 400,
  'bad-query': 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'too-large': 413,
  'bad-configuration': 422,
  'too-many-attempts': 429,
  internal: 500,
  busy: 503,
  'not-ready': 503,
  inconclusive: 503,
} as const;

export type ProblemCode = keyof typeof STATUS_OF_CODE;
export const PROBLEM_CODES = Object.keys(STATUS_OF_CODE) as readonly ProblemCode[];

/** A request that is answered with an error. Thrown, as express wants it, and caught at the app's one edge. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly code: ProblemCode;
  /** The part of the request that is wrong. */
  readonly field: string | undefined;
  /** When to try again. Unit: s. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ProblemCode,
    message: string,
    more: { readonly field?: string; readonly retryAfterSeconds?: number } = {},
  ) {
    super(message);
    this.code = code;
    this.field = more.field;
    this.retryAfterSeconds = more.retryAfterSeconds;
  }

  get status(): number {
    return STATUS_OF_CODE[this.code];
  }
}

/** The problem as clients get it. Of an error of our own they get no more than that there was one. */
export function toProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined;
  if (status === 413) {
    const limit = typeof error === 'object' && error !== null && 'limit' in error ? Number(error.limit) : 0;
    return new HttpProblem('too-large', `The request body is larger than ${Math.round(limit / 1_024)} KiB.`);
  }
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new HttpProblem('bad-request', 'The request cannot be read.');
  }
  return new HttpProblem('internal', 'The monitor failed to answer; its log has the cause.');
}
