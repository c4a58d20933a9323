import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { durationOf } from '../../../src/domain/duration.ts';
import { Failure } from '../../../src/domain/failure.ts';
import type { BackupId, ObservedRepository, ObservedSite } from '../../../src/domain/observed.ts';
import type { PlannedAction } from '../../../src/domain/plan.ts';
import { createSecretResolver } from '../../../src/policy/secret-resolver.ts';
import type { SiteContext } from '../../../src/reconcile/open-site.ts';
import { RepositorySession } from '../../../src/reconcile/repository-session.ts';
import { observeOwner } from '../../../src/repository/lease-owner.ts';
import { observeRepository } from '../../../src/repository/observe-repository.ts';
import { removeBackup } from '../../../src/repository/remove.ts';
import { systemClock } from '../../../src/telemetry/system-effects.ts';
import { declared, MAIN, seen } from '../../support/observed-site.ts';
import { plannedAction } from '../../support/planned-action.ts';
import { createRecorder } from '../../support/recorder.ts';
import { commitSmallBackup, takeLease } from '../../support/small-backup.ts';
import { calm, type TemporaryRepository, temporaryRepository } from '../../support/temporary-repository.ts';

let place: TemporaryRepository;
let first: BackupId;
let second: BackupId;
let replans: ObservedRepository[];

beforeEach(async () => {
  place = await temporaryRepository();
  first = await commit(1_700_000_000_000);
  second = await commit(1_700_000_100_000);
  replans = [];
});
afterEach(async () => place[Symbol.asyncDispose]());

const commit = async (startTime: number): Promise<BackupId> =>
  (await commitSmallBackup(place.repo, { files: new Map([['PG_VERSION', Buffer.from('18\n')]]), startTime })).id;
const stored = async (): Promise<readonly BackupId[]> =>
  (await observeRepository(place.repo, calm())).backups.map(({ id }) => id);

const prune = (backup: BackupId, inputs = 'as planned'): PlannedAction =>
  plannedAction({ id: `prune:${backup}`, risk: 'destructive', inputs, work: { kind: 'backup.prune', backup } });

/** A planner that wants every backup but the newest gone, and notes what it was shown. */
const pruneAllButNewest = (inputs?: string) => (site: ObservedSite) => {
  const observation = site.repositories.get(MAIN);
  if (observation?.kind !== 'known') throw new Error('the session looks at the repository itself');
  replans.push(observation.value);
  return observation.value.backups.slice(0, -1).map(({ id }) => prune(id, inputs));
};

async function session(replan: (site: ObservedSite) => readonly PlannedAction[]): Promise<RepositorySession> {
  const signal = calm();
  const effects = {
    clock: systemClock,
    random: place.repo.random,
    environment: {},
    reporter: createRecorder(),
    signal,
  };
  const context: SiteContext = { effects, secrets: createSecretResolver({}), toolVersion: '0.0.0' };
  const desired = {
    name: MAIN,
    storage: { type: 'local', directory: place.directory },
    prefix: '',
    compression: { algorithm: 'zstd', level: undefined },
    encrypted: false,
  } as const;
  return new RepositorySession({
    opened: {
      site: declared({}, { dataDirectory: place.directory }),
      repositories: new Map([[MAIN, { desired, opened: place.repo }]]),
      [Symbol.asyncDispose]: async () => undefined,
    },
    repository: MAIN,
    planned: seen({}),
    create: false,
    replan,
    owner: await observeOwner(process.pid),
    waitFor: durationOf(0),
    context,
  });
}

describe('RepositorySession', () => {
  it('does what comes out again under the lease', async () => {
    await using work = await session(pruneAllButNewest());
    expect(await work.run(prune(first))).toMatchObject({ kind: 'done' });
    expect(await stored()).toEqual([second]);
    expect(replans).toHaveLength(1);
  });

  it('leaves alone what does not come out again', async () => {
    await using work = await session(() => []);
    expect(await work.run(prune(first))).toMatchObject({ kind: 'vanished' });
    expect(await stored()).toEqual([first, second]);
  });

  it('leaves alone what comes out again for other reasons, or blocked', async () => {
    {
      await using work = await session(pruneAllButNewest('other facts'));
      expect(await work.run(prune(first))).toMatchObject({ kind: 'changed' });
    }
    const budget = { code: 'budget', message: 'too many' } as const;
    await using work = await session(() => [{ ...prune(first), blockedBy: [budget] }]);
    expect(await work.run(prune(first))).toMatchObject({ kind: 'changed' });
    expect(await stored()).toEqual([first, second]);
  });

  it('decides by what the repository holds now, not by what was planned from', async () => {
    await using work = await session(pruneAllButNewest());
    // Between plan and lease somebody else removes the newest backup: now the first is the newest.
    await removeBackup(place.repo, second, calm());
    expect(await work.run(prune(first))).toMatchObject({ kind: 'vanished' });
    expect(await stored()).toEqual([first]);
  });

  it('looks again before it removes anything after it has added something', async () => {
    const archive = plannedAction({ id: 'archive', work: { kind: 'wal.archive', files: [] } });
    const replan = pruneAllButNewest();
    await using work = await session((site) => [archive, ...replan(site)]);
    expect(await work.run(archive)).toMatchObject({ kind: 'done' });
    expect(replans).toHaveLength(1);
    await removeBackup(place.repo, second, calm());
    expect(await work.run(prune(first))).toMatchObject({ kind: 'vanished' });
    expect(replans).toHaveLength(2);
    expect(await stored()).toEqual([first]);
  });

  it('does nothing while another holds the lease, and says who', async () => {
    const lease = await takeLease(place.repo);
    await using work = await session(pruneAllButNewest());
    const outcome = await work.run(prune(first));
    expect(outcome).toMatchObject({ kind: 'failed', failure: { code: 'lease.held' } });
    expect(await stored()).toEqual([first, second]);
    await lease[Symbol.asyncDispose]();
    expect(await work.run(prune(first))).toMatchObject({ kind: 'done' });
  });

  it('gives its lease back', async () => {
    {
      await using work = await session(pruneAllButNewest());
      await work.run(prune(first));
    }
    await using again = await session(pruneAllButNewest());
    expect(await again.run(prune(second))).toMatchObject({ kind: 'vanished' });
  });

  it('turns whatever is thrown into an outcome', async () => {
    await using work = await session(() => {
      throw new TypeError('a mistake in the planner');
    });
    const outcome = await work.run(prune(first));
    expect(outcome).toMatchObject({ kind: 'failed', failure: { code: 'bug' } });
    if (outcome.kind === 'failed') expect(outcome.failure).toBeInstanceOf(Failure);
  });
});
