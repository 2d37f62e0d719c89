/**
 * Whether a promise settles within 50 ms. A timer that is set now and a promise that settles in time come in that order
 * also on a machine that is late.
 */
export async function settlesWithin50Ms(running: Promise<unknown>): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => setImmediate(() => late.resolve(false)), 50);
  try {
    const settled = running.then(
      () => true,
      () => true,
    );
    return await Promise.race([settled, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
