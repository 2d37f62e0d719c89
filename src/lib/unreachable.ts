/** Ends an exhaustive switch. Throws when reached: a case was added and not handled. */
export function unreachable(value: never): never {
  throw new Error(`unhandled case: ${JSON.stringify(value)}`);
}
