import { type Bytes, bytesOf } from '../domain/bytes.ts';
import type { BackupId, PackReference } from '../domain/observed.ts';
import { parseBackupId } from './backup-id.ts';
import type { Fields } from './fields.ts';
import { parseFingerprints } from './key-reference.ts';
import { MAX_PACK_NUMBER, packReference } from './layout.ts';

/**
 * The packs that a backup needs, by the backup that wrote them: `{ "backup": id, "numbers": "0-41,43", "bytes": 2870123456 }`.
 * `bytes` is the sum of their stored sizes, so that a listing alone shows whether one was cut.
 */
export interface PackGroup {
  readonly backup: BackupId;
  /** Ascending. */
  readonly numbers: readonly number[];
  readonly bytes: Bytes;
  /** Fingerprints of the (sub)keys that each of the packs is encrypted to; absent where they are not encrypted. */
  readonly encryptedTo?: readonly string[];
}

/** Who a backup's packs are encrypted to; undefined where they are not. */
export type EncryptedTo = (backup: BackupId) => readonly string[] | undefined;

/** Packs with their stored sizes, grouped; duplicates count once. */
export function groupPacks(
  packs: Iterable<PackReference & { readonly size: number }>,
  encryptedTo: EncryptedTo = () => undefined,
): readonly PackGroup[] {
  const byBackup = new Map<BackupId, Map<number, number>>();
  for (const pack of packs) {
    const sizes = byBackup.get(pack.backup) ?? new Map<number, number>();
    byBackup.set(pack.backup, sizes.set(pack.number, pack.size));
  }
  return [...byBackup]
    .map(([backup, sizes]) => ({
      backup,
      numbers: [...sizes.keys()].sort((a, b) => a - b),
      bytes: bytesOf([...sizes.values()].reduce((sum, size) => sum + size, 0)),
      ...withRecipients(encryptedTo(backup)),
    }))
    .sort((a, b) => (a.backup < b.backup ? -1 : 1));
}

const withRecipients = (encryptedTo: readonly string[] | undefined): Pick<PackGroup, 'encryptedTo'> =>
  encryptedTo === undefined ? {} : { encryptedTo };

export const packsOf = (groups: readonly PackGroup[]): readonly PackReference[] =>
  groups.flatMap(({ backup, numbers, encryptedTo }) =>
    numbers.map((number) => packReference(backup, number, encryptedTo !== undefined)),
  );

/** `0-41,43`. */
export function formatRanges(numbers: readonly number[]): string {
  const ranges: { first: number; last: number }[] = [];
  for (const number of numbers) {
    const open = ranges.at(-1);
    if (open && open.last === number - 1) open.last = number;
    else ranges.push({ first: number, last: number });
  }
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

// 4 million packs of 64 MiB are 256 TiB in one backup: more is damage or an attack, not a backup.
const MAX_PACKS = 1 << 22;

export function parsePackGroups(fields: Fields, name: string): readonly PackGroup[] {
  let budget = MAX_PACKS;
  return fields.objects(name, MAX_PACKS).map((group) => {
    const numbers: number[] = [];
    for (const range of group.text('numbers', 64 * 1024 * 1024).split(',')) {
      const match = /^(\d{1,8})(?:-(\d{1,8}))?$/.exec(range);
      const first = Number(match?.[1]);
      const last = Number(match?.[2] ?? match?.[1]);
      if (!match || last < first || first <= (numbers.at(-1) ?? -1) || last > MAX_PACK_NUMBER) {
        return group.refuse(`has pack numbers that do not ascend, near "${range.slice(0, 20)}"`);
      }
      budget -= last - first + 1;
      if (budget < 0) return group.refuse(`brings the packs above ${MAX_PACKS}`);
      for (let number = first; number <= last; number += 1) numbers.push(number);
    }
    return {
      backup: group.parsed('backup', parseBackupId),
      numbers,
      bytes: bytesOf(group.integer('bytes')),
      ...(group.has('encryptedTo') && { encryptedTo: parseFingerprints(group, 'encryptedTo') }),
    };
  });
}

/** Why the listed packs are not those of `groups`, or undefined where all are there with the right size. */
export function missingPacks(
  groups: readonly PackGroup[],
  sizeOf: (pack: PackReference) => number | undefined,
): { readonly missing: readonly PackReference[]; readonly damaged: string | undefined } {
  const missing: PackReference[] = [];
  let damaged: string | undefined;
  for (const { backup, numbers, bytes, encryptedTo } of groups) {
    let sum = 0;
    let complete = true;
    for (const number of numbers) {
      const pack = packReference(backup, number, encryptedTo !== undefined);
      const size = sizeOf(pack);
      if (size === undefined) {
        missing.push(pack);
        complete = false;
      } else {
        sum += size;
      }
    }
    if (complete && sum !== bytes) {
      damaged ??= `packs ${formatRanges(numbers)} of ${backup} have ${sum} bytes together, but ${bytes} were stored`;
    }
  }
  return { missing, damaged };
}
