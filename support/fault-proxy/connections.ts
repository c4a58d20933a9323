import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionFault, Fault, FaultSource } from './fault.ts';

/** Passes bytes on, both ways, and does to them what the faults of the moment say. */
export function connectionServer(
  target: { readonly host: string; readonly port: number },
  faults: FaultSource,
): Server {
  return createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const server = connect({ ...target, allowHalfOpen: true, noDelay: true });
    const pair = new Pair(client, server, faults);
    void pair.pump(client, server, 'up');
    void pair.pump(server, client, 'down');
  });
}

const RATE_STEPS_PER_SECOND = 10;

class Pair {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #faults: FaultSource;
  #struck: ConnectionFault | undefined;
  #asked: Fault | undefined;
  /** Since the fault struck. */
  #passed = { up: 0, down: 0 };

  constructor(client: Socket, server: Socket, faults: FaultSource) {
    this.#client = client;
    this.#server = server;
    this.#faults = faults;
    // A side that breaks breaks the other.
    for (const socket of [client, server]) {
      socket.on('error', () => this.reset());
      socket.on('close', () => {
        client.destroy();
        server.destroy();
      });
    }
    if (this.#fault()?.kind === 'refuse') this.reset();
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  async pump(from: Socket, to: Socket, direction: 'up' | 'down'): Promise<void> {
    try {
      for await (const bytes of from.iterator({ destroyOnReturn: false })) {
        await this.#pass(bytes, to, direction);
        if (to.destroyed || to.writableEnded) return;
      }
      to.end();
    } catch {
      // It broke, which the other side has been told.
    }
  }

  async #pass(bytes: Uint8Array, to: Socket, direction: 'up' | 'down'): Promise<void> {
    const fault = this.#fault();
    this.#faults.passed += 1;
    if (fault === undefined) return write(to, bytes);
    switch (fault.kind) {
      case 'latency':
        await sleep(fault.milliseconds);
        break;
      case 'rate':
        if (fault.direction === direction) return this.#trickle(fault, bytes, to);
        break;
      case 'refuse':
        return this.reset();
      case 'black-hole':
        await this.#faults.changed;
        return this.#pass(bytes, to, direction);
      case 'reset':
      case 'cut': {
        if (fault.direction !== direction) break;
        const left = fault.after - this.#passed[direction];
        this.#passed[direction] += bytes.length;
        if (bytes.length <= left) break;
        await write(to, bytes.subarray(0, Math.max(0, left)));
        if (fault.kind === 'reset') return this.reset();
        this.#client.end();
        this.#server.end();
        return;
      }
      default:
        break;
    }
    return write(to, bytes);
  }

  /** What the fault that strikes this connection is. Each injection is asked for once. */
  #fault(): ConnectionFault | undefined {
    if (this.#struck !== undefined && this.#faults.isStill(this.#struck)) return this.#struck;
    this.#struck = undefined;
    if (this.#asked !== undefined && this.#faults.isStill(this.#asked)) return undefined;
    this.#asked = this.#faults.current;
    this.#struck = this.#faults.takeForConnection();
    this.#passed = { up: 0, down: 0 };
    return this.#struck;
  }

  async #trickle(fault: Extract<ConnectionFault, { kind: 'rate' }>, bytes: Uint8Array, to: Socket): Promise<void> {
    const free = Math.max(0, (fault.after ?? 0) - this.#passed[fault.direction]);
    this.#passed[fault.direction] += bytes.length;
    await write(to, bytes.subarray(0, free));
    const step = Math.max(1, Math.floor(fault.bytesPerSecond / RATE_STEPS_PER_SECOND));
    for (let at = free; at < bytes.length; at += step) {
      if (!this.#faults.isStill(fault)) return write(to, bytes.subarray(at));
      if (to.destroyed) return;
      await write(to, bytes.subarray(at, at + step));
      await Promise.race([sleep((1000 * step) / fault.bytesPerSecond), this.#faults.changed]);
    }
  }
}

async function write(to: Socket, bytes: Uint8Array): Promise<void> {
  if (bytes.length === 0 || to.destroyed || to.writableEnded || to.write(bytes)) return;
  await drained(to);
}

async function drained(to: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (): void => resolve();
  to.once('drain', done).once('close', done);
  await promise;
  to.off('drain', done).off('close', done);
}
