import type { Desired, DesiredSite, RepositoryName } from '../domain/desired.ts';
import { Failure } from '../domain/failure.ts';
import type { BackupId } from '../domain/observed.ts';
import type { VerifiedRepository } from '../domain/verification.ts';
import { checkRepository } from '../repository/identity.ts';
import { backupsPrefix, parseSiteKey } from '../repository/layout.ts';
import type { SiteRepository } from '../repository/site-repository.ts';
import { verifyBackup } from '../repository/verify-backup.ts';
import { type OpenedSite, openSite, type SiteContext } from './open-site.ts';

export interface VerifyRequest {
  /** The id of a backup, or the beginning of it. */
  readonly backup: string;
  readonly storedOnly: boolean;
  readonly wanted: (name: RepositoryName) => boolean;
}

export interface VerifiedFleet {
  readonly backup: BackupId;
  /** The repositories that hold it. */
  readonly verified: readonly VerifiedRepository[];
  /** Which repositories could not even be asked whether they hold it, and why. */
  readonly unreadable: readonly string[];
}

interface Holder {
  readonly repo: SiteRepository;
  readonly backup: BackupId;
  readonly privateKey: boolean;
}

/**
 * Verifies one backup in every repository that holds it, one after the other. Without any observation: a backup whose marker is damaged is
 * to be verified, too. Throws `backup.not-found` where the id is nobody's or more than one's, `store.unavailable` where no repository could be asked.
 */
export async function verifyStoredBackup(
  desired: Pick<Desired, 'repositories'>,
  sites: readonly DesiredSite[],
  context: SiteContext,
  request: VerifyRequest,
): Promise<VerifiedFleet> {
  await using stack = new AsyncDisposableStack();
  const holders: Holder[] = [];
  const unreadable: string[] = [];
  let asked = 0;
  for (const site of sites) {
    const opened = stack.use(await openSite(site, desired, context, request.wanted));
    for (const found of await askSite(opened, request.backup, context)) {
      if (typeof found === 'string') unreadable.push(found);
      else {
        asked += 1;
        holders.push(...found);
      }
    }
  }
  const backup = onlyBackup(request.backup, holders, { asked, unreadable });
  const verified: VerifiedRepository[] = [];
  for (const { repo, privateKey } of holders) {
    const place = { site: repo.site, repository: repo.name, backup };
    const { reporter, signal } = context.effects;
    const { storedOnly } = request;
    try {
      verified.push({
        ...place,
        outcome: await verifyBackup(repo, backup, { storedOnly, privateKey, reporter, signal }),
      });
    } catch (error) {
      verified.push({ ...place, outcome: reasonOf(error, context) });
    }
  }
  return { backup, verified, unreadable };
}

/** For each repository of the site: what it holds under the id, or why it could not be asked. */
async function askSite(
  { site, repositories }: OpenedSite,
  wanted: string,
  context: SiteContext,
): Promise<readonly (readonly Holder[] | string)[]> {
  const { signal } = context.effects;
  return Promise.all(
    [...repositories].map(async ([name, { desired, opened }]): Promise<readonly Holder[] | string> => {
      try {
        if (opened instanceof Failure) throw opened;
        await checkRepository(opened, signal);
        const privateKey = desired.encryption?.privateKey !== undefined;
        return (await backupsIn(opened, wanted, signal)).map((backup) => ({ repo: opened, backup, privateKey }));
      } catch (error) {
        return `repository "${name}" of site "${site.name}" could not be read: ${reasonOf(error, context)}`;
      }
    }),
  );
}

async function backupsIn(repo: SiteRepository, wanted: string, signal: AbortSignal): Promise<readonly BackupId[]> {
  const prefix = backupsPrefix(repo.site);
  const found: BackupId[] = [];
  for await (const page of repo.store.list(prefix, { signal })) {
    for (const { key } of page) {
      const parsed = parseSiteKey(repo.site, key);
      if (parsed?.kind === 'marker' && parsed.backup.startsWith(wanted)) found.push(parsed.backup);
    }
  }
  return found;
}

function onlyBackup(
  wanted: string,
  holders: readonly Holder[],
  { asked, unreadable }: { readonly asked: number; readonly unreadable: readonly string[] },
): BackupId {
  const ids = [...new Set(holders.map(({ backup }) => backup))];
  const [id] = ids;
  if (id !== undefined && ids.length === 1) return id;
  if (asked === 0 && unreadable.length > 0) {
    throw new Failure('store.unavailable', {
      message: unreadable.join('; '),
      hint: 'without it nothing is known about backups',
    });
  }
  throw new Failure('backup.not-found', {
    message:
      id === undefined ? `no backup has the id "${wanted}"` : `"${wanted}" begins the ids of ${ids.length} backups`,
    hint: id === undefined ? 'hoard backup list shows the ids' : `write more of it: ${ids.join(', ')}`,
  });
}

function reasonOf(error: unknown, { effects }: SiteContext): string {
  effects.signal.throwIfAborted();
  if (error instanceof Failure && error.class !== 'bug') return error.message;
  throw error;
}
