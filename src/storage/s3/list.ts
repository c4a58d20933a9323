import { Failure } from '../../domain/failure.ts';
import type { ObjectInfo } from '../object-store.ts';
import type { DriverListOptions, DriverPage } from '../remote/driver.ts';
import { foreignAnswer } from './errors.ts';
import type { S3Session } from './session.ts';

/** StoreDriver.listPage: up to 1,000 objects, in the order of their bytes. */
export async function listPage(session: S3Session, prefix: string, options: DriverListOptions): Promise<DriverPage> {
  const { startAfter, continuation, signal } = options;
  const page = await session.send({ operation: 'list objects below', key: prefix }, signal, (s3, abort) =>
    s3.listObjectsV2(
      {
        Bucket: session.bucket,
        Prefix: prefix,
        ...(continuation !== undefined
          ? { ContinuationToken: continuation }
          : startAfter !== undefined && { StartAfter: startAfter }),
      },
      abort,
    ),
  );
  const objects = (page.Contents ?? []).map(({ Key, Size, LastModified }): ObjectInfo => {
    if (Key === undefined || Size === undefined || LastModified === undefined)
      throw unusable(session, 'an incomplete entry');
    return { key: Key, size: Size, storedAt: LastModified.getTime() };
  });
  if (page.IsTruncated === undefined) throw foreignAnswer(session, 'a listing');
  if (!page.IsTruncated) return { objects, next: undefined };
  if (page.NextContinuationToken === undefined || page.NextContinuationToken === '')
    throw unusable(session, 'a page that is not the last and does not say how to go on');
  return { objects, next: page.NextContinuationToken };
}

function unusable(session: S3Session, what: string): Failure {
  return new Failure('store.unavailable', {
    message: `the listing of ${session.description} contains ${what}`,
    hint: 'the listing counts as incomplete; nothing is concluded from it',
  });
}
