/**
 * The three Reflect functions that tsyringe, below @peculiar/x509, insists on before it loads. It reads back what it
 * wrote and nothing else, so a map does. Import this file before @peculiar/x509.
 */
const written = new WeakMap<object, Map<unknown, unknown>>();

function getOwnMetadata(key: unknown, target: object): unknown {
  return written.get(target)?.get(key);
}

function getMetadata(key: unknown, target: object): unknown {
  for (let at: object | null = target; at !== null; at = Reflect.getPrototypeOf(at)) {
    if (written.get(at)?.has(key) === true) return getOwnMetadata(key, at);
  }
  return undefined;
}

function defineMetadata(key: unknown, value: unknown, target: object): void {
  const ofTarget = written.get(target) ?? new Map<unknown, unknown>();
  written.set(target, ofTarget.set(key, value));
}

if (!('getMetadata' in Reflect)) Object.assign(Reflect, { getMetadata, getOwnMetadata, defineMetadata });
