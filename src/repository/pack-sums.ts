import { Failure, isFailure } from '../domain/failure.ts';
import { type BackupId, type PackReference, packName } from '../domain/observed.ts';
import { packFileName, packSumsKey } from './layout.ts';
import type { SiteRepository } from './site-repository.ts';
import { createSmallObject } from './small-object.ts';

/** A pack with the SHA-256 of its stored bytes, in lower-case hexadecimal. */
export type SummedPack = PackReference & { readonly sha256: string };

/**
 * Writes what the packs of one backup are known by, in the form of `sha256sum`, so that their stored bytes can be checked by anybody, without
 * keys and without hoard. Once, when all of them are durable.
 */
export async function writePackSums(
  repo: SiteRepository,
  backup: BackupId,
  packs: readonly SummedPack[],
  signal: AbortSignal,
): Promise<void> {
  const key = packSumsKey(repo.site, backup);
  const lines = packs.map((pack) => `${pack.sha256}  ${packFileName(pack)}\n`);
  if (await createSmallObject(repo.store, key, Buffer.from(lines.join('')), signal)) return;
  throw new Failure('backup.failed', { message: `${key} was written before: somebody else writes the same backup` });
}

const LINE = /^([0-9a-f]{64}) {2}((\d{8})\.pack(?:\.pgp)?)$/;

/** A line has some 85 bytes. What is longer is damage, and must not fill the memory. */
const MAX_PIECE_BYTES = 128;

/**
 * The sums of those of a backup's packs that are asked for, by packName; undefined where the backup has none (an older hoard took it). Throws
 * `object.corrupt` where a byte is not of their form. In memory bounded by what is asked for.
 */
export async function readPackSums(
  repo: SiteRepository,
  backup: BackupId,
  wanted: readonly PackReference[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string> | undefined> {
  const key = packSumsKey(repo.site, backup);
  const names = new Map(wanted.map((pack) => [packFileName(pack), packName(pack)]));
  const found = new Map<string, string>();
  let last = -1;
  const take = (line: string): void => {
    const [, sha256, name, number] = LINE.exec(line) ?? [];
    if (sha256 === undefined || name === undefined || Number(number) <= last) {
      throw new Failure('object.corrupt', { message: `${key} is damaged: it has a line that is not of its form` });
    }
    last = Number(number);
    const wantedName = names.get(name);
    if (wantedName !== undefined) found.set(wantedName, sha256);
  };
  let rest = '';
  try {
    for await (const piece of await repo.store.get(key, { signal })) {
      const lines = `${rest}${Buffer.from(piece).toString('latin1')}`.split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_PIECE_BYTES) take(rest);
      for (const line of lines) take(line);
    }
  } catch (error) {
    if (isFailure(error, 'store.not-found')) return undefined;
    throw error;
  }
  if (rest !== '')
    throw new Failure('object.corrupt', { message: `${key} is damaged: it ends in the middle of a line` });
  return found;
}
