import { isFailure } from '../../domain/failure.ts';
import { headObject, type S3Head } from './head.ts';
import type { S3Session } from './session.ts';

/**
 * Puts on the lock that was wanted when an upload in parts began, where the store has forgotten it (Ceph 16) and whoever completed the
 * upload did not live to do this. The object itself says which lock: so everybody who looks at it makes it what it was meant to be.
 */
export async function finishLock(session: S3Session, found: S3Head, signal: AbortSignal): Promise<void> {
  const { key, version, wantedLock } = found;
  if (wantedLock === undefined || found.lockedUntil !== undefined) return;
  if (wantedLock.RetainUntilDate.getTime() <= session.context.clock.now()) return;
  try {
    await session.send({ operation: 'lock', key }, signal, (s3, abort) =>
      s3.putObjectRetention({ Bucket: session.bucket, Key: key, VersionId: version, Retention: wantedLock }, abort),
    );
  } catch (error) {
    // Another has locked it meanwhile, and for longer.
    if (!isFailure(error, 'store.denied')) throw error;
    const now = await headObject(session, key, signal);
    if (now?.lockedUntil === undefined) throw error;
  }
}

/** For who just looks: one who may only read must not fail for a lock that whoever writes puts on. */
export async function lockIfAllowed(session: S3Session, found: S3Head, signal: AbortSignal): Promise<void> {
  if (session.storage.objectLock === undefined) return;
  try {
    await finishLock(session, found, signal);
  } catch (error) {
    if (!isFailure(error, 'store.denied')) throw error;
  }
}
