import type { ServerResponse } from 'node:http';
import { type HttpReceiver, type Received, startHttpReceiver } from './http-receiver.ts';

/** An annotation as Grafana keeps it. */
export interface Annotation {
  readonly id: number;
  dashboardUID?: string;
  panelId?: number;
  time: number;
  timeEnd: number;
  tags: readonly string[];
  text: string;
}

/** Grafana's annotations as its HTTP API documents them, in memory. */
export interface GrafanaDouble extends AsyncDisposable {
  readonly url: string;
  readonly annotations: Annotation[];
  readonly received: HttpReceiver['received'];
  /** What the next requests of `method` are answered with instead, before or, with `after`, once they are done. */
  fail(method: string, answer: (response: ServerResponse) => void, when?: 'before' | 'after'): void;
  heal(): void;
}

/** `token`: of a service account that may do everything; every other is refused. */
export async function startGrafana(token: string): Promise<GrafanaDouble> {
  const annotations: Annotation[] = [];
  const failures = new Map<
    string,
    { readonly answer: (response: ServerResponse) => void; readonly isAfter: boolean }
  >();
  let lastId = 1_123;

  const act = ({ method, path, headers, body }: Received): readonly [status: number, answer: unknown] => {
    if (headers.authorization !== `Bearer ${token}`) return [401, { message: 'Invalid API key' }];
    const url = new URL(path, 'http://grafana.test');
    const id = /^\/api\/annotations\/(\d+)$/.exec(url.pathname)?.[1];
    if (method === 'GET' && url.pathname === '/api/annotations') {
      const tags = url.searchParams.getAll('tags');
      const limit = Number(url.searchParams.get('limit') ?? 100);
      // Every tag must be there, as `matchAny` is not asked for; newest first.
      const found = annotations.filter((each) => tags.every((tag) => each.tags.includes(tag)));
      return [200, found.toReversed().slice(0, limit)];
    }
    if (method === 'POST' && url.pathname === '/api/annotations') {
      const given = JSON.parse(body);
      if (given.text === undefined || given.text === '')
        return [400, { message: 'text field should not be empty' }];
      if (JSON.stringify(given.tags ?? []).length > 500)
        return [400, { message: 'tags length exceeds the maximum' }];
      const made = { timeEnd: given.time, tags: [], ...given, id: ++lastId };
      annotations.push(made);
      return [200, { message: 'Annotation added', id: made.id }];
    }
    if (method === 'PATCH' && id !== undefined) {
      const found = annotations.find((each) => each.id === Number(id));
      if (found === undefined) return [404, { message: 'Annotation not found' }];
      const { text, tags, time, timeEnd } = JSON.parse(body);
      if (text) found.text = text;
      if (tags) found.tags = tags;
      if (time > 0) found.time = time;
      if (timeEnd > 0) found.timeEnd = timeEnd;
      return [200, { message: 'Annotation patched' }];
    }
    return [404, { message: 'Not found' }];
  };

  const server = await startHttpReceiver((request, response) => {
    const failure = failures.get(request.method);
    if (failure !== undefined && !failure.isAfter) {
      failure.answer(response);
      return;
    }
    const [status, answer] = act(request);
    if (failure === undefined) {
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
    } else failure.answer(response);
  });
  return {
    url: server.url,
    annotations,
    received: server.received,
    fail: (method, answer, when = 'before') => failures.set(method, { answer, isAfter: when === 'after' }),
    heal: () => failures.clear(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
