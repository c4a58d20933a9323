import { isFailure } from '../../domain/failure.ts';
import type { ObjectInfo } from '../object-store.ts';
import { absentBucket, foreignAnswer } from './errors.ts';
import type { S3Session } from './session.ts';

/** User metadata that names the put that wrote an object. */
export const TOKEN = 'hoard-upload';

/** User metadata of an object that was written in parts and is to be locked: mode and end, `COMPLIANCE 2026-11-28T00:00:00.000Z`. */
export const LOCK = 'hoard-lock';

interface WantedLock {
  readonly Mode: 'COMPLIANCE' | 'GOVERNANCE';
  readonly RetainUntilDate: Date;
}

export interface S3Head extends ObjectInfo {
  /** Which put wrote it; undefined where another program did. */
  readonly token: string | undefined;
  /** Undefined where the bucket keeps no versions. */
  readonly version: string | undefined;
  /** Undefined where no lock is on it, or the store does not tell this user. */
  readonly lockedUntil: number | undefined;
  readonly wantedLock: WantedLock | undefined;
}

/** Undefined where the object is absent, in a bucket that is there. */
export async function headObject(session: S3Session, key: string, signal: AbortSignal): Promise<S3Head | undefined> {
  try {
    const found = await session.send({ operation: 'look at', key }, signal, (s3, options) =>
      s3.headObject({ Bucket: session.bucket, Key: key }, options),
    );
    if (found.LastModified === undefined) throw foreignAnswer(session, 'an object');
    return {
      key,
      size: found.ContentLength ?? 0,
      storedAt: found.LastModified.getTime(),
      token: found.Metadata?.[TOKEN],
      version: found.VersionId,
      lockedUntil: found.ObjectLockRetainUntilDate?.getTime(),
      wantedLock: wantedLockIn(found.Metadata?.[LOCK]),
    };
  } catch (error) {
    if (!isFailure(error, 'store.not-found')) throw error;
    await requireBucket(session, signal);
    return undefined;
  }
}

function wantedLockIn(text: string | undefined): WantedLock | undefined {
  const [, Mode, until = ''] = /^(COMPLIANCE|GOVERNANCE) (\S+)$/.exec(text ?? '') ?? [];
  const RetainUntilDate = new Date(until);
  if ((Mode !== 'COMPLIANCE' && Mode !== 'GOVERNANCE') || Number.isNaN(RetainUntilDate.getTime())) return undefined;
  return { Mode, RetainUntilDate };
}

/** The answer to HEAD has no body, so its 404 does not say whether the key or the whole bucket is missing. */
async function requireBucket(session: S3Session, signal: AbortSignal): Promise<void> {
  try {
    await session.send({ operation: 'look for the bucket' }, signal, (s3, options) =>
      s3.headBucket({ Bucket: session.bucket }, options),
    );
  } catch (error) {
    if (isFailure(error, 'store.not-found'))
      throw absentBucket({ store: session.description, bucket: session.bucket }, error);
    // Who may not ask about the bucket may still use its objects; that it refuses says that it is there.
    if (!isFailure(error, 'store.denied')) throw error;
  }
}
