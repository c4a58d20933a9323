import { expect, test } from 'vitest';
import { claimIdentity } from '../../../src/repository/identity.ts';
import { storedSites } from '../../../src/repository/stored-sites.ts';
import { SIZE, SYSTEM } from '../../support/observed-repository.ts';
import { calm, openTestRepository, temporaryRepository } from '../../support/temporary-repository.ts';

test('every site of which anything is stored is found, names that begin alike too', async () => {
  await using place = await temporaryRepository();
  expect(await storedSites(place.repo, calm())).toEqual([]);
  for (const site of ['main', 'main-2', 'main0', 'orders']) {
    const repo = await openTestRepository(place.directory, { site });
    await claimIdentity(repo, { systemIdentifier: SYSTEM, segmentSize: SIZE }, calm());
  }
  expect(new Set(await storedSites(place.repo, calm()))).toEqual(new Set(['main', 'main-2', 'main0', 'orders']));
});
