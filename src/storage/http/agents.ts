import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import type { DesiredProxy } from '../../domain/desired-storage.ts';
import type { Duration } from '../../domain/duration.ts';
import { Failure } from '../../domain/failure.ts';
import type { StorageContext } from '../storage-context.ts';
import { watchSockets } from './socket-watch.ts';

/** What a policy says of the way to a service: every storage type with a network has it. */
export interface DeclaredNetwork {
  readonly tls: { readonly verify: boolean; readonly ca: string | undefined };
  readonly proxy: DesiredProxy | undefined;
  readonly connectTimeout?: Duration | undefined;
  readonly readTimeout?: Duration | undefined;
}

/** Connections for one store: kept open between requests, through the declared proxy, ended where they make no progress. */
export interface HttpAgents {
  readonly http: http.Agent;
  readonly https: https.Agent;
  close(): void;
}

// More than the requests that a repository may have at once by default, so that the gate decides and not the pool of sockets.
const MAX_SOCKETS = 64;
const PROXY_SECRET_MILLISECONDS = 30_000;

/**
 * Opens no connection. A `ca` file replaces the system's authorities. Throws `policy.invalid` where that file cannot be read, and
 * `secret.unavailable` where the proxy's password is not there.
 */
export async function createHttpAgents(network: DeclaredNetwork, context: StorageContext): Promise<HttpAgents> {
  const tls = {
    rejectUnauthorized: network.tls.verify,
    ...(network.tls.ca !== undefined && { ca: await readAuthorities(network.tls.ca) }),
  };
  const pair = await createPair(network.proxy, tls, context);
  const stopWatching = watchSockets([pair.http, pair.https], network);
  return {
    ...pair,
    close() {
      stopWatching();
      pair.http.destroy();
      pair.https.destroy();
    },
  };
}

interface Tls {
  readonly rejectUnauthorized: boolean;
  readonly ca?: Buffer;
}

async function createPair(
  proxy: DesiredProxy | undefined,
  tls: Tls,
  context: StorageContext,
): Promise<{ readonly http: http.Agent; readonly https: https.Agent }> {
  const pool = { keepAlive: true, maxSockets: MAX_SOCKETS, maxFreeSockets: MAX_SOCKETS } as const;
  if (proxy === undefined) return { http: new http.Agent(pool), https: new https.Agent({ ...pool, ...tls }) };
  const url = await proxyUrl(proxy, context);
  // Certificates are checked against the store's name, inside the tunnel.
  if (proxy.type === 'socks5') {
    const { SocksProxyAgent } = await import('socks-proxy-agent');
    return { http: new SocksProxyAgent(url, pool), https: withTls(new SocksProxyAgent(url, pool), tls) };
  }
  const { HttpsProxyAgent } = await import('https-proxy-agent');
  const { HttpProxyAgent } = await import('http-proxy-agent');
  return { http: new HttpProxyAgent(url, pool), https: withTls(new HttpsProxyAgent(url, pool), tls) };
}

/**
 * The agents of the proxy packages take what is said of the proxy's own certificate; that of the store comes with each request. They
 * open the TLS connection themselves with the request's options, which an agent may complete here.
 */
function withTls<T extends http.Agent>(agent: T, tls: Tls): T {
  const connect = Reflect.get(agent, 'connect') as (request: unknown, options: object) => Promise<unknown>;
  Reflect.set(agent, 'connect', (request: unknown, options: object) =>
    connect.call(agent, request, { ...options, ...tls }),
  );
  return agent;
}

async function proxyUrl(proxy: DesiredProxy, context: StorageContext): Promise<string> {
  // socks5h: the proxy looks the name up, which may be the only one that can.
  const scheme = proxy.type === 'socks5' ? 'socks5h' : 'http';
  const host = proxy.host.includes(':') ? `[${proxy.host}]` : proxy.host;
  if (proxy.username === undefined) return `${scheme}://${host}:${proxy.port}`;
  const password =
    proxy.password === undefined
      ? ''
      : (await context.secrets.resolve(proxy.password, AbortSignal.timeout(PROXY_SECRET_MILLISECONDS))).reveal();
  return `${scheme}://${encodeURIComponent(proxy.username)}:${encodeURIComponent(password)}@${host}:${proxy.port}`;
}

async function readAuthorities(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new Failure('policy.invalid', {
      message: `the file of certificate authorities ${path} cannot be read`,
      hint: 'tls.ca names a PEM file on this host; check the path, which is relative to the policy file, and its permissions',
      cause: error,
    });
  }
}
