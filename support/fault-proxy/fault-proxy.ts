import { once } from 'node:events';
import type { Server, Socket } from 'node:net';
import { connectionServer } from './connections.ts';
import { type Fault, FaultSource, isConnectionFault } from './fault.ts';
import { requestServer } from './requests.ts';

export interface FaultProxy extends AsyncDisposable {
  readonly port: number;
  /** How often faults struck, by kind. */
  readonly struck: Readonly<Record<string, number>>;
  /** Pieces of data that came by so far. */
  readonly passed: number;
  /** From now on, also for connections that are open; undefined: none. Replaces the fault before. */
  inject(fault: Fault | undefined): void;
}

export interface FaultProxyOptions {
  readonly target: { readonly host: string; readonly port: number };
  /** `http` also knows the faults of requests; its target must speak HTTP without TLS. */
  readonly protocol?: 'tcp' | 'http';
  /** For faults with a chance. */
  readonly seed?: number;
}

/** A proxy on a free loopback port that does nothing but pass bytes on, until a fault is injected. */
export async function startFaultProxy({ target, protocol = 'tcp', seed = 1 }: FaultProxyOptions): Promise<FaultProxy> {
  const faults = new FaultSource(seed);
  const servers: Listening[] = [];
  let behind = target;
  if (protocol === 'http') {
    const requests = await listen(requestServer(target, faults));
    servers.push(requests);
    behind = { host: '127.0.0.1', port: requests.port };
  }
  const connections = await listen(connectionServer(behind, faults));
  servers.unshift(connections);
  return {
    port: connections.port,
    struck: faults.struck,
    get passed() {
      return faults.passed;
    },
    inject(fault): void {
      if (fault !== undefined && protocol === 'tcp' && !isConnectionFault(fault)) {
        throw new Error(`a proxy of bytes knows no fault "${fault.kind}"`);
      }
      faults.set(fault);
    },
    async [Symbol.asyncDispose](): Promise<void> {
      faults.set(undefined);
      for (const server of servers) await server.close();
    },
  };
}

interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

async function listen(server: Server): Promise<Listening> {
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
