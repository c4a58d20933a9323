import { describe, expect, it } from 'vitest';
import type { SystemIdentifier } from '../../../src/domain/observed.ts';
import { segmentSize } from '../../../src/domain/segment.ts';

import { claimIdentity, ensureRepository, readIdentity } from '../../../src/repository/identity.ts';
import { identityKey } from '../../../src/repository/layout.ts';
import { observeRepository } from '../../../src/repository/observe-repository.ts';

import { removeKeys } from '../../../src/repository/remove.ts';
import { codeOf, putText } from '../../support/repository-objects.ts';
import { commitSmallBackup, TEST_IDENTITY } from '../../support/small-backup.ts';
import { calm, temporaryRepository } from '../../support/temporary-repository.ts';

const FILES = new Map([['a', Buffer.from('content')]]);

describe('whose a site is', () => {
  it('is claimed once and for ever, also by many at once', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    expect(await readIdentity(repo, calm())).toBeUndefined();
    await Promise.all(Array.from({ length: 6 }, async () => claimIdentity(repo, TEST_IDENTITY, calm())));
    expect(await readIdentity(repo, calm())).toEqual(TEST_IDENTITY);
    const other = { ...TEST_IDENTITY, systemIdentifier: '1' as SystemIdentifier };
    expect(await codeOf(claimIdentity(repo, other, calm()))).toBe('site.foreign-cluster');
    const wide = { ...TEST_IDENTITY, segmentSize: segmentSize(2 ** 26) };
    expect(await codeOf(claimIdentity(repo, wide, calm()))).toBe('site.foreign-cluster');
  });

  it('is won by one of two clusters that race', async () => {
    for (let round = 0; round < 5; round += 1) {
      await using place = await temporaryRepository();
      const outcomes = await Promise.all(
        ['1', '2', '1', '2'].map(async (id) =>
          codeOf(claimIdentity(place.repo, { ...TEST_IDENTITY, systemIdentifier: id as SystemIdentifier }, calm())),
        ),
      );
      expect(outcomes.filter((code) => code === 'none')).toHaveLength(2);
      expect(outcomes.filter((code) => code === 'site.foreign-cluster')).toHaveLength(2);
    }
  });

  it('is not guessed where site.json was lost', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    await commitSmallBackup(repo, { files: FILES });
    await removeKeys(repo, [identityKey(repo.site)], calm());
    expect(await codeOf(claimIdentity(repo, TEST_IDENTITY, calm()))).toBe('repository.foreign');
    expect(await codeOf(observeRepository(repo, calm()))).toBe('repository.foreign');
  });

  it('is refused in a place that holds another format', async () => {
    await using place = await temporaryRepository();
    await putText(place.repo, 'hoard.json', '{"formatVersion":"1.0"}\n');
    expect(await codeOf(ensureRepository(place.repo, calm()))).toBe('object.corrupt');
    expect(await codeOf(observeRepository(place.repo, calm()))).toBe('object.corrupt');
  });
});
