import { createHash } from 'node:crypto';
import { isFailure } from '../../src/domain/failure.ts';
import type { ObjectBody, ObjectStore } from '../../src/storage/object-store.ts';
import { collect, NEVER } from './bodies.ts';

/** A store that keeps what it reported: which objects it said were stored, with their content, and which were removed. */
export interface AuditedStore extends ObjectStore {
  /** What another way to the same objects shows that does not fit what was reported; one sentence each. */
  differences(clean: ObjectStore): Promise<readonly string[]>;
}

/** `unknown`: a put or a removal failed, or several were under way at once, so that either may have been the last. */
type Reported = 'absent' | 'unknown' | { readonly size: number; readonly sha256: string };

interface Account {
  running: number;
  overlapped: boolean;
  reported: Reported;
}

const options = { signal: NEVER };
/** Objects that are read at once. */
const LANES = 8;

export function auditedStore(store: ObjectStore): AuditedStore {
  const accounts = new Map<string, Account>();
  const begin = (key: string): ((outcome: Reported) => void) => {
    const account = accounts.get(key) ?? { running: 0, overlapped: false, reported: 'absent' };
    accounts.set(key, account);
    account.running += 1;
    account.overlapped ||= account.running > 1;
    return (outcome) => {
      account.running -= 1;
      account.reported = account.overlapped ? 'unknown' : outcome;
      if (account.running === 0) account.overlapped = false;
    };
  };
  return {
    capabilities: store.capabilities,
    description: store.description,
    async put(key, body, putOptions) {
      const before = accounts.get(key)?.reported ?? 'absent';
      const end = begin(key);
      const seen = new Seen();
      try {
        const info = await store.put(key, seen.through(body), putOptions);
        end({ size: info.size, sha256: seen.sha256() });
        return info;
      } catch (error) {
        end(isFailure(error, 'store.exists') ? before : 'unknown');
        throw error;
      }
    },
    conditionalCreateLimit: (limitOptions) => store.conditionalCreateLimit(limitOptions),
    get: (key, getOptions) => store.get(key, getOptions),
    head: (key, headOptions) => store.head(key, headOptions),
    list: (prefix, listOptions) => store.list(prefix, listOptions),
    async deleteMany(keys, deleteOptions) {
      const ends = keys.map((key) => begin(key));
      try {
        const results = await store.deleteMany(keys, deleteOptions);
        for (const [index, end] of ends.entries()) end(results[index]?.kind === 'removed' ? 'absent' : 'unknown');
        return results;
      } catch (error) {
        for (const end of ends) end('unknown');
        throw error;
      }
    },
    removeAbandonedUploads: (prefix, before, removeOptions) =>
      store.removeAbandonedUploads(prefix, before, removeOptions),
    close: () => store.close(),
    differences: async (clean) => differences(accounts, clean),
  };
}

/** Reads a body along with the store. */
class Seen {
  readonly #hash = createHash('sha256');

  async *through(body: ObjectBody): ObjectBody {
    for await (const piece of body) {
      this.#hash.update(piece);
      yield piece;
    }
  }

  sha256(): string {
    return this.#hash.digest('hex');
  }
}

async function differences(accounts: ReadonlyMap<string, Account>, clean: ObjectStore): Promise<readonly string[]> {
  const listed = (await collect(clean.list('', options))).flat();
  const found = new Map(listed.map(({ key, size }) => [key, size] as const));
  const wrong: string[] = [];
  if (found.size !== listed.length) wrong.push(`${listed.length - found.size} keys are listed twice`);
  for (const key of found.keys()) if (!accounts.has(key)) wrong.push(`${key} is there, and nobody put it`);
  const left = accounts.entries();
  const lane = async (): Promise<void> => {
    for (const [key, { reported }] of left) {
      const fault = await difference(key, reported, found.get(key), clean);
      if (fault !== undefined) wrong.push(`${key} ${fault}`);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return wrong;
}

async function difference(
  key: string,
  reported: Reported,
  size: number | undefined,
  clean: ObjectStore,
): Promise<string | undefined> {
  if (reported === 'unknown') return undefined;
  if (reported === 'absent') return size === undefined ? undefined : 'is there, and was removed or never created';
  if (size === undefined) return 'was reported as stored, and is not there';
  if (size !== reported.size) return `has ${size} bytes, and ${reported.size} were reported`;
  const content = await sha256Of(await clean.get(key, options));
  return content === reported.sha256 ? undefined : 'has another content';
}

async function sha256Of(body: ObjectBody): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of body) hash.update(piece);
  return hash.digest('hex');
}
