import { connect, isIPv4, type Socket } from 'node:net';
import type { ProxyLogin, TunnelTarget } from './http-tunnel.ts';

/** A SOCKS5 proxy refused the user, or wants one. */
export class SocksLoginRefused extends Error {}

// RFC 1928 and RFC 1929.
const VERSION = 5;
const NO_LOGIN = 0;
const LOGIN = 2;
const CONNECT = 1;
const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;
const REPLIES: readonly string[] = [
  'done',
  'general failure',
  'the connection is not allowed by its rules',
  'the network cannot be reached',
  'the host cannot be reached',
  'the connection was refused',
  'the time to live expired',
  'it cannot do that command',
  'it cannot do that type of address',
];

/** Asks a SOCKS5 proxy for a connection to the target. Names are left to the proxy to look up. */
export async function openSocksTunnel(
  proxy: { readonly host: string; readonly port: number },
  target: TunnelTarget,
  login: ProxyLogin | undefined,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = connect({ host: proxy.host, port: proxy.port, signal });
  try {
    await shakeHands(socket, target, login);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function shakeHands(socket: Socket, target: TunnelTarget, login: ProxyLogin | undefined): Promise<void> {
  const methods = login === undefined ? [NO_LOGIN] : [NO_LOGIN, LOGIN];
  socket.write(Buffer.from([VERSION, methods.length, ...methods]));
  const [, method] = await readExactly(socket, 2);
  if (method === LOGIN && login !== undefined) await logIn(socket, login);
  else if (method !== NO_LOGIN) throw new SocksLoginRefused('the proxy wants a user and password');

  const port = Buffer.alloc(2);
  port.writeUInt16BE(target.port);
  socket.write(Buffer.concat([Buffer.from([VERSION, CONNECT, 0]), addressOf(target.host), port]));
  const [, reply = 1, , kind] = await readExactly(socket, 4);
  if (reply !== 0) throw new Error(`the proxy did not connect: ${REPLIES[reply] ?? `reply ${reply}`}`);
  // The address that the proxy connected from is of no interest, but must be read.
  const length = kind === IPV4 ? 4 : kind === IPV6 ? 16 : ((await readExactly(socket, 1))[0] ?? 0);
  await readExactly(socket, length + 2);
}

async function logIn(socket: Socket, { username, password }: ProxyLogin): Promise<void> {
  socket.write(Buffer.concat([Buffer.from([1]), short(username), short(password)]));
  const [, status] = await readExactly(socket, 2);
  if (status !== 0) throw new SocksLoginRefused('the proxy refused the user or password');
}

function addressOf(host: string): Buffer {
  if (isIPv4(host)) return Buffer.from([IPV4, ...host.split('.').map(Number)]);
  return Buffer.concat([Buffer.from([NAME]), short(host)]);
}

/** A length in one byte, and the text. */
function short(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > 255) throw new SocksLoginRefused('SOCKS5 knows no name, user or password of more than 255 bytes');
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

/** Never more: what follows belongs to whoever uses the connection. */
function readExactly(socket: Socket, length: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const look = (): void => {
    const found: unknown = socket.read(length);
    if (Buffer.isBuffer(found) && found.length === length) resolve(found);
    else if (found !== null) reject(new Error('the proxy closed the connection'));
  };
  const closed = (): void => reject(new Error('the proxy closed the connection'));
  socket.on('readable', look).on('error', reject).on('end', closed).on('close', closed);
  look();
  return promise.finally(() => {
    socket.off('readable', look).off('error', reject).off('end', closed).off('close', closed);
  });
}
