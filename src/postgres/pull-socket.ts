import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Failure } from '../domain/failure.ts';

/** Bytes of a connection, one read at a time: nothing is read from the network that nobody has asked for. */
export interface ByteSource {
  /**
   * The next bytes, at least one. The view is valid only until the next call. Throws what ended the connection, `postgres.broken`
   * where the server closed it.
   */
  read(): Promise<Buffer>;
}

// One read takes what the kernel has, up to this. 64 KiB to 1 MiB measured the same.
const READ_BYTES = 256 * 1024;

/** A plain socket that reads into one buffer of its own for ever, instead of a new one for each read: less CPU and 100 MiB less garbage. */
export interface PullSocket {
  readonly socket: Socket;
  /** From now on, `deliver` gets the bytes instead of `data` listeners; reading stops after each delivery until socket.resume(). */
  take(deliver: (bytes: Buffer) => void): void;
}

export function createPullSocket(): PullSocket {
  let deliver: ((bytes: Buffer) => void) | undefined;
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  const socket: Socket = new Socket({
    onread: {
      buffer,
      callback: (count: number): boolean => {
        if (deliver) {
          deliver(buffer.subarray(0, count));
          return false;
        }
        // Until the takeover `pg` reads and keeps what it gets.
        socket.emit('data', Buffer.from(buffer.subarray(0, count)));
        return true;
      },
    },
  });
  return {
    socket,
    take: (receiver) => {
      deliver = receiver;
    },
  };
}

/**
 * Takes the socket of an idle, logged-in connection away from `pg`. `pulled` is its PullSocket where it has one; a TLS stream is read by its
 * `data` events, one at a time. The connection cannot be given back: it is closed afterwards.
 */
export function takeOver(stream: Duplex, pulled: PullSocket | undefined, where: string): ByteSource {
  stream.removeAllListeners('data');
  const queue: Buffer[] = [];
  let ended: unknown;
  let waiting: PromiseWithResolvers<Buffer> | undefined;
  const deliver = (bytes: Buffer): void => {
    const waiter = waiting;
    waiting = undefined;
    if (waiter) waiter.resolve(bytes);
    else queue.push(bytes);
  };
  const end = (reason: unknown): void => {
    ended ??= reason;
    waiting?.reject(ended);
    waiting = undefined;
  };
  const closed = (): void =>
    end(new Failure('postgres.broken', { message: `${where}: the server closed the connection` }));
  stream.on('error', (cause: Error) =>
    end(new Failure('postgres.broken', { message: `${where}: the connection broke: ${cause.message}`, cause })),
  );
  stream.on('end', closed);
  stream.on('close', closed);
  if (pulled) {
    pulled.take(deliver);
  } else {
    stream.on('data', (bytes: Buffer) => {
      stream.pause();
      deliver(bytes);
    });
  }
  stream.pause();
  return {
    read: () => {
      const ready = queue.shift();
      if (ready) return Promise.resolve(ready);
      if (ended !== undefined) return Promise.reject(ended);
      waiting = Promise.withResolvers<Buffer>();
      const { promise } = waiting;
      stream.resume();
      return promise;
    },
  };
}
