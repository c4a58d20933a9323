import { once } from 'node:events';
import http from 'node:http';
import { createServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../../support/fault-proxy/fault-proxy.ts';

interface Seen {
  readonly method: string;
  readonly headers: readonly string[];
  readonly length: number;
}

const MEGABYTE = Buffer.alloc(1_000_000, 'x');
const seen: Seen[] = [];
const server = http.createServer((asked, answer) => {
  let length = 0;
  asked.on('data', (bytes: Uint8Array) => {
    length += bytes.length;
  });
  // Not where the request breaks off.
  asked.once('end', () => {
    seen.push({ method: asked.method ?? '', headers: asked.rawHeaders, length });
    answer.end(asked.method === 'GET' ? MEGABYTE : 'done');
  });
});
let target = { host: '127.0.0.1', port: 0 };
let proxy: FaultProxy;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  target = { ...target, port: typeof address === 'object' && address ? address.port : 0 };
  proxy = await startFaultProxy({ target, protocol: 'http' });
});

afterEach(() => {
  proxy.inject(undefined);
  seen.length = 0;
});

afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  server.close();
  server.closeAllConnections();
});

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

async function ask(method = 'GET', body?: Uint8Array, headers: readonly string[] = []): Promise<Answer> {
  const options = { host: '127.0.0.1', port: proxy.port, method, path: '/a%20b?c=%2F', agent: false };
  const asked = http.request({ ...options, ...(headers.length > 0 && { headers, setHost: false }) });
  const answered = once(asked, 'response');
  // A connection may break once more after its answer.
  asked.on('error', () => undefined);
  asked.end(body);
  const message: unknown = (await answered)[0];
  if (!(message instanceof http.IncomingMessage)) throw new Error('no answer');
  return { status: message.statusCode ?? 0, headers: message.headers, body: await buffer(message) };
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return 'none';
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
}

describe('the fault proxy', () => {
  test('passes requests on with their headers as they were', async () => {
    const headers = ['hOST', 'example.org:1', 'X-Signed', 'b, a', 'x-Signed', 'c', 'Content-Length', '1000000'];
    const answer = await ask('PUT', MEGABYTE, headers);
    expect(answer.body.toString()).toBe('done');
    expect(seen[0]?.headers.slice(0, headers.length)).toEqual(headers);
    expect(seen[0]?.length).toBe(1_000_000);
    expect((await ask()).body.equals(MEGABYTE)).toBe(true);
    expect(proxy.struck).toEqual({});
  });

  test('answers itself, so often, and only what was meant', async () => {
    const match = (method: string): boolean => method === 'PUT';
    proxy.inject({ kind: 'answer', status: 503, headers: { 'retry-after': '2' }, body: 'busy', count: 2, match });
    expect((await ask()).status).toBe(200);
    for (let index = 0; index < 2; index += 1) {
      const refused = await ask('PUT', MEGABYTE);
      expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '2' } });
      expect(refused.body.toString()).toBe('busy');
    }
    expect((await ask('PUT', MEGABYTE)).status).toBe(200);
    expect(seen.map(({ method }) => method)).toEqual(['GET', 'PUT']);
  });

  test('loses the answer to what was done', async () => {
    proxy.inject({ kind: 'lose-answer' });
    expect(await codeOf(ask('PUT', MEGABYTE))).toBe('ECONNRESET');
    expect(seen).toMatchObject([{ method: 'PUT', length: 1_000_000 }]);
  });

  test.each(['truncate-answer', 'reset-answer'] as const)('%s', async (kind) => {
    proxy.inject({ kind, after: 300_000, count: 1 });
    expect(await codeOf(ask())).toBe('ECONNRESET');
    expect((await ask()).body.length).toBe(1_000_000);
    proxy.inject({ kind, after: 100, count: 1 });
    expect((await ask('PUT', MEGABYTE)).body.toString()).toBe('done');
  });

  test('goes on with a connection whose request was answered before its body had come', async () => {
    // As Swift does where a container is missing: it answers, and ends the connection without having read the body.
    const early = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.pause();
        socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone', () =>
          setTimeout(() => socket.destroy(), 50),
        );
      });
    });
    early.listen(0, '127.0.0.1');
    await once(early, 'listening');
    const address = early.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const before = await startFaultProxy({ target: { host: '127.0.0.1', port }, protocol: 'http' });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    try {
      for (const body of [Buffer.alloc(5_000_000), MEGABYTE, undefined]) {
        const asked = http.request({ host: '127.0.0.1', port: before.port, method: 'PUT', agent, timeout: 5000 });
        const timedOut = once(asked, 'timeout').then(() => 'nothing moved for 5 seconds');
        const all = Promise.all([once(asked, 'response'), once(asked, 'finish')]);
        asked.end(body);
        const answered: unknown = await Promise.race([all, timedOut]);
        const message: unknown = Array.isArray(answered) ? answered[0]?.[0] : answered;
        if (!(message instanceof http.IncomingMessage)) throw new Error(String(message));
        expect(message.statusCode).toBe(404);
        message.resume();
        await once(message, 'close');
      }
    } finally {
      agent.destroy();
      await before[Symbol.asyncDispose]();
      early.close();
    }
  });

  test('breaks a request in its body', async () => {
    proxy.inject({ kind: 'reset-request', after: 300_000 });
    expect(['ECONNRESET', 'EPIPE']).toContain(await codeOf(ask('PUT', MEGABYTE)));
    expect(seen).toEqual([]);
    expect((await ask('PUT', MEGABYTE.subarray(0, 1000))).status).toBe(200);
  });

  test('resets and cuts connections after so many bytes, either way', async () => {
    for (const kind of ['reset', 'cut'] as const) {
      proxy.inject({ kind, direction: 'down', after: 5000 });
      expect(await codeOf(ask())).toBe('ECONNRESET');
      proxy.inject({ kind, direction: 'up', after: 5000 });
      expect(['ECONNRESET', 'EPIPE']).toContain(await codeOf(ask('PUT', MEGABYTE)));
    }
    expect(seen.map(({ method }) => method)).toEqual(['GET', 'GET']);
    proxy.inject({ kind: 'refuse' });
    expect(await codeOf(ask())).toBe('ECONNRESET');
  });

  test('holds bytes back, and lets them go', async () => {
    proxy.inject({ kind: 'black-hole' });
    const held = ask();
    proxy.inject(undefined);
    expect((await held).body.length).toBe(1_000_000);
    proxy.inject({ kind: 'rate', direction: 'down', bytesPerSecond: 10, after: 200 });
    const trickled = ask();
    await Promise.race([trickled, new Promise((resolve) => setTimeout(resolve, 300))]);
    proxy.inject(undefined);
    expect((await trickled).body.length).toBe(1_000_000);
    proxy.inject({ kind: 'latency', milliseconds: 50 });
    const started = performance.now();
    await ask();
    expect(performance.now() - started).toBeGreaterThan(95);
  });

  test('strikes by chance, the same way each time', async () => {
    const run = async (): Promise<number[]> => {
      await using seeded = await startFaultProxy({ target, protocol: 'http', seed: 7 });
      seeded.inject({ kind: 'answer', status: 500, chance: 0.5 });
      const statuses: number[] = [];
      for (let index = 0; index < 12; index += 1) {
        const answer = await fetch(`http://127.0.0.1:${seeded.port}/`, { method: 'DELETE' });
        await answer.arrayBuffer();
        statuses.push(answer.status);
      }
      return statuses;
    };
    const statuses = await run();
    expect(new Set(statuses)).toEqual(new Set([200, 500]));
    expect(await run()).toEqual(statuses);
  });

  test('a proxy of bytes refuses faults of requests', async () => {
    await using bytes = await startFaultProxy({ target });
    expect(() => bytes.inject({ kind: 'lose-answer' })).toThrow(/knows no fault/);
  });
});
