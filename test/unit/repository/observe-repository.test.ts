import { describe, expect, it } from 'vitest';

import { instant } from '../../../src/domain/instant.ts';
import { lsn } from '../../../src/domain/lsn.ts';
import { backupId } from '../../../src/domain/observed.ts';

import { timelineId } from '../../../src/domain/timeline.ts';

import { claimIdentity } from '../../../src/repository/identity.ts';
import { backupPrefix, holdKey, proofKey, sitePrefix } from '../../../src/repository/layout.ts';
import { observeRepository } from '../../../src/repository/observe-repository.ts';
import { writeHold, writeProof } from '../../../src/repository/records.ts';
import { removeKeys } from '../../../src/repository/remove.ts';
import { codeOf, nameOf, putText, storeText } from '../../support/repository-objects.ts';
import { commitSmallBackup, TEST_IDENTITY } from '../../support/small-backup.ts';
import { calm, temporaryRepository } from '../../support/temporary-repository.ts';

const one = timelineId(1);
const FILES = new Map([['a', Buffer.from('content')]]);

describe('observing a repository', () => {
  it('sees nothing in a new one', async () => {
    await using place = await temporaryRepository();
    expect(await observeRepository(place.repo, calm())).toEqual({
      identity: undefined,
      backups: [],
      unreadableBackups: [],
      wal: new Map(),
      histories: new Map(),
      otherWalFiles: new Set(),
      walRecipients: [],
      packs: [],
      strays: [],
      holds: [],
      proofs: [],
    });
  });

  it('sees everything, and leaves keys alone that are not its own', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    const marker = await commitSmallBackup(repo, { files: FILES });
    for (const number of [2, 3, 5]) await storeText(repo, nameOf(number), `segment ${number}`);
    await storeText(repo, `${nameOf(4)}.partial`, 'partial');
    await storeText(repo, `${nameOf(2)}.00000028.backup`, 'label');
    await storeText(repo, '0000000B.history', '10\t0/5000000\tno recovery target specified\n');
    await writeHold(repo, 'audit', { backup: marker.id, reason: 'audit', until: instant(5) }, calm());
    const proof = { backup: marker.id, at: instant(7), durationMilliseconds: 8, reachedLsn: lsn(9n) };
    await writeProof(repo, proof, calm());
    const other = backupId('20200101T000000Z-00000000');
    await putText(repo, `${backupPrefix(repo.site, other)}manifest.ndjson.zst`, 'left behind');
    await putText(repo, `${sitePrefix(repo.site)}notes.txt`, 'mine');
    await putText(repo, `${sitePrefix(repo.site)}wal/00000001/readme.txt`, 'mine');
    const observed = await observeRepository(repo, calm());
    const { packGroups: _groups, ...rest } = marker;
    expect(observed.backups).toMatchObject([rest]);
    expect(observed.identity).toEqual(TEST_IDENTITY);
    expect(observed.wal.get(one)?.map(({ number, conflict }) => [number, conflict])).toEqual([
      [2, false],
      [3, false],
      [5, false],
    ]);
    expect(observed.otherWalFiles).toEqual(new Set([`${nameOf(4)}.partial`, `${nameOf(2)}.00000028.backup`]));
    expect(observed.histories.get(timelineId(11))?.ancestors).toEqual([{ timeline: 10, switchLsn: 0x5000000n }]);
    expect(observed.packs).toMatchObject(marker.packs);
    expect(observed.strays.map(({ key }) => key)).toEqual([`${backupPrefix(repo.site, other)}manifest.ndjson.zst`]);
    expect(observed.holds).toEqual([{ backup: marker.id, reason: 'audit', until: 5 }]);
    expect(observed.proofs).toEqual([proof]);
  });

  it('marks a segment of which two contents are stored', async () => {
    await using place = await temporaryRepository();
    await claimIdentity(place.repo, TEST_IDENTITY, calm());
    await storeText(place.repo, nameOf(2), 'one');
    await putText(
      place.repo,
      `${sitePrefix(place.repo.site)}wal/00000001/00000000/${nameOf(2)}-${'0'.repeat(64)}.xz`,
      'two',
    );
    expect((await observeRepository(place.repo, calm())).wal.get(one)).toMatchObject([{ number: 2, conflict: true }]);
  });

  it('fails as a whole for a damaged or doubled history, because its timeline’s WAL would look unneeded', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    await claimIdentity(repo, TEST_IDENTITY, calm());
    await storeText(repo, '00000002.history', '1\t0/5000000\tx\n');
    const folder = `${sitePrefix(repo.site)}wal/00000002/`;
    await putText(repo, `${folder}00000002.history-${'0'.repeat(64)}.raw`, '1\t0/6000000\tx\n');
    expect(await codeOf(observeRepository(repo, calm()))).toBe('wal.conflict');
    await removeKeys(repo, [`${folder}00000002.history-${'0'.repeat(64)}.raw`], calm());
    await observeRepository(repo, calm());
    await putText(repo, `${folder}../00000003/00000003.history-${'1'.repeat(64)}.raw`.replace('00000002/../', ''), 'x');
    expect(await codeOf(observeRepository(repo, calm()))).toBe('object.corrupt');
  });

  it('lets damaged holds and proofs protect', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    const { id } = await commitSmallBackup(repo, { files: FILES });
    await putText(repo, holdKey(repo.site, id, 'x'), '{}');
    await putText(repo, proofKey(repo.site, id, instant(7)), '{}');
    const observed = await observeRepository(repo, calm());
    expect(observed.holds).toMatchObject([
      { backup: id, until: undefined },
      { backup: id, until: undefined },
    ]);
    expect(observed.proofs).toEqual([]);
  });
});
