import { request } from 'node:http';
import type { Socket } from 'node:net';
import { Socket as NetSocket } from 'node:net';

/** Where a proxy is to connect to. */
export interface TunnelTarget {
  readonly host: string;
  readonly port: number;
}

export interface ProxyLogin {
  readonly username: string;
  readonly password: string;
}

/** What an HTTP proxy answered to CONNECT, where it was not a success. */
export class TunnelRefused extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`the proxy answered CONNECT with status ${status}`);
    this.status = status;
  }
}

/** Asks an HTTP proxy for a connection to the target (RFC 9110, section 9.3.6). */
export function openHttpTunnel(
  proxy: { readonly host: string; readonly port: number },
  target: TunnelTarget,
  login: ProxyLogin | undefined,
  signal: AbortSignal,
): Promise<Socket> {
  const authority = `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`;
  const basic = Buffer.from(`${login?.username ?? ''}:${login?.password ?? ''}`).toString('base64');
  const headers = { host: authority, ...(login && { 'proxy-authorization': `Basic ${basic}` }) };
  return new Promise((resolve, reject) => {
    const asked = request({
      host: proxy.host,
      port: proxy.port,
      method: 'CONNECT',
      path: authority,
      headers,
      agent: false,
      signal,
    });
    asked.once('error', reject);
    asked.once('response', (answer) => {
      // A proxy that does not know the method at all.
      answer.destroy();
      reject(new TunnelRefused(answer.statusCode ?? 0));
    });
    asked.once('connect', (answer, socket, head) => {
      const status = answer.statusCode ?? 0;
      if (status < 200 || status > 299 || !(socket instanceof NetSocket)) {
        socket.destroy();
        return reject(new TunnelRefused(status));
      }
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    asked.end();
  });
}
