import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import type { Fault, FaultSource } from './fault.ts';

/**
 * Passes requests on as they came, in order and spelling of their headers, so that signatures over them hold, and does to them what the
 * faults of the moment say.
 */
export function requestServer(target: { readonly host: string; readonly port: number }, faults: FaultSource): Server {
  const agent = new http.Agent({ keepAlive: false });
  const server = http.createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (asked, answer) => {
    // Either side may break at any time; the other is told by what follows.
    asked.on('error', () => undefined);
    answer.on('error', () => undefined);
    const fault = faults.forRequest(asked.method ?? '', asked.url ?? '');
    if (fault?.kind === 'answer' && faults.strikes(fault)) answerItself(asked, answer, fault);
    else passOn(asked, answer, { target, agent, faults, fault });
  });
  return server;
}

type Answer = Extract<Fault, { kind: 'answer' }>;

function answerItself(asked: IncomingMessage, answer: ServerResponse, { status, headers, body = '' }: Answer): void {
  // The whole request is read first: a client that still sends would see a broken connection instead of the answer.
  asked.resume();
  asked.once('end', () => {
    answer.writeHead(status, { 'content-length': String(Buffer.byteLength(body)), ...headers });
    answer.end(asked.method === 'HEAD' ? '' : body);
  });
}

interface Passage {
  readonly target: { readonly host: string; readonly port: number };
  readonly agent: http.Agent;
  readonly faults: FaultSource;
  readonly fault: Fault | undefined;
}

function passOn(asked: IncomingMessage, answer: ServerResponse, { target, agent, faults, fault }: Passage): void {
  const broken = (): void => void asked.socket.resetAndDestroy();
  const passed = http.request({
    ...target,
    agent,
    method: asked.method,
    path: asked.url,
    headers: asked.rawHeaders,
    setHost: false,
  });
  let answered: IncomingMessage | undefined;
  passed.on('error', () => {
    // Swift sends an end of chunks after answers that have no body: the answer is whole all the same.
    if (answered?.complete !== true) broken();
  });
  // Not a pipeline: where the server answers and ends before it has read all, that would leave `asked` unread for ever, and with it the
  // next request on the same connection.
  asked.pipe(passed);
  answer.once('close', () => {
    asked.unpipe(passed);
    asked.resume();
    passed.destroy();
  });
  const losesAnswer = fault?.kind === 'lose-answer' && faults.strikes(fault);
  if (fault?.kind === 'reset-request') {
    breakAfter(asked, fault, faults, () => {
      passed.destroy();
      broken();
    });
  }
  passed.once('response', (found) => {
    answered = found;
    found.on('error', broken);
    found.once('aborted', broken);
    if (losesAnswer) {
      found.resume();
      found.once('end', broken);
      return;
    }
    if (fault?.kind === 'truncate-answer' || fault?.kind === 'reset-answer') {
      truncate(found, answer, fault, faults);
      return;
    }
    answer.writeHead(found.statusCode ?? 500, found.statusMessage ?? '', found.rawHeaders);
    pipeline(found, answer, () => undefined);
  });
}

function breakAfter(
  asked: IncomingMessage,
  fault: Extract<Fault, { kind: 'reset-request' }>,
  faults: FaultSource,
  act: () => void,
): void {
  let length = 0;
  asked.on('data', (bytes: Uint8Array) => {
    const before = length;
    length += bytes.length;
    if (before <= fault.after && length > fault.after && faults.strikes(fault)) act();
  });
}

function truncate(
  found: IncomingMessage,
  answer: ServerResponse,
  fault: Extract<Fault, { kind: 'truncate-answer' | 'reset-answer' }>,
  faults: FaultSource,
): void {
  answer.writeHead(found.statusCode ?? 500, found.statusMessage ?? '', found.rawHeaders);
  let passed = 0;
  let struck = false;
  found.on('data', (bytes: Uint8Array) => {
    if (struck) return;
    const before = passed;
    passed += bytes.length;
    struck = before <= fault.after && passed > fault.after && faults.strikes(fault);
    if (!struck) {
      answer.write(bytes);
      return;
    }
    const last = bytes.subarray(0, fault.after - before);
    const end = (): void => {
      if (fault.kind === 'reset-answer') answer.socket?.resetAndDestroy();
      else answer.socket?.end();
    };
    // Once it is on its way: what is cut off must be the rest, not this.
    if (last.length > 0) answer.write(last, end);
    else {
      answer.flushHeaders();
      end();
    }
  });
  found.once('end', () => {
    if (!struck) answer.end();
  });
}
