import { type ClientRequest, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { HttpAgents } from '../http/agents.ts';
import type { Body } from '../remote/driver.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Body | undefined;
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Must be read to its end or destroyed: it holds a connection. */
  readonly message: IncomingMessage;
}

const NO_BODY: Body = { pieces: [], length: 0 };

/** Sends a request once and gives its answer, whatever the status. Throws what node:http throws. */
export function send(agents: HttpAgents, request: HttpRequest): Promise<HttpResponse> {
  const sent = open(agents, request);
  const answer = answerTo(sent);
  writeBody(sent, request.body ?? NO_BODY);
  return answer;
}

function open(agents: HttpAgents, { method, url, headers, body, signal }: HttpRequest): ClientRequest {
  const length = body === undefined ? {} : { 'Content-Length': String(body.length) };
  const options = { method, headers: { ...headers, ...length }, signal };
  return url.protocol === 'https:'
    ? httpsRequest(url, { ...options, agent: agents.https })
    : httpRequest(url, { ...options, agent: agents.http });
}

/** Knows nothing of the body: these listeners live a little longer than the request, and would keep it. */
function answerTo(sent: ClientRequest): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    // Stays for good: an answer may come before the body is sent, and the connection break only then.
    sent.on('error', reject);
    sent.once('response', (message) => {
      // Somebody iterates the body and gets the error there; nobody must not be an uncaught exception.
      message.on('error', () => undefined);
      // The rest of a body that the server did not wait for: it gets no second answer, so the connection is of no use.
      message.once('end', () => {
        if (!sent.writableFinished) sent.destroy();
      });
      resolve({ status: message.statusCode ?? 0, headers: message.headers, message });
    });
  });
}

// Small enough that a connection that moves slowly can be told from one that stands still.
const SLICE = 128 * 1024;

function writeBody(sent: ClientRequest, body: Body): void {
  const slices = slicesOf(body);
  const writeMore = (): void => {
    for (;;) {
      const next = slices.next();
      if (next.done === true) return void sent.end();
      if (!sent.write(next.value)) return void sent.once('drain', writeMore);
    }
  };
  writeMore();
}

function* slicesOf(body: Body): Generator<Uint8Array, undefined> {
  for (const piece of body.pieces) {
    for (let start = 0; start < piece.length; start += SLICE) yield piece.subarray(start, start + SLICE);
  }
}
