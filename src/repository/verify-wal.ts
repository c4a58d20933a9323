import { readClosingSum } from '../codec/openpgp/closing-sum.ts';
import { Failure, unreachable } from '../domain/failure.ts';
import { nextSegment, parseSegmentName, type SegmentSize, segmentName } from '../domain/segment.ts';
import { historyFileName } from '../domain/timeline.ts';
import type { VerifiedWal } from '../domain/verification.ts';
import { parseWalFileName } from '../domain/wal-file.ts';
import { mapBounded } from '../storage/bounded.ts';
import type { BackupMarker } from './backup-marker.ts';
import { readIdentity } from './identity.ts';
import { identityKey, walPrefix } from './layout.ts';
import { MAX_HISTORY_BYTES } from './observe-repository.ts';
import { describeRepository } from './site-repository.ts';
import type { StoredWork } from './verify-stored.ts';
import { findWal, readWal, type StoredWalObject } from './wal-objects.ts';

/** WAL files in flight. */
const FILES_AT_ONCE = 4;

export interface WalVerification {
  /** What is encrypted is not opened, whatever keys are declared. */
  readonly storedOnly: boolean;
  /** A private key is declared for what is encrypted. */
  readonly key: boolean;
}

/**
 * Looks for the WAL that makes a backup consistent, and verifies each file: an encrypted one that is not to be opened by the sum of its
 * stored bytes, any other by its content, of which its name holds the hash.
 */
export async function verifyWal(work: StoredWork, how: WalVerification): Promise<VerifiedWal> {
  const { repo, marker, findings, signal } = work;
  const counted = { needed: 0, there: 0, verified: 0, opened: 0 };
  // Among its files, then.
  if (marker.wal.carried) return counted;
  const identity = await readIdentity(repo, signal);
  if (identity === undefined) {
    findings.damaged(
      identityKey(repo.site),
      `${identityKey(repo.site)} is missing: nothing says which cluster the WAL is of`,
    );
    return counted;
  }
  const names = neededFiles(marker, identity.segmentSize);
  counted.needed = names.length;
  await mapBounded(names, FILES_AT_ONCE, signal, async (name) => {
    const file = parseWalFileName(name);
    let where = walPrefix(repo.site, file);
    try {
      const object = only(name, await findWal(repo, file, signal), describeRepository(repo));
      where = object.key;
      counted.there += 1;
      // Histories are signed and not encrypted.
      const encrypted = object.form?.message === true && file.kind !== 'history';
      if (encrypted && (how.storedOnly || !how.key)) {
        if (await isStoredWhole(work, where)) counted.verified += 1;
      } else if (await isContentWhole(work, object, identity.segmentSize)) {
        counted.verified += 1;
        counted.opened += 1;
      }
    } catch (error) {
      findings.take(where, error);
    }
  });
  return counted;
}

/** By the sum at its end; what is not, or cannot be said to be, becomes a finding. */
async function isStoredWhole({ repo, findings, signal }: StoredWork, key: string): Promise<boolean> {
  const sum = await readClosingSum(await repo.store.get(key, { signal }));
  switch (sum) {
    case 'fits':
      return true;
    case 'differs':
      findings.damaged(key, `${key} is damaged: its stored bytes do not have the SHA-256 at their end`);
      return false;
    case 'absent':
      findings.unverifiable(
        key,
        `${key} does not end with the SHA-256 of its stored bytes: it is cut or damaged there, or an older hoard or another program wrote it; with its private key, and without --stored, its content is verified instead`,
      );
      return false;
    default:
      return unreachable(sum);
  }
}

async function isContentWhole(
  { repo, findings, signal }: StoredWork,
  object: StoredWalObject,
  segmentSize: SegmentSize,
): Promise<boolean> {
  const history = object.file.kind === 'history';
  let size = 0;
  for await (const piece of readWal(repo, object, history ? MAX_HISTORY_BYTES : segmentSize, signal))
    size += piece.byteLength;
  if (history || size === segmentSize) return true;
  findings.damaged(object.key, `${object.key} has ${size} plain bytes, not those of a segment`);
  return false;
}

function neededFiles({ timeline, wal }: BackupMarker, size: SegmentSize): readonly string[] {
  const first = parseSegmentName(wal.firstSegment, size).number;
  const last = parseSegmentName(wal.lastSegment, size).number;
  const names: string[] = timeline === 1 ? [] : [historyFileName(timeline)];
  for (let number = first; number <= last; number = nextSegment(number))
    names.push(segmentName({ timeline, number }, size));
  return names;
}

function only(name: string, objects: readonly StoredWalObject[], where: string): StoredWalObject {
  const [object] = objects;
  if (object === undefined) {
    throw new Failure('wal.missing', { message: `${name} is missing, which the backup needs to become consistent` });
  }
  if (objects.every(({ sha256 }) => sha256 === object.sha256)) return object;
  throw new Failure('wal.conflict', { message: `${where} holds two different contents of ${name}` });
}
