import { readRecipients } from '../codec/openpgp/read-recipients.ts';
import { Failure } from '../domain/failure.ts';
import type { WalRecipients } from '../domain/observed.ts';
import { mapBounded } from '../storage/bounded.ts';
import type { EncryptedWal } from './site-listing.ts';
import type { SiteRepository } from './site-repository.ts';

/** Small reads in flight. */
const READS = 4;
/** Recipients change now and then; more sets than these are told as not known. */
const MAX_SETS = 64;
/** A hundred recipients, and more, stand in this. */
const MAX_BYTES = 64 * 1024;

/**
 * Who can open the WAL: one object of each set says it at its beginning. One small read for each set of recipients that ever was; what cannot be
 * read is not known, and nothing fails for it.
 */
export function observeWalRecipients(
  repo: SiteRepository,
  sets: readonly EncryptedWal[],
  signal: AbortSignal,
): Promise<readonly WalRecipients[]> {
  const numbered = sets.map((set, index) => ({ set, index }));
  return mapBounded(numbered, READS, signal, async ({ set: { recipientSet, sample, ...files }, index }) => {
    if (recipientSet === undefined || index >= MAX_SETS) return { keyIds: undefined, ...files };
    try {
      const range = { offset: 0, length: Math.min(sample.size, MAX_BYTES) };
      return { keyIds: await readRecipients(await repo.store.get(sample.key, { range, signal })), ...files };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Failure && error.class !== 'bug') return { keyIds: undefined, ...files };
      throw error;
    }
  });
}
