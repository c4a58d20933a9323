import { Failure, isFailure } from '../domain/failure.ts';
import type { WalFile } from '../domain/wal-file.ts';
import { checkRepository, readIdentity, type SiteIdentity } from '../repository/identity.ts';
import { describeRepository, type SiteRepository } from '../repository/site-repository.ts';
import { findWal, readWal, type StoredWalObject } from '../repository/wal-objects.ts';
import type { ProgressDeadline } from './progress-deadline.ts';
import { ReceivedFile } from './received-file.ts';
import { checkWalContent, headBytesOf, isSegmentLike, MAX_TEXT_BYTES } from './wal-content.ts';

/** `fetched`: verified and in place. `absent`: the repository was read and has no such file; `knowsSite`: but it has the site. */
export type FetchOutcome = { readonly kind: 'fetched' } | { readonly kind: 'absent'; readonly knowsSite: boolean };

/**
 * Brings one WAL file from one repository. Throws whatever else happens: the repository cannot be read or is none (`store.*`,
 * `repository.foreign`), holds two contents (`wal.conflict`), or the content is damaged or not what its name says (`object.corrupt`).
 */
export async function fetchFrom(
  repo: SiteRepository,
  file: WalFile,
  destination: string,
  deadline: ProgressDeadline,
): Promise<FetchOutcome> {
  const { signal } = deadline;
  const identity = await readIdentity(repo, signal);
  const objects = await findWal(repo, file, signal);
  deadline.touch();
  const [object] = objects;
  if (!object) {
    // An empty place under a wrong prefix must not pass for the end of the WAL.
    if (identity || (await checkRepository(repo, signal))) return { kind: 'absent', knowsSite: identity !== undefined };
    throw new Failure('repository.foreign', {
      message: `${describeRepository(repo)} has no hoard.json: it is not a repository, or not yet`,
      hint: 'check its location and prefix',
    });
  }
  if (!identity) {
    throw new Failure('repository.foreign', {
      message: `site "${repo.site}" in ${describeRepository(repo)} has WAL but no site.json that says which cluster it is of`,
      hint: 'copy site.json from another repository of the site',
    });
  }
  if (objects.some(({ sha256 }) => sha256 !== object.sha256)) {
    throw new Failure('wal.conflict', {
      message: `${describeRepository(repo)} holds two different contents of ${file.name}`,
      hint: 'two servers archived into the same site; find out which content is right and move the other away',
    });
  }
  await receiveAny(repo, objects, identity, destination, deadline);
  return { kind: 'fetched' };
}

/** The same content may lie there in several forms, since policies change: one that is damaged, or that no key here opens, is no reason to fail. */
async function receiveAny(
  repo: SiteRepository,
  objects: readonly StoredWalObject[],
  identity: SiteIdentity,
  destination: string,
  deadline: ProgressDeadline,
): Promise<void> {
  const failures: unknown[] = [];
  for (const object of objects) {
    try {
      await receive(repo, object, identity, destination, deadline);
      return;
    } catch (error) {
      if (!isFailure(error, 'object.corrupt', 'object.untrusted', 'key.missing', 'policy.unsupported')) throw error;
      failures.push(error);
    }
  }
  throw failures[0];
}

async function receive(
  repo: SiteRepository,
  object: StoredWalObject,
  identity: SiteIdentity,
  destination: string,
  deadline: ProgressDeadline,
): Promise<void> {
  const { file } = object;
  await using received = await ReceivedFile.create(destination);
  const wanted = headBytesOf(file);
  const head: Uint8Array[] = [];
  let seen = 0;
  const limit = isSegmentLike(file) ? identity.segmentSize : MAX_TEXT_BYTES;
  for await (const piece of deadline.watching(readWal(repo, object, limit, deadline.signal))) {
    if (seen < wanted) head.push(Buffer.from(piece.subarray(0, wanted - seen)));
    seen += piece.byteLength;
    await received.write(piece);
  }
  try {
    checkWalContent(file, Buffer.concat(head), received.size, identity);
  } catch (error) {
    if (!isFailure(error, 'wal.mismatch', 'site.foreign-cluster')) throw error;
    throw new Failure('object.corrupt', {
      message: `${object.key} in ${describeRepository(repo)} is not what its name says: ${error.message}`,
      cause: error,
    });
  }
  // Nobody waits any more for what ends after its deadline.
  deadline.signal.throwIfAborted();
  await received.publish();
}
