import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openCodec } from '../../src/codec/open-codec.ts';
import { type DesiredRepository, repositoryName, siteName } from '../../src/domain/desired.ts';
import { durationOf } from '../../src/domain/duration.ts';
import { isFailure } from '../../src/domain/failure.ts';
import { takeAdvisoryLock } from '../../src/postgres/advisory-lock.ts';
import { acquireLease, type Lease } from '../../src/repository/lease.ts';
import { observeOwner } from '../../src/repository/lease-owner.ts';
import { readServerLease } from '../../src/repository/server-lease.ts';
import { openSiteRepository, type SiteRepository } from '../../src/repository/site-repository.ts';
import { openStore } from '../../src/storage/open-store.ts';
import { createSftpDirectory } from '../../src/storage/sftp/sftp-driver.ts';
import { type PostgresServer, startPostgres } from '../../support/embedded-postgres.ts';
import { startPlainSftp } from '../../support/servers/plain-sftp.ts';
import { declaredPlainSftp } from '../conformance/sftp-declared.ts';
import { createRecorder } from '../support/recorder.ts';
import { calm, temporaryRepository } from '../support/temporary-repository.ts';
import { connectionTo, withoutConditionalCreate } from '../support/without-conditional-create.ts';

let server: PostgresServer;
const children: ChildProcess[] = [];

beforeAll(async () => {
  server = await startPostgres({ server: 18 });
});

afterAll(async () => server?.[Symbol.asyncDispose]());

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

const plain: Omit<DesiredRepository, 'storage'> = {
  name: repositoryName('main'),
  prefix: '',
  compression: { algorithm: 'zstd', level: undefined },
};

async function take(
  repo: SiteRepository,
  options: { ttl?: number; port?: number; wait?: number } = {},
): Promise<Lease> {
  const { connection, context } = connectionTo(options.port ?? server.port);
  return acquireLease(withoutConditionalCreate(repo), {
    owner: await observeOwner(process.pid),
    ttl: durationOf(options.ttl ?? 30_000),
    waitFor: durationOf(options.wait ?? 0),
    signal: calm(),
    reporter: createRecorder(),
    takeServerLock: (key, signal) => takeAdvisoryLock([connection], key, context(signal)),
  });
}

/** Another process that takes the lease and says what happened, line by line. */
function startHolder(directory: string): { readonly child: ChildProcess; next(): Promise<string> } {
  const program = new URL('../support/server-lease-process.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [program, directory, `${server.port}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, next: async () => String((await lines.next()).value) };
}

const ended = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    signal.addEventListener('abort', () => resolve(signal.reason), { once: true });
  });

describe('a lease where the store has no conditional create', () => {
  it('is a lock on the primary: one of two processes has it, and a killed one leaves it at once', async () => {
    await using place = await temporaryRepository();
    const first = startHolder(place.directory);
    expect(await first.next()).toBe('held');
    const second = startHolder(place.directory);
    expect(await second.next()).toBe('refused lease.held');
    const failure = await take(place.repo).catch((error: unknown) => error);
    expect(isFailure(failure, 'lease.held') && failure.message).toContain(`process ${first.child.pid} on`);
    first.child.kill('SIGKILL');
    await using lease = await take(place.repo, { wait: 20_000 });
    lease.check();
    await lease.confirm();
  });

  it('is what a lease on an SFTP server without hard links is', async () => {
    await using sftp = await startPlainSftp();
    const { storage, context: storageContext } = declaredPlainSftp(sftp);
    await createSftpDirectory(storage, storageContext);
    const open = async (): Promise<SiteRepository> => {
      const repository: DesiredRepository = { ...plain, storage };
      const { clock, random } = storageContext;
      const store = await openStore(repository, storageContext);
      return openSiteRepository({
        repository,
        site: siteName('orders'),
        store,
        codec: openCodec(repository.compression),
        clock,
        random,
      });
    };
    const { connection, context } = connectionTo(server.port);
    const lease = async (repo: SiteRepository): Promise<Lease> =>
      acquireLease(repo, {
        owner: await observeOwner(process.pid),
        ttl: durationOf(30_000),
        waitFor: durationOf(0),
        signal: calm(),
        reporter: createRecorder(),
        takeServerLock: (key, signal) => takeAdvisoryLock([connection], key, context(signal)),
      });
    const [one, other] = [await open(), await open()];
    try {
      await using first = await lease(one);
      await first.confirm();
      const locks = await server.query("select count(*)::int from pg_locks where locktype = 'advisory'");
      expect(JSON.stringify(locks)).toContain('1');
      await expect(lease(other)).rejects.toMatchObject({ code: 'lease.held' });
      await first[Symbol.asyncDispose]();
      await using second = await lease(other);
      await second.confirm();
    } finally {
      await one.store.close();
      await other.store.close();
    }
  });

  it('can be taken again once it was released, and its record says so', async () => {
    await using place = await temporaryRepository();
    const first = await take(place.repo);
    expect((await readServerLease(place.repo, calm()))?.state).toBe('held');
    await first[Symbol.asyncDispose]();
    expect((await readServerLease(place.repo, calm()))?.state).toBe('released');
    expect(() => first.check()).toThrow('was released');
    await using second = await take(place.repo);
    await second.confirm();
  });

  it('is no other repository’s business', async () => {
    await using one = await temporaryRepository();
    await using other = await temporaryRepository();
    await using first = await take(one.repo);
    await using second = await take(other.repo);
    await Promise.all([first.confirm(), second.confirm()]);
  });

  it('is lost when the server ends its session, which aborts the work', async () => {
    await using place = await temporaryRepository();
    await using lease = await take(place.repo, { ttl: 600 });
    await server.query("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'");
    const reason = await ended(lease.signal);
    expect(isFailure(reason, 'lease.lost')).toBe(true);
    await expect(lease.confirm()).rejects.toMatchObject({ code: 'lease.lost' });
  });

  it('is confirmed by asking, also when nobody has looked yet', async () => {
    await using place = await temporaryRepository();
    await using lease = await take(place.repo);
    await server.query("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'");
    await expect(lease.confirm()).rejects.toMatchObject({ code: 'lease.lost' });
    expect(lease.signal.aborted).toBe(true);
  });

  it('does not count for a repository that was made anew', async () => {
    await using place = await temporaryRepository();
    await using lease = await take(place.repo);
    await place.repo.store.deleteMany(['hoard.json'], { signal: calm() });
    await expect(lease.confirm()).rejects.toMatchObject({ code: 'lease.lost' });
  });

  it('cannot be taken without a primary, and says why', async () => {
    await using place = await temporaryRepository();
    const failure = await take(place.repo, { port: 1 }).catch((error: unknown) => error);
    expect(isFailure(failure, 'postgres.unreachable')).toBe(true);
    expect(isFailure(failure) && failure.message).toMatch(
      /^no lease can be taken in repository "main" .* lock on the site's primary/,
    );
  });
});
