import { expect, it } from 'vitest';
import { diff } from '../../../src/domain/diff.ts';
import { instant } from '../../../src/domain/instant.ts';
import type { PlannedAction } from '../../../src/domain/plan.ts';
import { createSecretResolver } from '../../../src/policy/secret-resolver.ts';
import { executeOrphanRemove } from '../../../src/reconcile/actions/orphan-remove.ts';
import { packsPrefix } from '../../../src/repository/layout.ts';
import { observeRepository } from '../../../src/repository/observe-repository.ts';
import { listAll } from '../../../src/repository/small-object.ts';
import { createSystemEffects } from '../../../src/telemetry/system-effects.ts';
import { declared, seen } from '../../support/observed-site.ts';
import { createRecorder } from '../../support/recorder.ts';
import { storeSmallBackup, takeLease } from '../../support/small-backup.ts';
import { calm, temporaryRepository } from '../../support/temporary-repository.ts';
import { testEncryption, testKey } from '../../support/test-keys.ts';

it.each([false, true])('what is planned to go is gone, to the last object (encrypted: %s)', async (encrypted) => {
  const anna = await testKey('anna');
  const encryption = testEncryption({ recipients: [anna], owners: [] });
  await using place = await temporaryRepository(encrypted ? { encryption } : {});
  const { repo } = place;
  const files = new Map([
    ['a', Buffer.from(repo.random(3000))],
    ['b', Buffer.from(repo.random(3000))],
  ]);
  await storeSmallBackup(repo, { files, packBytes: 4000, startTime: 1_000_000 });
  const observed = await observeRepository(repo, calm());
  const orphans = async (): Promise<readonly PlannedAction[]> =>
    diff(declared(), seen({ main: await observeRepository(repo, calm()) }), instant(repo.clock.now())).actions.filter(
      ({ work }) => work.kind === 'orphan.remove',
    );
  const [action, ...more] = await orphans();
  expect(more).toEqual([]);
  if (action?.work.kind !== 'orphan.remove') throw new Error('no removal is planned');
  expect(action.target).toBe('3 objects');
  await using lease = await takeLease(repo);
  const effects = createSystemEffects({ environment: {}, reporter: createRecorder(), signal: calm() });
  const context = {
    effects,
    secrets: createSecretResolver({}),
    toolVersion: '0',
    site: declared(),
    repo,
    lease,
    observed,
  };
  expect(await executeOrphanRemove(action.work, context)).toBe('removed 3 objects');
  expect(await listAll(repo.store, packsPrefix(repo.site), calm())).toEqual([]);
  expect(await orphans()).toEqual([]);
});
