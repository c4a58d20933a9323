import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseWalFileName } from '../../../src/domain/wal-file.ts';
import { observeRepository } from '../../../src/repository/observe-repository.ts';
import { removeBackup, removePacks } from '../../../src/repository/remove.ts';
import type { SiteRepository } from '../../../src/repository/site-repository.ts';
import { storeWal, type WalContent } from '../../../src/repository/wal-objects.ts';
import { codeOf } from '../../support/repository-objects.ts';
import { commitSmallBackup } from '../../support/small-backup.ts';
import { type StaleListingStore, staleListingStore } from '../../support/stale-listing-store.ts';
import { calm, temporaryRepository } from '../../support/temporary-repository.ts';

const FILES = new Map([['a', Buffer.from('content')]]);
const segment = parseWalFileName('000000010000000000000002');

function lateListing(repo: SiteRepository): { readonly repo: SiteRepository; readonly store: StaleListingStore } {
  const store = staleListingStore(repo.store);
  return { repo: { ...repo, store }, store };
}

function contentOf(text: string): WalContent {
  const bytes = Buffer.from(text);
  return {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    size: bytes.length,
    open: async function* () {
      yield bytes;
    },
  };
}

describe('where a listing may be late', () => {
  it('packs stay whose backup is there, although the listing does not show its marker', async () => {
    await using place = await temporaryRepository();
    const { repo, store } = lateListing(place.repo);
    await store.freeze();
    const { packs } = await commitSmallBackup(place.repo, { files: FILES });
    expect((await observeRepository(repo, calm())).backups).toEqual([]);
    expect(await codeOf(removePacks(repo, packs, calm()))).toBe('plan.refused');
    expect((await observeRepository(place.repo, calm())).packs).toHaveLength(packs.length);
  });

  it('a marker that is gone and still listed neither counts nor stops the removal of its packs', async () => {
    await using place = await temporaryRepository();
    const { repo, store } = lateListing(place.repo);
    const { id, packs } = await commitSmallBackup(place.repo, { files: FILES });
    await store.freeze();
    await removeBackup(repo, id, calm());
    const observed = await observeRepository(repo, calm());
    expect(observed.backups).toEqual([]);
    expect(observed.lateListing).toBe(true);
    expect(await removePacks(repo, packs, calm())).toEqual({ removed: packs.length, retained: [] });
  });

  it('a segment that was just stored is known by its name', async () => {
    await using place = await temporaryRepository();
    const { repo, store } = lateListing(place.repo);
    await store.freeze();
    expect(await storeWal(repo, segment, contentOf('one'), calm())).toBe('stored');
    expect(await storeWal(repo, segment, contentOf('one'), calm())).toBe('already-there');
  });

  it('two contents under one name are both kept, and told as soon as the listing shows them', async () => {
    await using place = await temporaryRepository();
    const { repo, store } = lateListing(place.repo);
    await store.freeze();
    expect(await storeWal(repo, segment, contentOf('one'), calm())).toBe('stored');
    expect(await storeWal(repo, segment, contentOf('two'), calm())).toBe('stored');
    store.thaw();
    expect(await codeOf(storeWal(repo, segment, contentOf('one'), calm()))).toBe('wal.conflict');
    expect(await codeOf(storeWal(repo, segment, contentOf('two'), calm()))).toBe('wal.conflict');
  });
});
