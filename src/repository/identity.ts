import { Failure } from '../domain/failure.ts';
import { formatInstant } from '../domain/instant.ts';
import { type ObservedRepository, type SystemIdentifier, systemIdentifier } from '../domain/observed.ts';
import { type SegmentSize, segmentSize } from '../domain/segment.ts';
import { openDocument, sealDocument } from './document.ts';
import { identityKey, REPOSITORY_KEY, sitePrefix } from './layout.ts';
import { describeRepository, type SiteRepository } from './site-repository.ts';
import { createSmallObject, readSmallObjectIfThere } from './small-object.ts';

export interface SiteIdentity {
  readonly systemIdentifier: SystemIdentifier;
  readonly segmentSize: SegmentSize;
}

const MAX_BYTES = 64 * 1024;

/** An unsigned 64-bit number in decimal, kept as text. Throws `value.invalid`. */
export function parseSystemIdentifier(text: string): SystemIdentifier {
  if (/^[1-9]\d{0,19}$/.test(text) && BigInt(text) <= 0xffff_ffff_ffff_ffffn) return systemIdentifier(text);
  throw new Failure('value.invalid', { message: `"${text.slice(0, 40)}" is not a system identifier` });
}

/**
 * Makes sure that the location is a hoard repository of a readable version: creates hoard.json where there is none.
 * `repository.foreign` where something else lies there. Idempotent and safe among concurrent callers.
 */
export async function ensureRepository(repo: SiteRepository, signal: AbortSignal): Promise<void> {
  if (await checkRepository(repo, signal)) return;
  const id = Buffer.from(repo.random(16)).toString('hex');
  const document = sealDocument('repository', { id, createdAt: formatInstant(repo.clock.now()) });
  const created = await createSmallObject(repo.store, REPOSITORY_KEY, document, signal);
  if (!created) await checkRepository(repo, signal);
}

/** True where hoard.json is there and readable, false where it is absent; throws otherwise. */
export async function checkRepository(
  repo: Pick<SiteRepository, 'name' | 'store'>,
  signal: AbortSignal,
): Promise<boolean> {
  const bytes = await readSmallObjectIfThere(repo.store, REPOSITORY_KEY, MAX_BYTES, signal);
  if (!bytes) return false;
  openDocument('repository', bytes, `${REPOSITORY_KEY} of ${describeRepository(repo)}`);
  return true;
}

/** The id that hoard.json gives the repository; undefined where there is none. */
export async function readRepositoryId(repo: SiteRepository, signal: AbortSignal): Promise<string | undefined> {
  const bytes = await readSmallObjectIfThere(repo.store, REPOSITORY_KEY, MAX_BYTES, signal);
  return bytes && openDocument('repository', bytes, `${REPOSITORY_KEY} of ${describeRepository(repo)}`).text('id', 64);
}

/** The cluster that this site's part of the repository belongs to; undefined where nothing was ever written for the site. */
export async function readIdentity(repo: SiteRepository, signal: AbortSignal): Promise<ObservedRepository['identity']> {
  const bytes = await readSmallObjectIfThere(repo.store, identityKey(repo.site), MAX_BYTES, signal);
  if (!bytes) return undefined;
  const fields = openDocument('site', bytes, `site.json of site "${repo.site}" in ${describeRepository(repo)}`);
  return {
    systemIdentifier: fields.parsed('systemIdentifier', parseSystemIdentifier),
    segmentSize: fields.counted('walSegmentSize', segmentSize),
  };
}

/**
 * Claims the site's part of the repository for a cluster, once and for ever, or compares with the earlier claim.
 * Throws `site.foreign-cluster` where it belongs to another cluster (or to the same one with another segment size), and
 * `repository.foreign` where data of the site lies there but nothing says whose it is. One request where the claim is there.
 */
export async function claimIdentity(repo: SiteRepository, wanted: SiteIdentity, signal: AbortSignal): Promise<void> {
  const found = (await readIdentity(repo, signal)) ?? (await createIdentity(repo, wanted, signal));
  if (found.systemIdentifier === wanted.systemIdentifier && found.segmentSize === wanted.segmentSize) return;
  throw new Failure('site.foreign-cluster', {
    message:
      `site "${repo.site}" in ${describeRepository(repo)} belongs to the cluster ${found.systemIdentifier} with segments of ` +
      `${found.segmentSize} bytes, not to ${wanted.systemIdentifier} with ${wanted.segmentSize}`,
    hint: 'give the new cluster a site name of its own; two clusters never share one',
  });
}

async function createIdentity(repo: SiteRepository, wanted: SiteIdentity, signal: AbortSignal): Promise<SiteIdentity> {
  await ensureRepository(repo, signal);
  const orphaned = await firstForeignData(repo, signal);
  const document = sealDocument('site', {
    systemIdentifier: wanted.systemIdentifier,
    walSegmentSize: wanted.segmentSize,
  });
  if (orphaned === undefined) await createSmallObject(repo.store, identityKey(repo.site), document, signal);
  // Read again in any case: another process may have claimed the site meanwhile, and written the data that was just seen.
  const claimed = await readIdentity(repo, signal);
  if (claimed) return claimed;
  throw new Failure('repository.foreign', {
    message: `site "${repo.site}" in ${describeRepository(repo)} has data (${orphaned}) but no site.json that says which cluster it is of`,
    hint: 'copy site.json from another repository of the site, or give the site another name',
  });
}

/** Something that can only be there when the site was claimed before: all writers of these claim it first. */
async function firstForeignData(repo: SiteRepository, signal: AbortSignal): Promise<string | undefined> {
  for (const folder of ['wal/', 'backups/', 'packs/']) {
    for await (const page of repo.store.list(sitePrefix(repo.site) + folder, { signal })) {
      if (page[0]) return page[0].key;
    }
  }
  return undefined;
}
