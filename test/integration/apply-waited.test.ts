import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startPostgres } from '../../support/embedded-postgres.ts';
import { LAUNCHER, policyFolder, runHoard } from '../support/hoard-cli.ts';
import { takeLease } from '../support/small-backup.ts';
import { openTestRepository } from '../support/temporary-repository.ts';

const QUICKSTART = readFileSync(
  path.resolve(import.meta.dirname, '../../examples/quickstart/policies/hoard.yaml'),
  'utf8',
);

it('an apply that waited for the lease until another slot had come takes the backup all the same', async () => {
  using place = policyFolder(QUICKSTART);
  await using server = await startPostgres({
    server: 16,
    settings: {
      archive_mode: 'on',
      archive_command: `${process.execPath} ${LAUNCHER} -f ${place.policies} wal push %p`,
    },
  });
  const hoard = (...args: string[]): ReturnType<typeof runHoard> =>
    runHoard(['-f', place.policies, ...args], {
      cwd: place.folder,
      environment: { HOARD_MAIN_URI: server.connectionUri() },
    });
  const backups = async (): Promise<number> =>
    (JSON.parse((await hoard('backup', 'list', '--output', 'json')).stdout) as { backups: unknown[] }).backups.length;
  expect(await hoard('apply', '--yes')).toMatchObject({ status: 0 });
  expect(await backups()).toBe(1);

  place.write(QUICKSTART.replace('schedule: { cron: "0 2 * * *" }', 'schedule: { every: 10s }'));
  await sleep(10_000 - (Date.now() % 10_000));
  const repo = await openTestRepository(place.repository, { site: 'main' });
  const lease = await takeLease(repo);
  const waiting = hoard('apply', '--yes');
  // Two slots: whenever the plan was made, another has come.
  await sleep(20_000);
  await lease[Symbol.asyncDispose]();
  expect(await waiting).toMatchObject({ status: 0 });
  expect(await backups()).toBe(2);
});
