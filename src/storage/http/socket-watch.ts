import type { Agent } from 'node:http';
import type { Socket } from 'node:net';
import type { Duration } from '../../domain/duration.ts';

/** How long a request may move next to nothing, and how long a connection may take to open, where the policy says nothing. */
const STALLED_MILLISECONDS = 60_000;
const CONNECT_MILLISECONDS = 20_000;
/**
 * Less than this in the time above is no progress: about 100 bytes a second, a tenth of the slowest modem. A request and its answer that
 * are smaller have the whole time as their time limit.
 */
const LEAST_BYTES = 6 * 1024;

/**
 * Ends the connections that have a request in flight and make no progress, in either direction, with an error of the code `ESTALLED`;
 * a slow transfer that moves is left alone. Returns what stops the watch. The timer keeps no process alive.
 */
export function watchSockets(
  agents: readonly Agent[],
  limits: { readonly connectTimeout?: Duration | undefined; readonly readTimeout?: Duration | undefined },
): () => void {
  const stalledAfter = limits.readTimeout ?? STALLED_MILLISECONDS;
  const connectWithin = limits.connectTimeout ?? CONNECT_MILLISECONDS;
  const marks = new WeakMap<Socket, { readonly at: number; readonly moved: number }>();
  // The next request on a kept connection has its whole time again.
  const forget = (socket: Socket): boolean => marks.delete(socket);
  for (const agent of agents) agent.on('free', forget);

  const look = (): void => {
    const now = performance.now();
    for (const socket of agents.flatMap(socketsInUse)) {
      const moved = bytesMoved(socket);
      const mark = marks.get(socket);
      if (mark === undefined || moved - mark.moved >= LEAST_BYTES) {
        marks.set(socket, { at: now, moved });
      } else if (socket.connecting && now - mark.at > connectWithin) {
        socket.destroy(stalled(`no connection within ${connectWithin} ms`));
      } else if (now - mark.at > stalledAfter) {
        socket.destroy(stalled(`${moved - mark.moved} bytes moved in ${Math.round(now - mark.at)} ms`));
      }
    }
  };
  const timer = setInterval(look, Math.min(1000, stalledAfter / 4, connectWithin / 4)).unref();
  return () => {
    clearInterval(timer);
    for (const agent of agents) agent.off('free', forget);
  };
}

function socketsInUse(agent: Agent): readonly Socket[] {
  return Object.values(agent.sockets).flatMap((sockets) => sockets ?? []);
}

function bytesMoved(socket: Socket): number {
  // What was handed to the operating system's queue has not left yet; Node's own idle time-out looks at the same figure.
  const handle: unknown = Reflect.get(socket, '_handle');
  const queued: unknown =
    typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'writeQueueSize') : undefined;
  return (socket.bytesRead ?? 0) + (socket.bytesWritten ?? 0) - (typeof queued === 'number' ? queued : 0);
}

function stalled(what: string): Error {
  return Object.assign(new Error(`the connection made no progress: ${what}`), { code: 'ESTALLED' });
}
