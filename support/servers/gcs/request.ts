import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { invalid } from './gcs-error.ts';

/** A request with its body read. */
export interface GcsRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Scheme and authority as the client has named them. */
  readonly base: string;
  /** The connection broke before the body was whole; nobody gets the answer. */
  readonly broken: boolean;
}

export interface GcsReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON, or bytes. */
  readonly json?: unknown;
  readonly body?: Buffer;
}

/** With `cutAfter`, what comes after so many bytes of body is taken for never having come. */
export async function readRequest(incoming: IncomingMessage, scheme: string, cutAfter = Infinity): Promise<GcsRequest> {
  const base = `${scheme}://${incoming.headers.host ?? 'localhost'}`;
  const url = new URL(incoming.url ?? '/', base);
  const pieces: Buffer[] = [];
  let broken = false;
  try {
    let room = cutAfter;
    for await (const piece of incoming as AsyncIterable<Buffer>) {
      pieces.push(piece.subarray(0, room));
      room -= piece.length;
      broken = room <= 0;
      if (broken) break;
    }
  } catch {
    broken = true;
  }
  const body = Buffer.concat(pieces);
  return {
    method: incoming.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers: incoming.headers,
    body: incoming.headers['content-encoding'] === 'gzip' && !broken ? gunzipSync(body) : body,
    base,
    broken,
  };
}

export function parseJsonBody(body: Buffer): unknown {
  if (body.length === 0) return {};
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw invalid('Parse Error');
  }
}
