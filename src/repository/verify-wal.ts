import { Failure } from '../domain/failure.ts';
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

export interface OpenedWal {
  /** Content is to be opened where it can be. */
  readonly open: boolean;
  /** A private key is declared for what is encrypted. */
  readonly key: boolean;
}

/** Looks for the WAL that makes a backup consistent, and opens it. */
export async function verifyWal(work: StoredWork, { open, key }: OpenedWal): Promise<VerifiedWal> {
  const { repo, marker, findings, signal } = work;
  const counted = { needed: 0, there: 0, opened: 0 };
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
      const history = file.kind === 'history';
      // Histories are signed and not encrypted.
      if (!open || (object.form?.message === true && !key && !history)) return;
      const limit = history ? MAX_HISTORY_BYTES : identity.segmentSize;
      let size = 0;
      for await (const piece of readWal(repo, object, limit, signal)) size += piece.byteLength;
      if (!history && size !== identity.segmentSize) {
        findings.damaged(where, `${where} has ${size} plain bytes, not those of a segment`);
        return;
      }
      counted.opened += 1;
    } catch (error) {
      findings.take(where, error);
    }
  });
  return counted;
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
