import type { PutObjectCommandInput } from '@aws-sdk/client-s3';
import { Failure } from '../../domain/failure.ts';
import type { ObjectInfo } from '../object-store.ts';
import type { Body, DriverPutOptions } from '../remote/driver.ts';
import { foreignAnswer, isPreconditionAnswer } from './errors.ts';
import { headObject, LOCK, TOKEN } from './head.ts';
import { answeredAt, checkedBody } from './headers.ts';
import type { S3Session } from './session.ts';

/** StoreDriver.putWhole. */
export async function putWhole(
  session: S3Session,
  key: string,
  body: Body,
  options: DriverPutOptions,
): Promise<ObjectInfo> {
  const checked = await checkedBody(body);
  try {
    const output = await session.send({ operation: 'write', key }, options.signal, (s3, abort) =>
      s3.putObject(
        {
          Bucket: session.bucket,
          Key: key,
          ...checked,
          ...objectSettings(session, options),
          // Only a create has to tell its own earlier attempt from another's object; a small request notices every header.
          ...(options.ifAbsent && { IfNoneMatch: '*', Metadata: { [TOKEN]: options.token } }),
        },
        abort,
      ),
    );
    if (output.ETag === undefined) throw foreignAnswer(session, 'the receipt of an object');
    return { key, size: body.length, storedAt: answeredAt(output) ?? session.context.clock.now() };
  } catch (error) {
    if (!options.ifAbsent || !isPreconditionAnswer(error)) throw error;
    return winner(session, key, options, error);
  }
}

type ObjectSettings = Pick<
  PutObjectCommandInput,
  'ServerSideEncryption' | 'SSEKMSKeyId' | 'StorageClass' | 'ObjectLockMode' | 'ObjectLockRetainUntilDate'
>;

/** What the policy wants of every object, for a whole put; for the beginning of one in parts see `partedSettings`. */
function objectSettings(session: S3Session, options: DriverPutOptions): ObjectSettings {
  const { serverSideEncryption, kmsKeyId, storageClass } = session.storage;
  const lock = retention(session, options);
  return {
    ...(serverSideEncryption !== undefined && { ServerSideEncryption: serverSideEncryption }),
    ...(serverSideEncryption === 'aws:kms' && kmsKeyId !== undefined && { SSEKMSKeyId: kmsKeyId }),
    ...(storageClass !== undefined && { StorageClass: toStorageClass(storageClass) }),
    ...(lock && { ObjectLockMode: lock.Mode, ObjectLockRetainUntilDate: lock.RetainUntilDate }),
  };
}

/** An object in parts carries the token, by which its completion is found again, and its lock as metadata: lock.ts says why. */
export function partedSettings(
  session: S3Session,
  options: DriverPutOptions,
): ObjectSettings & Required<Pick<PutObjectCommandInput, 'Metadata'>> {
  const settings = objectSettings(session, options);
  const { ObjectLockMode: mode, ObjectLockRetainUntilDate: until } = settings;
  const lock = mode && until ? { [LOCK]: `${mode} ${until.toISOString()}` } : {};
  return { ...settings, Metadata: { [TOKEN]: options.token, ...lock } };
}

/** The lock that the policy wants on an object that is written now. */
function retention(
  session: S3Session,
  options: DriverPutOptions,
): { readonly Mode: 'COMPLIANCE' | 'GOVERNANCE'; readonly RetainUntilDate: Date } | undefined {
  const { objectLock } = session.storage;
  if (objectLock === undefined || options.unlocked) return undefined;
  const RetainUntilDate = new Date(session.context.clock.now() + objectLock.for);
  return { Mode: objectLock.mode === 'compliance' ? 'COMPLIANCE' : 'GOVERNANCE', RetainUntilDate };
}

/** The condition failed: on what an earlier attempt of this very put has written, or on somebody else's object. */
async function winner(
  session: S3Session,
  key: string,
  options: DriverPutOptions,
  refusal: unknown,
): Promise<ObjectInfo> {
  const found = await headObject(session, key, options.signal);
  if (found === undefined) {
    throw new Failure('store.unavailable', {
      message: `${session.description} refused to create ${key} because it exists, but it does not`,
      hint: 'another write or a removal of the same key was under way; try again',
      cause: refusal,
    });
  }
  if (found.token !== options.token) throw taken(session, key, refusal);
  return { key, size: found.size, storedAt: found.storedAt };
}

export function taken(session: S3Session, key: string, cause?: unknown): Failure {
  return new Failure('store.exists', { message: `${session.description} already holds ${key}`, cause });
}

/** Stores name classes of their own, which the SDK's closed list does not know and passes on as they are. */
function toStorageClass(name: string): NonNullable<PutObjectCommandInput['StorageClass']> {
  return name as NonNullable<PutObjectCommandInput['StorageClass']>;
}
