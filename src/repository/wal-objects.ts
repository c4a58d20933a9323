import { createHash } from 'node:crypto';
import type { Trust } from '../codec/encryption.ts';
import { Failure, isFailure } from '../domain/failure.ts';
import { type Instant, instant } from '../domain/instant.ts';
import type { WalFile } from '../domain/wal-file.ts';
import {
  parseSiteKey,
  recipientSetName,
  type StoredForm,
  setAsideKey,
  setAsidePrefix,
  walKey,
  walPrefix,
} from './layout.ts';
import { describeRepository, type SiteRepository } from './site-repository.ts';
import { listAll } from './small-object.ts';
import { type ObjectWriter, objectReader, objectWriter } from './stored-form.ts';

/** One stored content of a WAL file. More than one hash under a name is a conflict. */
export interface StoredWalObject {
  readonly key: string;
  readonly file: WalFile;
  /** Of the plain content. */
  readonly sha256: string;
  /** Absent where this version cannot read it. */
  readonly form: StoredForm | undefined;
  /** Of what is encrypted and says it in its name. */
  readonly recipientSet: string | undefined;
  readonly storedSize: number;
  readonly storedAt: Instant;
}

/** A WAL file's content on its way in. `open` may be called more than once and must give the same bytes or throw. */
export interface WalContent {
  readonly sha256: string;
  /** Plain bytes. */
  readonly size: number;
  readonly open: () => AsyncIterable<Uint8Array>;
}

/** Every content stored under the name of a WAL file: one listing. Empty only where the store itself says that there is none. */
export async function findWal(
  repo: SiteRepository,
  file: WalFile,
  signal: AbortSignal,
): Promise<readonly StoredWalObject[]> {
  const found: StoredWalObject[] = [];
  for (const { key, size, storedAt } of await listAll(repo.store, walPrefix(repo.site, file), signal)) {
    const parsed = parseSiteKey(repo.site, key);
    if (parsed?.kind !== 'wal' || parsed.file.name !== file.name) continue;
    const { sha256, form, recipientSet } = parsed;
    found.push({ key, file, sha256, form, recipientSet, storedSize: size, storedAt: instant(storedAt) });
  }
  return found;
}

/**
 * Stores a WAL file so that its name never stands for two contents that were both acknowledged: looks, creates, and looks again.
 * When this returns, the content is durable and no other content was there at a moment when ours was. Of two writers with
 * different contents, the one whose second look comes last sees the other's; so at most one returns, perhaps neither.
 *
 * The same content again is success. Other content under the name throws `wal.conflict`, and a copy of ours is set aside once
 * for people to look at. Objects are never removed here, not even our own after a lost race: another writer with the same
 * content may have been told that it is there. Idempotent.
 *
 * Where listings may be late, two writers with different contents within that time may both return. Neither content is lost: both keep
 * their names, and the name counts as missing as soon as a listing shows both.
 */
export async function storeWal(
  repo: SiteRepository,
  file: WalFile,
  content: WalContent,
  signal: AbortSignal,
): Promise<'stored' | 'already-there'> {
  const before = await findWal(repo, file, signal);
  const others = before.filter((object) => object.sha256 !== content.sha256);
  const ours = before.find((object) => object.sha256 === content.sha256);
  // Timelines are followed when planning, which needs no private key.
  const writer = await objectWriter(repo, file.kind === 'history' ? 'sign' : 'encrypt');
  if (others[0]) {
    if (!ours) await setAside(repo, file, content, writer, signal);
    throw conflict(repo, others[0], content);
  }
  const late = !repo.store.capabilities.consistentListing;
  const { form, recipients } = writer;
  const written = walKey(repo.site, file, {
    sha256: content.sha256,
    ...form,
    ...(recipients.length > 0 && { recipientSet: recipientSetName(recipients) }),
  });
  const key = ours?.key ?? written;
  // A listing may show what its writer has not made durable yet, or not show it yet; head speaks of durable objects, at once.
  if ((ours || late) && (await repo.store.head(key, { signal }))) return 'already-there';
  await putContent(repo, written, content, writer, signal);
  const after = await findWal(repo, file, signal);
  const other = after.find((object) => object.sha256 !== content.sha256);
  if (other) throw conflict(repo, other, content);
  if (after.length > 0 || (late && (await repo.store.head(written, { signal })))) return 'stored';
  throw new Failure('store.unavailable', {
    message: `${file.name} was written to ${describeRepository(repo)}, but its listing does not show it`,
  });
}

async function putContent(
  repo: SiteRepository,
  key: string,
  content: WalContent,
  writer: ObjectWriter,
  signal: AbortSignal,
): Promise<void> {
  try {
    const { bytes, ...size } = await writer.seal(() => content.open(), key);
    await repo.store.put(key, bytes, { ifAbsent: true, signal, ...size });
  } catch (error) {
    // The key holds the hash of the content, and objects appear only complete: a taken name is the same content.
    if (!isFailure(error, 'store.exists')) throw error;
  }
}

async function setAside(
  repo: SiteRepository,
  file: WalFile,
  content: WalContent,
  writer: ObjectWriter,
  signal: AbortSignal,
): Promise<void> {
  // PostgreSQL offers the file again and again; one copy is enough.
  const earlier = await listAll(repo.store, setAsidePrefix(repo.site, file, content.sha256), signal);
  if (earlier.length > 0) return;
  const stored = { sha256: content.sha256, ...writer.form };
  await putContent(repo, setAsideKey(repo.site, file, stored, repo.clock.now()), content, writer, signal);
}

function conflict(repo: SiteRepository, other: StoredWalObject, content: WalContent): Failure {
  return new Failure('wal.conflict', {
    message:
      `${describeRepository(repo)} holds another ${other.file.name} for site "${repo.site}": SHA-256 ` +
      `${other.sha256.slice(0, 12)}…, not ${content.sha256.slice(0, 12)}…`,
    hint: 'two servers archive into the same site, or a restored copy still has the archive_command of its source; give the copy a site of its own',
  });
}

/**
 * The plain content of a stored WAL object, at most `limit` bytes. The iteration ends normally only when the content has the
 * hash of its name; damage throws `object.corrupt`. Nothing read may be used before that end.
 */
export async function* readWal(
  repo: SiteRepository,
  object: StoredWalObject,
  limit: number,
  signal: AbortSignal,
  trust: Trust = 'required',
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  const corrupt = (what: string, cause?: unknown): Failure =>
    new Failure('object.corrupt', {
      message: `${object.key} in ${describeRepository(repo)} is damaged: ${what}`,
      ...(cause === undefined ? {} : { cause }),
    });
  const decode = objectReader(repo, object.form, object.key, trust);
  const body = await repo.store.get(object.key, { signal });
  let size = 0;
  try {
    for await (const piece of decode(body)) {
      size += piece.byteLength;
      if (size > limit) throw corrupt(`it has more than ${limit} plain bytes`);
      hash.update(piece);
      yield piece;
    }
  } catch (error) {
    throw isFailure(error, 'object.corrupt') && !error.message.includes(object.key)
      ? corrupt(error.message, error)
      : error;
  }
  const sha256 = hash.digest('hex');
  if (sha256 !== object.sha256) throw corrupt(`its content has SHA-256 ${sha256.slice(0, 12)}…`);
}
