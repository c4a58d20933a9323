import type { Failure } from '../../domain/failure.ts';
import type { S3Session } from './session.ts';

interface Item {
  readonly key: string;
  /** A version; absent: what the key holds. */
  readonly id?: string;
}

/** Deletes up to 1,000 keys or versions; those that were refused. What is not there any more is not refused. */
export async function deleteInOneRequest<T extends Item>(
  session: S3Session,
  items: readonly T[],
  signal: AbortSignal,
): Promise<readonly { readonly item: T; readonly error: Failure }[]> {
  const Objects = items.map(({ key, id }) => ({ Key: key, ...(id !== undefined && { VersionId: id }) }));
  const answer = await session.send({ operation: 'delete objects' }, signal, (s3, abort) =>
    s3.deleteObjects({ Bucket: session.bucket, Delete: { Objects } }, abort),
  );
  const removed = new Set((answer.Deleted ?? []).map(({ Key, VersionId }) => nameOf(Key, VersionId)));
  const errors = new Map((answer.Errors ?? []).map((error) => [nameOf(error.Key, error.VersionId), error]));
  return items.flatMap((item) => {
    const name = nameOf(item.key, item.id);
    const error = errors.get(name);
    if (error === undefined && removed.has(name)) return [];
    if (error?.Code === 'NoSuchKey' || error?.Code === 'NoSuchVersion') return [];
    // A key that the answer does not mention may be there or not.
    const message = error?.Message ?? 'no answer for this key';
    return [{ item, error: session.refusal({ operation: 'delete', key: item.key }, error?.Code, message) }];
  });
}

const nameOf = (key: string | undefined, version: string | undefined): string => `${key ?? ''}\n${version ?? ''}`;
