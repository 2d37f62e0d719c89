/** One at a time, in the order asked. Disposing it waits for those under way; later ones are refused. */
export function serialised<Value>(run: () => Promise<Value>): (() => Promise<Value>) & AsyncDisposable {
  let last: Promise<unknown> = Promise.resolve();
  let isOver = false;
  const ask = (): Promise<Value> => {
    if (isOver) return Promise.reject(new Error('the monitor is stopping'));
    const mine = last.then(run);
    last = mine.catch(() => undefined);
    return mine;
  };
  const end = async (): Promise<void> => {
    isOver = true;
    await last;
  };
  return Object.assign(ask, { [Symbol.asyncDispose]: end });
}
