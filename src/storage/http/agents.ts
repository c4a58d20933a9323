import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { DesiredProxy } from '../../domain/desired-storage.ts';
import type { Duration } from '../../domain/duration.ts';
import { errorCode } from '../../domain/error-code.ts';
import { Failure } from '../../domain/failure.ts';
import type { StorageContext } from '../storage-context.ts';
import { limitConnecting } from './connect-deadline.ts';
import { connectThroughProxy } from './proxy.ts';
import { STALL_LIMITS, type StallLimits, StallWatch } from './stall-watch.ts';

/** What a driver gives to its SDK, or uses for its own requests. */
export interface HttpAgents {
  readonly http: http.Agent;
  readonly https: https.Agent;
  /** Ends all connections, also those in use. */
  close(): void;
}

/** What a policy says about the way to a store. */
export interface DeclaredNetwork {
  readonly tls: { readonly verify: boolean; readonly ca: string | undefined };
  readonly proxy: DesiredProxy | undefined;
  readonly connectTimeout?: Duration | undefined;
  /** How long a request may stand still. */
  readonly readTimeout?: Duration | undefined;
}

const CONNECT_MILLISECONDS = 30_000;

/**
 * Agents that keep connections alive, verify certificates as declared, go through the declared proxy, and end connections that do not
 * move (see StallWatch) or cannot be opened in time. `limits` are for tests.
 */
export async function createHttpAgents(
  network: DeclaredNetwork,
  context: StorageContext,
  limits: Partial<StallLimits> = {},
): Promise<HttpAgents> {
  const connectMilliseconds = network.connectTimeout ?? CONNECT_MILLISECONDS;
  const way: Way = {
    connectMilliseconds,
    limits: { ...STALL_LIMITS, ...(network.readTimeout && { silenceMilliseconds: network.readTimeout }), ...limits },
    tunnel: tunnelOf(network.proxy, context, connectMilliseconds),
  };
  const tls = { rejectUnauthorized: network.tls.verify, ...(await authorities(network.tls.ca)) };
  const agents = { http: new HttpAgent(way), https: new HttpsAgent(way, tls) };
  return {
    ...agents,
    close: () => {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

interface Way {
  readonly connectMilliseconds: number;
  readonly limits: StallLimits;
  /** Undefined: connections are opened directly. */
  readonly tunnel: ((host: string, port: number) => Promise<Socket>) | undefined;
}

// How many requests run at once is limited above, per repository; a second limit here would only hold them up unseen.
const KEEP_ALIVE = {
  keepAlive: true,
  maxSockets: Number.POSITIVE_INFINITY,
  // Connections that idle are closed before firewalls forget them. Requests under way are not touched by it.
  timeout: 20_000,
} as const;

type Done = (error: Error | null, stream: Duplex) => void;

class HttpAgent extends http.Agent {
  readonly #way: Way;
  readonly #watch: StallWatch;

  constructor(way: Way) {
    super(KEEP_ALIVE);
    this.#way = way;
    this.#watch = new StallWatch(way.limits, () => socketsOf(this));
  }

  override createConnection(options: http.ClientRequestArgs, done?: Done): Duplex | null | undefined {
    return openConnection(this.#way, options, done, (tunnel) => tunnel ?? super.createConnection(options));
  }

  override reuseSocket(socket: Duplex, request: http.ClientRequest): void {
    this.#watch.begins(socket);
    super.reuseSocket(socket, request);
  }

  override destroy(): void {
    this.#watch.close();
    super.destroy();
  }
}

class HttpsAgent extends https.Agent {
  readonly #way: Way;
  readonly #watch: StallWatch;

  constructor(way: Way, tls: https.AgentOptions) {
    super({ ...KEEP_ALIVE, ...tls });
    this.#way = way;
    this.#watch = new StallWatch(way.limits, () => socketsOf(this));
  }

  override createConnection(options: https.RequestOptions, done?: Done): Duplex | null | undefined {
    return openConnection(this.#way, options, done, (tunnel) => {
      const all = { ...options, ...(tunnel && { socket: tunnel }) };
      return super.createConnection(all);
    });
  }

  override reuseSocket(socket: Duplex, request: http.ClientRequest): void {
    this.#watch.begins(socket);
    super.reuseSocket(socket, request);
  }

  override destroy(): void {
    this.#watch.close();
    super.destroy();
  }
}

/** Directly, or later through the tunnel: Node's agents take both. */
function openConnection(
  way: Way,
  options: http.ClientRequestArgs,
  done: Done | undefined,
  open: (tunnel: Socket | undefined) => Duplex | null | undefined,
): Duplex | undefined {
  const limited = (tunnel: Socket | undefined): Socket => {
    const socket = open(tunnel);
    if (!(socket instanceof Socket))
      throw new Failure('bug', { message: 'an agent opened something that is no socket' });
    if (socket !== tunnel) limitConnecting(socket, way.connectMilliseconds);
    return socket;
  };
  if (way.tunnel === undefined) return limited(undefined);
  if (done !== undefined)
    void deliver(way.tunnel(options.host ?? 'localhost', Number(options.port)).then(limited), done);
  return undefined;
}

async function deliver(opening: Promise<Socket>, done: Done): Promise<void> {
  let socket: Socket;
  try {
    socket = await opening;
  } catch (error) {
    // Where there is an error nobody looks at the stream.
    return done(error instanceof Error ? error : new Error(String(error)), new Socket());
  }
  done(null, socket);
}

function tunnelOf(proxy: DesiredProxy | undefined, context: StorageContext, milliseconds: number): Way['tunnel'] {
  if (proxy === undefined) return undefined;
  return (host, port) => connectThroughProxy(proxy, { host, port }, context, milliseconds);
}

/** Those that have a request; the idle ones are in `freeSockets`. */
function* socketsOf(agent: http.Agent): Generator<Socket> {
  for (const sockets of Object.values(agent.sockets)) yield* sockets ?? [];
}

async function authorities(file: string | undefined): Promise<{ readonly ca?: string }> {
  if (file === undefined) return {};
  let pem: string;
  try {
    pem = await readFile(file, 'utf8');
  } catch (error) {
    throw badAuthorities(file, `cannot be read (${errorCode(error) ?? 'unknown error'})`, error);
  }
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw badAuthorities(file, 'holds no certificate in PEM form');
  return { ca: pem };
}

function badAuthorities(file: string, why: string, cause?: unknown): Failure {
  return new Failure('policy.invalid', {
    message: `the file of certificate authorities ${file} ${why}`,
    hint: 'tls.ca names a PEM file on this host; check the path, which is relative to the policy file, and its permissions',
    cause,
  });
}
