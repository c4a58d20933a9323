import { describe, expect, it } from 'vitest';

import { instant } from '../../../src/domain/instant.ts';

import { segmentNumber } from '../../../src/domain/segment.ts';
import { timelineId } from '../../../src/domain/timeline.ts';

import { holdKey, markerKey, sitePrefix } from '../../../src/repository/layout.ts';
import { observeRepository } from '../../../src/repository/observe-repository.ts';
import { writeHold } from '../../../src/repository/records.ts';
import { removeBackup, removeKeys, removePacks, removeWal } from '../../../src/repository/remove.ts';
import { codeOf, nameOf, storeText } from '../../support/repository-objects.ts';
import { commitSmallBackup, storeSmallBackup } from '../../support/small-backup.ts';
import { calm, temporaryRepository } from '../../support/temporary-repository.ts';

const one = timelineId(1);
const FILES = new Map([['a', Buffer.from('content')]]);

describe('removal', () => {
  it('of a backup takes the marker first and leaves nothing of it but packs', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    const { id } = await commitSmallBackup(repo, { files: FILES });
    await writeHold(repo, 'ended', { backup: id, reason: 'over', until: instant(1) }, calm());
    const order: string[] = [];
    const store = {
      ...repo.store,
      deleteMany: async (keys: readonly string[], options: { readonly signal: AbortSignal }) => {
        order.push(...keys);
        return repo.store.deleteMany(keys, options);
      },
    };
    expect(await removeBackup({ ...repo, store }, id, calm())).toEqual({ removed: 3, retained: [] });
    expect(order[0]).toBe(markerKey(repo.site, id));
    const observed = await observeRepository(repo, calm());
    expect(observed).toMatchObject({ backups: [], strays: [], holds: [] });
    expect(observed.packs).toHaveLength(1);
    await removePacks(repo, observed.packs, calm());
    expect((await observeRepository(repo, calm())).packs).toEqual([]);
    expect(await removeBackup(repo, id, calm())).toEqual({ removed: 1, retained: [] });
  });

  it('of a held backup is refused, and of one that the store retains stops at the marker', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    const { id } = await commitSmallBackup(repo, { files: FILES });
    const until = instant(repo.clock.now() + 60_000);
    await writeHold(repo, 'audit', { backup: id, reason: 'audit of 2026', until }, calm());
    await expect(removeBackup(repo, id, calm())).rejects.toThrow('audit of 2026');
    await removeKeys(repo, [holdKey(repo.site, id, 'audit')], calm());
    const retaining = {
      ...repo,
      store: {
        ...repo.store,
        deleteMany: async (keys: readonly string[]) =>
          keys.map((key) => ({ key, kind: 'retained' as const, until: undefined })),
      },
    };
    expect(await removeBackup(retaining, id, calm())).toEqual({ removed: 0, retained: [markerKey(repo.site, id)] });
    expect((await observeRepository(repo, calm())).backups).toHaveLength(1);
  });

  it('of packs is refused as a whole while a marker names one of them or cannot be read', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    const orphan = await storeSmallBackup(repo, { files: new Map([['b', Buffer.from('orphan')]]) });
    const { id, packs } = await commitSmallBackup(repo, { files: FILES });
    expect(await codeOf(removePacks(repo, [...orphan.packs, ...packs], calm()))).toBe('plan.refused');
    await place.rewrite(markerKey(repo.site, id), (bytes) => bytes.subarray(1));
    expect(await codeOf(removePacks(repo, orphan.packs, calm()))).toBe('plan.refused');
    expect((await observeRepository(repo, calm())).packs).toHaveLength(2);
  });

  it('of WAL takes the range with its partial and backup files, and nothing that a backup needs', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    const { id } = await commitSmallBackup(repo, { files: FILES, startLsn: 0x500_0028n, stopLsn: 0x700_0000n });
    for (const number of [2, 3, 4, 5, 6, 7]) await storeText(repo, nameOf(number), `segment ${number}`);
    await storeText(repo, `${nameOf(3)}.partial`, 'partial');
    await storeText(repo, `${nameOf(3)}.00000028.backup`, 'label');
    await storeText(repo, '00000001.history', 'x');
    const number = segmentNumber;
    expect(await codeOf(removeWal(repo, one, number(2), number(5), calm()))).toBe('plan.refused');
    expect(await codeOf(removeWal(repo, one, number(6), number(9), calm()))).toBe('plan.refused');
    expect(await removeWal(repo, timelineId(2), number(2), number(9), calm())).toEqual({ removed: 0, retained: [] });
    expect(await removeWal(repo, one, number(2), number(3), calm())).toEqual({ removed: 4, retained: [] });
    // The stop LSN is the very end of segment 6: segment 7 is not needed.
    expect(await removeWal(repo, one, number(7), number(7), calm())).toEqual({ removed: 1, retained: [] });
    const keys = [];
    for await (const page of repo.store.list(`${sitePrefix(repo.site)}wal/`, { signal: calm() })) keys.push(...page);
    expect(keys.map(({ key }) => key.split('/').at(-1)?.split('-')[0])).toEqual([
      nameOf(4),
      nameOf(5),
      nameOf(6),
      '00000001.history',
    ]);
    await place.rewrite(markerKey(repo.site, id), (bytes) => bytes.subarray(1));
    expect(await codeOf(removeWal(repo, one, number(4), number(4), calm()))).toBe('plan.refused');
  });

  it('of many objects tries all before it fails', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    const failing = {
      ...repo,
      store: {
        ...repo.store,
        deleteMany: async (keys: readonly string[]) =>
          keys.map((key, index) =>
            index === 0
              ? { key, kind: 'failed' as const, error: new Error('read only') }
              : { key, kind: 'removed' as const },
          ),
      },
    };
    await expect(removeKeys(failing, ['a', 'b'], calm())).rejects.toThrow('1 of 2 objects could not be removed');
  });
});
