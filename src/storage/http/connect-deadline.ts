import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** Ends a connection that is not ready for a request (with TLS: whose handshake is not done) in time. */
export function limitConnecting(socket: Socket, milliseconds: number): void {
  const timer = setTimeout(() => {
    const error = new Error(`no connection within ${milliseconds / 1000} s`);
    socket.destroy(Object.assign(error, { code: 'ETIMEDOUT' }));
  }, milliseconds);
  timer.unref();
  const stop = (): void => clearTimeout(timer);
  socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', stop);
  socket.once('close', stop);
}
