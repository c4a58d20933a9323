import type { Socket } from 'node:net';
import type { DesiredProxy } from '../../domain/desired-storage.ts';
import { Failure, isFailure } from '../../domain/failure.ts';
import { describeSecretReference } from '../../policy/secret-resolver.ts';
import type { StorageContext } from '../storage-context.ts';
import { openHttpTunnel, type ProxyLogin, TunnelRefused, type TunnelTarget } from './http-tunnel.ts';
import { failureOfNetwork } from './network-failure.ts';
import { openSocksTunnel, SocksLoginRefused } from './socks5-tunnel.ts';

/** A connection to the target through the proxy, whose password is read anew each time. Only Failures are thrown. */
export async function connectThroughProxy(
  proxy: DesiredProxy,
  target: TunnelTarget,
  context: StorageContext,
  connectMilliseconds: number,
): Promise<Socket> {
  // Not AbortSignal.timeout: the signal stays tied to the connection, and must not end it once it is there.
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), connectMilliseconds);
  try {
    const login = await readLogin(proxy, context, late.signal);
    const open = proxy.type === 'http' ? openHttpTunnel : openSocksTunnel;
    return await open(proxy, target, login, late.signal);
  } catch (error) {
    throw proxyFailure(error, proxy, late.signal, connectMilliseconds);
  } finally {
    clearTimeout(timer);
  }
}

async function readLogin(
  { username, password }: DesiredProxy,
  { secrets }: StorageContext,
  signal: AbortSignal,
): Promise<ProxyLogin | undefined> {
  if (username === undefined && password === undefined) return undefined;
  const secret = password === undefined ? '' : (await secrets.resolve(password, signal)).reveal();
  return { username: username ?? '', password: secret };
}

// 407 by the standard; tinyproxy answers a wrong login, other than none, with 401.
const LOGIN_STATUSES = new Set([401, 407]);

function proxyFailure(error: unknown, proxy: DesiredProxy, late: AbortSignal, milliseconds: number): Failure {
  if (isFailure(error)) return error;
  const name = `${proxy.type} proxy ${proxy.host}:${proxy.port}`;
  if (error instanceof SocksLoginRefused || (error instanceof TunnelRefused && LOGIN_STATUSES.has(error.status))) {
    return loginRefused(name, proxy, error);
  }
  if (error instanceof TunnelRefused && error.status < 500) {
    return new Failure('store.denied', {
      message: `the ${name} does not connect us to the store: status ${error.status}`,
      hint: "allow the store's host and port in the proxy, or correct spec.storage.proxy",
      cause: error,
    });
  }
  if (late.aborted) {
    return new Failure('store.unavailable', {
      message: `the ${name} made no connection within ${milliseconds / 1000} s`,
      cause: error,
    });
  }
  return failureOfNetwork(error, { operation: 'connect', store: name });
}

function loginRefused(name: string, { username, password }: DesiredProxy, cause: Error): Failure {
  if (username === undefined) {
    return new Failure('store.denied', {
      message: `the ${name} wants a user and password`,
      hint: 'declare username and password in spec.storage.proxy',
      cause,
    });
  }
  const from =
    password === undefined ? 'without a password' : `with the password from ${describeSecretReference(password)}`;
  return new Failure('store.denied', {
    message: `the ${name} refused the user "${username}" ${from}`,
    hint: 'correct the user or password of spec.storage.proxy',
    cause,
  });
}
