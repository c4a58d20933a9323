import { describe, expect, it } from 'vitest';
import { durationOf } from '../../../src/domain/duration.ts';
import { instant } from '../../../src/domain/instant.ts';
import type { StoredPack } from '../../../src/domain/observed.ts';
import { commitBackup } from '../../../src/repository/commit-backup.ts';
import { packKey } from '../../../src/repository/layout.ts';
import { appendLease } from '../../../src/repository/lease-log.ts';
import { observeOwner } from '../../../src/repository/lease-owner.ts';
import { observeRepository } from '../../../src/repository/observe-repository.ts';
import { removeKeys, removePacks } from '../../../src/repository/remove.ts';
import type { SiteRepository } from '../../../src/repository/site-repository.ts';
import { storeSmallBackup, takeLease } from '../../support/small-backup.ts';
import { calm, openTestRepository, temporaryRepository } from '../../support/temporary-repository.ts';

/** Takes the lease away, as a process on another host does that has waited long enough. */
async function seizeLease(repo: SiteRepository, generation: number): Promise<void> {
  const now = repo.clock.now();
  const owner = { ...(await observeOwner(process.pid)), host: 'elsewhere', bootId: 'another' };
  const ttl = durationOf(60_000);
  const record = {
    state: 'held' as const,
    owner,
    token: 'f'.repeat(32),
    acquiredAt: now,
    expiresAt: instant(now + ttl),
    ttl,
  };
  expect(await appendLease(repo, { generation, record }, calm())).toBeDefined();
}

const FILES = new Map([['a', Buffer.from('content')]]);

describe('committing a backup', () => {
  it('is refused where a pack or the manifest is missing or cut, and leaves no marker', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    await using lease = await takeLease(repo);
    const packOf = (packs: readonly Pick<StoredPack, 'backup' | 'number'>[]): string => {
      const [pack] = packs;
      if (!pack) throw new Error('no pack');
      return packKey(repo.site, pack);
    };
    const missing = await storeSmallBackup(repo, { files: FILES });
    await removeKeys(repo, [packOf(missing.packs)], calm());
    await expect(commitBackup(repo, missing, lease)).rejects.toThrow('1 packs of backup');
    const cut = await storeSmallBackup(repo, { files: FILES });
    await place.rewrite(packOf(cut.packs), (bytes) => bytes.subarray(1));
    await expect(commitBackup(repo, cut, lease)).rejects.toThrow('bytes together, but');
    const bare = await storeSmallBackup(repo, { files: FILES });
    await removeKeys(repo, [bare.manifest.key], calm());
    await expect(commitBackup(repo, bare, lease)).rejects.toThrow('the manifest');
    expect(await observeRepository(repo, calm())).toMatchObject({ backups: [], unreadableBackups: [] });
  });

  it('is undone where the packs went away while it was done', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    await using lease = await takeLease(repo);
    const marker = await storeSmallBackup(repo, { files: FILES });
    // As another process would do that had taken the lease just before.
    const racing: typeof repo = {
      ...repo,
      store: {
        ...repo.store,
        put: async (key, body, options) => {
          await removePacks(repo, marker.packs, calm());
          return repo.store.put(key, body, options);
        },
      },
    };
    await expect(commitBackup(racing, marker, lease)).rejects.toThrow('packs of backup');
    expect(await observeRepository(await openTestRepository(place.directory), calm())).toMatchObject({
      backups: [],
      unreadableBackups: [],
    });
  });

  it('stays where somebody took the lease once it was done, and is not begun where somebody had it before', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    const marker = await storeSmallBackup(repo, { files: FILES });
    await using lease = await takeLease(repo);
    let markers = 0;
    const racing: typeof repo = {
      ...repo,
      store: {
        ...repo.store,
        put: async (key, body, options) => {
          markers += 1;
          const info = await repo.store.put(key, body, options);
          await seizeLease(repo, lease.generation + 1);
          return info;
        },
      },
    };
    await expect(commitBackup(racing, marker, lease)).rejects.toThrow(/taken over .* it stays/);
    expect(markers).toBe(1);
    // Whoever has the lease now may have removed an older backup because this one was there.
    expect(await observeRepository(repo, calm())).toMatchObject({
      backups: [{ id: marker.id }],
      unreadableBackups: [],
    });

    await using later = await takeLease(await openTestRepository(place.directory, { site: 'other' }));
    const other = await openTestRepository(place.directory, { site: 'other' });
    await seizeLease(other, later.generation + 1);
    await expect(commitBackup({ ...racing, site: other.site }, { ...marker, site: other.site }, later)).rejects.toThrow(
      'taken over',
    );
    expect(markers).toBe(1);
  });

  it.each([
    ['fails', () => Promise.reject(new Error('the line is dead')), 'the line is dead'],
    ['keeps it', async (key: string) => [{ key, kind: 'retained', until: undefined }] as const, 'keeps it locked'],
  ])('says that it could not be undone where the store %s', async (_, remove, words) => {
    await using place = await temporaryRepository();
    const { repo } = place;
    await using lease = await takeLease(repo);
    const marker = await storeSmallBackup(repo, { files: FILES });
    const racing: typeof repo = {
      ...repo,
      store: {
        ...repo.store,
        deleteMany: ([key = '']) => remove(key),
        put: async (key, body, options) => {
          await removePacks(repo, marker.packs, calm());
          return repo.store.put(key, body, options);
        },
      },
    };
    await expect(commitBackup(racing, marker, lease)).rejects.toThrow(
      new RegExp(`packs of backup .* could not be taken back: .*${words}`),
    );
  });

  it('says that it could not look again, and leaves the marker, where the store does not answer in time', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    await using lease = await takeLease(repo);
    const marker = await storeSmallBackup(repo, { files: FILES });
    let written = false;
    const silent: typeof repo = {
      ...repo,
      store: {
        ...repo.store,
        put: async (key, body, options) => {
          written = true;
          return repo.store.put(key, body, options);
        },
        head: async (key, options) => {
          if (written) throw new DOMException('The operation was aborted due to timeout', 'TimeoutError');
          return repo.store.head(key, options);
        },
      },
    };
    await expect(commitBackup(silent, marker, lease)).rejects.toMatchObject({
      code: 'store.unavailable',
      message: expect.stringContaining('was written, but its parts could not be looked at again'),
    });
    expect((await observeRepository(repo, calm())).backups).toHaveLength(1);
  });
});
