import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { BucketOptions } from './bucket.ts';
import { type Fault, Faults } from './faults.ts';
import { GcsApi } from './gcs-api.ts';
import { GcsError } from './gcs-error.ts';
import { type GcsReply, type GcsRequest, readRequest } from './request.ts';
import { Tokens } from './tokens.ts';

export interface GcsServerOptions {
  /** PEM; the server speaks TLS with it. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** False: nobody needs a token, as with Google's own test server. Default true. */
  readonly auth?: boolean;
  /** Epoch milliseconds; for tokens and retention. */
  readonly now?: () => number;
  readonly port?: number;
}

/** What a test may look at and turn. */
export interface GcsServer extends AsyncDisposable {
  readonly endpoint: string;
  /** The JSON key of a service account that may do everything. */
  readonly keyFile: string;
  readonly api: GcsApi;
  readonly tokens: Tokens;
  readonly faults: Faults;
  /** What was asked so far: `PUT /upload/…?…` and how many bytes of body came. */
  readonly requests: readonly SeenRequest[];
  makeBucket(name: string, options?: BucketOptions): void;
  /** Connections break, and new ones are refused; what is stored, and upload sessions, are kept. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** Requests get no answer until `resume`. */
  pause(): void;
  resume(): void;
}

interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly bytes: number;
  readonly range: string | undefined;
}

/** A server that speaks the JSON API of Google Cloud Storage, in this process and in memory; as the documentation says, not as hoard needs it. */
export async function startGcsServer(options: GcsServerOptions = {}): Promise<GcsServer> {
  const now = options.now ?? Date.now;
  const api = new GcsApi(now);
  const tokens = new Tokens(now);
  const faults = new Faults();
  const requests: SeenRequest[] = [];
  const scheme = options.tls === undefined ? 'http' : 'https';
  let resumed = Promise.withResolvers<void>();
  resumed.resolve();

  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const fault = faults.take(incoming);
    const cutAfter = fault?.kind === 'cut-request' ? fault.after : undefined;
    const request = spoil(await readRequest(incoming, scheme, cutAfter), fault);
    const { method = '', url = '' } = incoming;
    requests.push({ method, url, bytes: request.body.length, range: request.headers['content-range'] });
    await resumed.promise;
    const reply = fault?.kind === 'status' ? statusReply(fault) : answer(request, api, tokens, options.auth !== false);
    if (fault?.kind === 'lose-answer' || request.broken) incoming.socket.destroy();
    else send(outgoing, reply, method, fault?.kind === 'cut-answer' ? fault.after : undefined);
  };
  const listener: RequestListener = (incoming, outgoing) => {
    outgoing.on('error', () => undefined);
    handle(incoming, outgoing).catch((error: unknown) => outgoing.destroy(error instanceof Error ? error : undefined));
  };
  let server = await listen(listener, options, options.port ?? 0);
  const { port } = server.address() as AddressInfo;
  const endpoint = `${scheme}://127.0.0.1:${port}`;
  const kill = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    server.close(() => resolve());
    server.closeAllConnections();
    await promise;
  };
  return {
    endpoint,
    keyFile: tokens.createKey(`${endpoint}/token`),
    api,
    tokens,
    faults,
    requests,
    makeBucket: (name, bucket) => void api.makeBucket(name, bucket),
    kill,
    restart: async () => {
      server = await listen(listener, options, port);
    },
    pause: () => {
      resumed = Promise.withResolvers<void>();
    },
    resume: () => resumed.resolve(),
    [Symbol.asyncDispose]: async () => {
      resumed.resolve();
      await kill();
    },
  };
}

async function listen(listener: RequestListener, { tls }: GcsServerOptions, port: number): Promise<Server> {
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  // Uploads may take as long as they take.
  server.requestTimeout = 0;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, '127.0.0.1', () => resolve());
  await promise;
  return server;
}

function answer(request: GcsRequest, api: GcsApi, tokens: Tokens, auth: boolean): GcsReply {
  try {
    if (request.path === '/token' && request.method === 'POST') return tokens.grant(request);
    if (auth && !GcsApi.isSession(request)) tokens.authenticate(request);
    return api.answer(request);
  } catch (error) {
    if (!(error instanceof GcsError)) return { status: 500, json: { error: { code: 500, message: String(error) } } };
    if (error.status === 304) return { status: 304 };
    // Downloads answer errors as text.
    if (request.query.get('alt') === 'media' && request.method === 'GET') {
      return {
        status: error.status,
        headers: { 'content-type': 'text/html; charset=UTF-8' },
        body: Buffer.from(error.message),
      };
    }
    return { status: error.status, json: error.toJson() };
  }
}

function send(outgoing: ServerResponse, reply: GcsReply, method: string, cutAfter: number | undefined): void {
  const isJson = reply.json !== undefined;
  const body = isJson ? Buffer.from(JSON.stringify(reply.json)) : (reply.body ?? Buffer.alloc(0));
  outgoing.writeHead(reply.status, {
    ...(isJson && { 'content-type': 'application/json; charset=UTF-8' }),
    ...reply.headers,
    ...(reply.status !== 204 && reply.status !== 304 && { 'content-length': String(body.length) }),
  });
  if (cutAfter === undefined || method === 'HEAD') outgoing.end(method === 'HEAD' ? undefined : body);
  else outgoing.write(body.subarray(0, cutAfter), () => outgoing.destroy());
}

function statusReply({ status, retryAfter }: Fault & { kind: 'status' }): GcsReply {
  const reason = status === 429 ? 'rateLimitExceeded' : 'backendError';
  const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
  return {
    status,
    headers,
    json: new GcsError(status, reason, status === 429 ? 'Rate limit exceeded.' : 'Backend Error').toJson(),
  };
}

function spoil(request: GcsRequest, fault: Fault | undefined): GcsRequest {
  if (fault?.kind !== 'flip-byte' || request.body.length === 0) return request;
  const body = Buffer.from(request.body);
  const at = body.length >> 1;
  body[at] = (body[at] ?? 0) ^ 1;
  return { ...request, body };
}
