import type { ObjectStore } from '../../src/storage/object-store.ts';
import type { Fault } from '../../support/fault-proxy/fault.ts';

/** A server, and how its store is opened at an address that may be that of a proxy before it. */
export interface FaultyBackend {
  readonly port: number;
  open(port: number): Promise<ObjectStore>;
  remove(): Promise<void>;
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** Those that only this backend can have. */
  readonly faults?: readonly NamedFault[];
}

/** What the proxy before a server understands. */
export type Protocol = 'tcp' | 'http';

export interface NamedFault {
  readonly name: string;
  readonly fault: Fault;
  /** It passes, or strikes so seldom, that nothing may fail in the end. */
  readonly passes: boolean;
}

/** Set by `npm run test:storage`; `npm test` has time for less. */
export const THOROUGH: boolean = process.env['HOARD_TEST_FAULTS'] === 'all';
