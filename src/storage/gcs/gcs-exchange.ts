import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { HttpAgents } from '../http/agents.ts';
import type { Body } from '../remote/driver.ts';

export interface GcsAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** To be read to its end or destroyed. */
  readonly body: IncomingMessage;
}

interface Exchange {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Body;
  readonly signal: AbortSignal;
}

/** One request and the head of its answer. The pieces of the body are written as they are, without a copy. */
export function exchange(
  agents: HttpAgents,
  url: URL,
  { method, headers, body, signal }: Exchange,
): Promise<GcsAnswer> {
  const length = body?.length ?? 0;
  const options = {
    method,
    signal,
    headers: {
      'user-agent': 'hoard',
      // Where it is left out the service unpacks objects that were stored with an encoding, and then ignores ranges.
      'accept-encoding': 'gzip',
      ...headers,
      ...(method !== 'GET' && { 'content-length': String(length) }),
    },
  };
  return new Promise((resolve, reject) => {
    const answered = (answer: IncomingMessage): void => {
      // Until somebody reads it, a connection that breaks must not end the process.
      answer.on('error', () => undefined);
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: answer });
    };
    const request =
      url.protocol === 'http:'
        ? http.request(url, { ...options, agent: agents.http }, answered)
        : https.request(url, { ...options, agent: agents.https }, answered);
    request.on('error', reject);
    for (const piece of body?.pieces ?? []) if (piece.length > 0) request.write(piece);
    request.end();
  });
}
