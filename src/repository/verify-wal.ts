import { readClosingSum } from '../codec/openpgp/closing-sum.ts';
import { Failure, isFailure, unreachable } from '../domain/failure.ts';
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
    let objects: readonly StoredWalObject[];
    try {
      objects = sameContent(name, await findWal(repo, file, signal), describeRepository(repo));
    } catch (error) {
      findings.take(walPrefix(repo.site, file), error);
      return;
    }
    counted.there += 1;
    const seen = await verifyForms(work, objects, how, identity.segmentSize);
    if (seen.verified) counted.verified += 1;
    if (seen.opened) counted.opened += 1;
  });
  return counted;
}

interface SeenFile {
  readonly verified: boolean;
  readonly opened: boolean;
}

/**
 * The same content may lie there in several forms, since policies change: damage in any of them is a finding. One that no key here opens is
 * verified by the sum of its stored bytes where another was opened.
 */
async function verifyForms(
  work: StoredWork,
  objects: readonly StoredWalObject[],
  how: WalVerification,
  segmentSize: SegmentSize,
): Promise<SeenFile> {
  const seen = { verified: false, opened: false };
  const locked: { readonly key: string; readonly error: unknown }[] = [];
  const bySum = async (key: string): Promise<void> => {
    try {
      if (await isStoredWhole(work, key)) seen.verified = true;
    } catch (error) {
      work.findings.take(key, error);
    }
  };
  for (const object of objects) {
    const { key, form, file } = object;
    // Histories are signed and not encrypted.
    const encrypted = form?.message === true && file.kind !== 'history';
    try {
      if (encrypted && (how.storedOnly || !how.key)) await bySum(key);
      else if (await isContentWhole(work, object, segmentSize)) Object.assign(seen, { verified: true, opened: true });
    } catch (error) {
      if (isFailure(error, 'key.missing')) locked.push({ key, error });
      else work.findings.take(key, error);
    }
  }
  for (const { key, error } of locked) {
    if (seen.opened) await bySum(key);
    else work.findings.take(key, error);
  }
  return seen;
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

function sameContent(name: string, objects: readonly StoredWalObject[], where: string): readonly StoredWalObject[] {
  const [object] = objects;
  if (object === undefined) {
    throw new Failure('wal.missing', { message: `${name} is missing, which the backup needs to become consistent` });
  }
  if (objects.every(({ sha256 }) => sha256 === object.sha256)) return objects;
  throw new Failure('wal.conflict', { message: `${where} holds two different contents of ${name}` });
}
