/** One backup in a process of its own, for stream-backup.ts: REPOSITORY-DIRECTORY CONNECTION-URI. Prints the stored bytes. */
import { randomBytes } from 'node:crypto';
import { takeBackup } from '../src/backup/take-backup.ts';
import { openCodec } from '../src/codec/open-codec.ts';
import type { DesiredRepository, DesiredSite } from '../src/domain/desired.ts';
import { repositoryName, siteName } from '../src/domain/desired.ts';
import { durationOf } from '../src/domain/duration.ts';
import { createSecretResolver } from '../src/policy/secret-resolver.ts';
import { acquireLease } from '../src/repository/lease.ts';
import { observeOwner } from '../src/repository/lease-owner.ts';
import { observeRepository } from '../src/repository/observe-repository.ts';
import { openSiteRepository } from '../src/repository/site-repository.ts';
import { openStore } from '../src/storage/open-store.ts';
import { createSystemEffects } from '../src/telemetry/system-effects.ts';

const [directory = '', uri = ''] = process.argv.slice(2);
const environment = { BENCH_URI: uri };
const secrets = createSecretResolver(environment);
const { signal } = new AbortController();
const effects = createSystemEffects({ environment, reporter: { report: () => undefined }, signal });
const repository: DesiredRepository = {
  name: repositoryName('bench'),
  storage: { type: 'local', directory },
  prefix: '',
  compression: { algorithm: 'zstd', level: 3 },
};
const none = {
  last: 1,
  within: undefined,
  hourly: undefined,
  daily: undefined,
  weekly: undefined,
  monthly: undefined,
  yearly: undefined,
};
const site: DesiredSite = {
  name: siteName('bench'),
  mode: 'enforce',
  policyName: 'bench',
  policy: {
    backup: { schedule: undefined, method: 'stream', from: 'primary', checksums: 'verify' },
    wal: { method: 'none', require: 'all', partial: undefined, pauseBelow: undefined },
    retention: {
      window: undefined,
      keep: none,
      minimum: 1,
      maximum: undefined,
      prune: 'auto',
      budget: { percent: 50 },
    },
    objectives: { rpo: undefined, rto: undefined, provenWithin: undefined },
  },
  repositories: [repository.name],
  connections: [{ kind: 'uri', uri: { kind: 'env', name: 'BENCH_URI' }, slot: undefined }],
  dataDirectory: undefined,
  binDirectory: undefined,
};
const repo = openSiteRepository({
  repository,
  site: site.name,
  store: await openStore(repository, { ...effects, secrets }),
  codec: openCodec(repository.compression),
  clock: effects.clock,
  random: (count) => randomBytes(count),
});
const owner = await observeOwner(process.pid);
await using lease = await acquireLease(repo, { owner, waitFor: durationOf(0), signal, reporter: effects.reporter });
const observed = await observeRepository(repo, signal);
const marker = await takeBackup({ site, repo, observed, lease, effects, secrets, toolVersion: 'bench' });
process.stdout.write(`${marker.storedBytes}\n`);
