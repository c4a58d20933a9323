import { bytesOf } from './bytes.ts';
import { canonicalText } from './canonical.ts';
import { type RepositoryContext, removalBlockers } from './diff-context.ts';
import type { Instant } from './instant.ts';
import { lockedFinding, lockedUntil } from './locked.ts';
import { type BackupId, type PackReference, packName, type StoredObject, type StoredPack } from './observed.ts';
import type { Blocker, PlannedAction } from './plan.ts';

/** What belongs to nothing, and stays until its lock ends. */
export function lockedOrphans(context: RepositoryContext): readonly string[] {
  const { repository } = context;
  const named = new Set(repository.backups.flatMap((backup) => backup.packs.map(packName)));
  const until = [...repository.packs.filter((pack) => !named.has(packName(pack))), ...repository.strays]
    .map(({ storedAt }) => lockedUntil(context, storedAt))
    .filter((each) => each !== undefined);
  return lockedFinding(
    context,
    `${until.length} object${until.length === 1 ? '' : 's'} that no backup refers to, which the store keeps`,
    until,
  );
}

/** Where a listing may be late, the marker of a backup may be missing from it: what is younger is not taken for a leftover. */
const LATEST_LISTING = 24 * 60 * 60_000;

/**
 * Removes what no committed backup names: leftovers of interrupted work now, and the packs that the plan's own prunes set free after
 * them, so that one apply converges.
 *
 * The observation must be made under the repository's lease: packs of a backup that another process is just taking look the same.
 * A backup that this plan takes may name any pack of a committed backup again, so then what the prunes set free is left to the
 * next plan.
 */
export function planOrphans(
  context: RepositoryContext,
  prunes: readonly PlannedAction[],
  going: ReadonlySet<BackupId>,
  takesBackup: boolean,
): readonly PlannedAction[] {
  const { repository, now } = context;
  const named = new Set(repository.backups.flatMap((backup) => backup.packs.map(packName)));
  const staying = repository.backups.filter((backup) => !going.has(backup.id));
  const stillNamed = new Set(staying.flatMap((backup) => backup.packs.map(packName)));
  const mayGo = ({ storedAt }: { readonly storedAt: Instant }): boolean => lockedUntil(context, storedAt) === undefined;
  const settled = (object: { readonly storedAt: Instant }): boolean =>
    mayGo(object) && (repository.lateListing !== true || now - object.storedAt > LATEST_LISTING);
  const loose = repository.packs.filter((pack) => !named.has(packName(pack)) && settled(pack));
  const freed = repository.packs.filter(
    (pack) => named.has(packName(pack)) && !stillNamed.has(packName(pack)) && mayGo(pack),
  );

  const guards = removalBlockers(context);
  const removing = prunes.filter(({ work }) => work.kind === 'backup.prune' && going.has(work.backup));
  return [
    ...remove(context, 'leftovers', loose, repository.strays.filter(settled), [], guards, 'no backup refers to'),
    ...(takesBackup
      ? []
      : remove(
          context,
          'freed',
          freed,
          [],
          removing.map(({ id }) => id),
          removing[0]?.blockedBy ?? guards,
          'after this plan no backup refers to',
        )),
  ];
}

function remove(
  { site, name }: RepositoryContext,
  key: 'leftovers' | 'freed',
  packs: readonly StoredPack[],
  strays: readonly StoredObject[],
  dependsOn: readonly string[],
  blockedBy: readonly Blocker[],
  why: string,
): readonly PlannedAction[] {
  const count = packs.length + strays.length;
  if (count === 0) return [];
  const references = packs.map(referenceOf).sort(byPack);
  const keys = strays.map((stray) => stray.key).sort();
  const bytes = [...packs, ...strays].reduce((sum, { size }) => sum + size, 0);
  return [
    {
      id: `orphan.remove:${site.name}:${name}:${key}`,
      site: site.name,
      repository: name,
      target: `${count} object${count === 1 ? '' : 's'}`,
      risk: 'destructive',
      reasonCode: 'unreferenced',
      reason: `${why} ${count === 1 ? 'this object' : `these ${count} objects`}`,
      estimate: { bytes: bytesOf(bytes), requests: Math.ceil(count / 1000) + 1 },
      dependsOn,
      blockedBy,
      inputs: canonicalText({ packs: references, keys }),
      work: { kind: 'orphan.remove', packs: references, keys },
    },
  ];
}

/** Whether it is encrypted is part of its name. */
const referenceOf = ({ backup, number, encrypted }: StoredPack) =>
  encrypted === true ? { backup, number, encrypted } : { backup, number };

const byPack = (a: PackReference, b: PackReference): number =>
  a.backup === b.backup ? a.number - b.number : a.backup < b.backup ? -1 : 1;
