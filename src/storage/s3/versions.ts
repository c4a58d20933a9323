import { isFailure } from '../../domain/failure.ts';
import { mapBounded } from '../bounded.ts';
import type { DeleteResult } from '../object-store.ts';
import { deleteInOneRequest } from './delete-request.ts';
import { answerOf, foreignAnswer, isAnswer } from './errors.ts';
import type { S3Session } from './session.ts';

// How long what the bucket says about versioning is believed; somebody may switch it on.
const BELIEVE_MILLISECONDS = 60_000;
// Versions can only be found key by key.
const AT_ONCE = 16;
const DELETE_AT_ONCE = 1000;

const ANSWERS = new WeakMap<S3Session, { readonly at: number; readonly versions: boolean }>();

/** True where deleting a key would only lay a marker over what it holds. */
export async function keepsVersions(session: S3Session, signal: AbortSignal): Promise<boolean> {
  // Object lock exists in buckets with versions only.
  if (session.storage.objectLock !== undefined) return true;
  const now = session.context.clock.now();
  const known = ANSWERS.get(session);
  if (known !== undefined && now - known.at < BELIEVE_MILLISECONDS) return known.versions;
  const versions = await ask(session, signal);
  ANSWERS.set(session, { at: now, versions });
  return versions;
}

async function ask(session: S3Session, signal: AbortSignal): Promise<boolean> {
  try {
    const answer = await session.send({ operation: 'ask for the versioning of the bucket' }, signal, (s3, abort) =>
      s3.getBucketVersioning({ Bucket: session.bucket }, abort),
    );
    // Suspended: versions from before are still there.
    return answer.Status !== undefined;
  } catch (error) {
    // Stores without versions may not know the question; who may not ask it may not delete versions either.
    if (isAnswer(error, 'AccessDenied', 'NotImplemented', 'MethodNotAllowed') || answerOf(error)?.status === 501)
      return false;
    throw error;
  }
}

interface Version {
  readonly key: string;
  readonly id: string;
  readonly marker: boolean;
}

type Outcome = Exclude<DeleteResult, { kind: 'removed' }>;

/** Removes every version of the keys. A key stays visible as it was as long as any of its versions is locked. */
export async function deleteAllVersions(
  session: S3Session,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<readonly DeleteResult[]> {
  const versions = (await mapBounded(keys, AT_ONCE, signal, (key) => versionsOf(session, key, signal))).flat();
  const data = versions.filter(({ marker }) => !marker);
  const outcomes = await deleteVersions(session, data, signal);
  // A marker over a version that stays is left: without it a removed object would come back.
  const stay = new Set(outcomes.map(({ key }) => key));
  const markers = versions.filter(({ key, marker }) => marker && !stay.has(key));
  outcomes.push(...(await deleteVersions(session, markers, signal)));
  return keys.map((key) =>
    worst(
      key,
      outcomes.filter((outcome) => outcome.key === key),
    ),
  );
}

async function versionsOf(session: S3Session, key: string, signal: AbortSignal): Promise<readonly Version[]> {
  const versions: Version[] = [];
  let from: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = {};
  for (;;) {
    const marker = from;
    const page = await session.send({ operation: 'list the versions of', key }, signal, (s3, abort) =>
      s3.listObjectVersions({ Bucket: session.bucket, Prefix: key, ...marker }, abort),
    );
    if (page.IsTruncated === undefined) throw foreignAnswer(session, 'a listing');
    const found = [
      ...(page.Versions ?? []).map((version) => ({ ...version, marker: false })),
      ...(page.DeleteMarkers ?? []).map((version) => ({ ...version, marker: true })),
    ];
    for (const version of found)
      if (version.Key === key) versions.push({ key, id: version.VersionId ?? 'null', marker: version.marker });
    // The key itself comes before all longer ones that begin with it.
    const passed = found.some(({ Key }) => Key !== key);
    if (!page.IsTruncated || passed || page.NextKeyMarker === undefined) return versions;
    from = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
  }
}

/** What came of the versions that are not gone afterwards. */
async function deleteVersions(
  session: S3Session,
  versions: readonly Version[],
  signal: AbortSignal,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let from = 0; from < versions.length; from += DELETE_AT_ONCE) {
    const batch = versions.slice(from, from + DELETE_AT_ONCE);
    const refusals = await deleteInOneRequest(session, batch, signal);
    outcomes.push(
      ...(await mapBounded(refusals, AT_ONCE, signal, async ({ item, error }): Promise<Outcome> => {
        const { key, marker } = item;
        const lock = isFailure(error, 'store.denied') && !marker ? await lockOf(session, item, signal) : undefined;
        return lock === undefined ? { key, kind: 'failed', error } : { key, kind: 'retained', until: lock.until };
      })),
    );
  }
  return outcomes;
}

/** Undefined where no lock is on it (or nobody may know): then the refusal was about something else. */
async function lockOf(
  session: S3Session,
  { key, id }: Version,
  signal: AbortSignal,
): Promise<{ readonly until: number | undefined } | undefined> {
  try {
    const found = await session.send({ operation: 'look at the lock of', key }, signal, (s3, abort) =>
      s3.headObject({ Bucket: session.bucket, Key: key, VersionId: id }, abort),
    );
    const until = found.ObjectLockRetainUntilDate?.getTime();
    if (found.ObjectLockLegalHoldStatus === 'ON') return { until: undefined };
    return until !== undefined && until > session.context.clock.now() ? { until } : undefined;
  } catch (error) {
    if (answerOf(error) === undefined) throw error;
    return undefined;
  }
}

/** A failure before a lock, the longest lock before shorter ones; without a date there is no end to it. */
function worst(key: string, outcomes: readonly Outcome[]): DeleteResult {
  const failed = outcomes.find(({ kind }) => kind === 'failed');
  if (failed) return failed;
  const locks = outcomes.flatMap((outcome) => (outcome.kind === 'retained' ? [outcome.until] : []));
  if (locks.length === 0) return { key, kind: 'removed' };
  const dates = locks.filter((until) => until !== undefined);
  return { key, kind: 'retained', until: dates.length < locks.length ? undefined : Math.max(...dates) };
}
