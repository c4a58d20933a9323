import { prefixedStore } from '../../src/storage/prefixed-store.ts';
import { remoteStore } from '../../src/storage/remote/remote-store.ts';
import { type Fault, MemoryDriver } from '../support/memory-driver.ts';
import { remoteOptions } from '../support/remote-options.ts';
import { objectStoreConformance } from './object-store.ts';

const MIB = 1024 ** 2;
const sizes = { whole: 4 * MIB, part: 4 * MIB, parallelParts: 2 };
/** The objects are in this process. */
const inMemory = { held: Number.POSITIVE_INFINITY };
const nothingToRemove = async (): Promise<void> => undefined;

objectStoreConformance(
  'a remote store',
  async () => ({
    store: remoteStore(new MemoryDriver(sizes), remoteOptions()),
    remove: nothingToRemove,
  }),
  inMemory,
);

objectStoreConformance(
  'a remote store whose every fifth request fails',
  async () => ({
    store: prefixedStore(remoteStore(new MemoryDriver({ ...sizes, fault: faults(1) }), remoteOptions()), 'some/prefix'),
    remove: nothingToRemove,
  }),
  inMemory,
);

/** One in five, in an order that is the same each time. */
function faults(seed: number): () => Fault | undefined {
  const kinds: readonly Fault[] = ['unavailable', 'lost', 'throttled', { cutAfter: 100_000 }];
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const draw = (state >>> 8) % (5 * kinds.length);
    return kinds[draw];
  };
}
