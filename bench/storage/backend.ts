import type { DesiredStorage } from '../../src/domain/desired-storage.ts';

/** What hoard and the plain client of a store both can do. */
export interface BenchClient {
  put(key: string, body: Buffer): Promise<unknown>;
  get(key: string): Promise<AsyncIterable<Uint8Array>>;
  close?(): Promise<void>;
}

export interface BenchServer extends AsyncDisposable {
  /** What a client needs to reach it. */
  readonly at: Readonly<Record<string, string>>;
  /** Makes empty objects in the cheapest way that there is; absent where that is to put them. */
  fill?(keys: readonly string[]): Promise<void>;
}

export interface BenchBackend {
  /** What has to be installed first, where something has. */
  missing(): string | undefined;
  /** Starts a server of its own. */
  serve(folder: string): Promise<BenchServer>;
  /** As a policy would; secrets are references to environment variables with the names of `at`. */
  declare(at: Readonly<Record<string, string>>): DesiredStorage;
  /** The SDK or client as its documentation shows it. */
  plain(at: Readonly<Record<string, string>>): Promise<BenchClient>;
}
