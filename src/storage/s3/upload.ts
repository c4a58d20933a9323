import type { ListMultipartUploadsCommandOutput } from '@aws-sdk/client-s3';
import { Failure } from '../../domain/failure.ts';
import type { ObjectInfo } from '../object-store.ts';
import type { Body, DriverOptions, DriverPutOptions, DriverUpload } from '../remote/driver.ts';
import { deleteObjects } from './delete.ts';
import { foreignAnswer, isAnswer, isPreconditionAnswer } from './errors.ts';
import { headObject, type S3Head } from './head.ts';
import { checkedBody } from './headers.ts';
import { finishLock, lockIfAllowed } from './lock.ts';
import { partedSettings, taken } from './put.ts';
import type { S3Session } from './session.ts';

interface Marker {
  readonly KeyMarker?: string | undefined;
  readonly UploadIdMarker?: string | undefined;
}

interface Part {
  readonly etag: string;
  readonly length: number;
}

/** StoreDriver.beginUpload: a multipart upload. */
export async function beginUpload(session: S3Session, key: string, options: DriverPutOptions): Promise<DriverUpload> {
  const begun = await session.send({ operation: 'begin to write', key }, options.signal, (s3, abort) =>
    s3.createMultipartUpload({ Bucket: session.bucket, Key: key, ...partedSettings(session, options) }, abort),
  );
  if (begun.UploadId === undefined || begun.UploadId === '') {
    throw new Failure('store.unavailable', {
      message: `${session.description} began an upload of ${key} without a name for it`,
    });
  }
  return new MultipartUpload(session, key, begun.UploadId, options);
}

class MultipartUpload implements DriverUpload {
  readonly #session: S3Session;
  readonly #key: string;
  readonly #id: string;
  readonly #put: DriverPutOptions;
  readonly #parts = new Map<number, Part>();

  constructor(session: S3Session, key: string, id: string, put: DriverPutOptions) {
    this.#session = session;
    this.#key = key;
    this.#id = id;
    this.#put = put;
  }

  get #target(): { readonly Bucket: string; readonly Key: string; readonly UploadId: string } {
    return { Bucket: this.#session.bucket, Key: this.#key, UploadId: this.#id };
  }

  async putPart(part: { readonly index: number }, body: Body, options: DriverOptions): Promise<void> {
    const PartNumber = part.index + 1;
    const call = { operation: `write part ${PartNumber} of`, key: this.#key };
    const checked = await checkedBody(body);
    const sent = await this.#session.send(call, options.signal, (s3, abort) =>
      s3.uploadPart({ ...this.#target, PartNumber, ...checked }, abort),
    );
    if (sent.ETag === undefined) throw foreignAnswer(this.#session, 'the receipt of a part');
    this.#parts.set(part.index, { etag: sent.ETag, length: body.length });
  }

  async complete(options: DriverOptions): Promise<ObjectInfo> {
    const { ifAbsent, token } = this.#put;
    // Ceph before 20 and others ignore the condition on a completion, so that most conflicts are found only by looking before.
    if (ifAbsent) {
      const before = await headObject(this.#session, this.#key, options.signal);
      if (before !== undefined && before.token !== token) throw await this.#taken(before, options);
    }
    const problem = await this.#finish(options);
    // What the answer says is not trusted: it may be an empty ETag, or an upload that an earlier try has completed.
    const found = await headObject(this.#session, this.#key, options.signal);
    if (found?.token === token) return this.#checked(found, options);
    if (ifAbsent && found !== undefined) throw await this.#taken(found, options, problem);
    // Completed, and replaced by somebody else at once.
    if (problem === undefined && found !== undefined)
      return { key: this.#key, size: this.#length, storedAt: found.storedAt };
    throw new Failure('store.unavailable', {
      message: `${this.#session.description} has lost an upload of ${this.#key} that was being completed`,
      hint: 'the upload has to begin again; look whether a lifecycle rule or another program removes uploads',
      cause: problem,
    });
  }

  /** Who is told that the object is there may count on its lock. */
  async #taken(found: S3Head, options: DriverOptions, problem?: unknown): Promise<Failure> {
    await lockIfAllowed(this.#session, found, options.signal);
    return taken(this.#session, this.#key, problem);
  }

  /** Completes; an answer that says that there is nothing (left) to complete is given back for the object itself to decide. */
  async #finish(options: DriverOptions): Promise<unknown> {
    const parts = [...this.#parts].toSorted(([one], [other]) => one - other);
    const Parts = parts.map(([index, { etag }]) => ({ PartNumber: index + 1, ETag: etag }));
    try {
      await this.#session.send({ operation: 'complete', key: this.#key }, options.signal, (s3, abort) =>
        s3.completeMultipartUpload(
          { ...this.#target, MultipartUpload: { Parts }, ...(this.#put.ifAbsent && { IfNoneMatch: '*' }) },
          abort,
        ),
      );
      return undefined;
    } catch (error) {
      if (isAnswer(error, 'NoSuchUpload') || (this.#put.ifAbsent && isPreconditionAnswer(error))) return error;
      throw error;
    }
  }

  get #length(): number {
    return this.#parts.values().reduce((sum, { length }) => sum + length, 0);
  }

  async #checked(found: S3Head, options: DriverOptions): Promise<ObjectInfo> {
    if (found.size === this.#length) {
      await finishLock(this.#session, found, options.signal);
      return { key: this.#key, size: found.size, storedAt: found.storedAt };
    }
    await deleteObjects(this.#session, [this.#key], options.signal);
    throw new Failure('store.incomplete', {
      message: `${this.#session.description} made ${found.size} bytes of the ${this.#length} that were sent for ${this.#key}`,
      hint: 'the object was removed again; the store loses parts',
    });
  }

  async abort(options: DriverOptions): Promise<void> {
    await abortUpload(this.#session, this.#key, this.#id, options.signal);
  }
}

/** An upload that is gone already is as good as aborted. */
async function abortUpload(session: S3Session, key: string, id: string, signal: AbortSignal): Promise<void> {
  try {
    await session.send({ operation: 'abort the upload of', key }, signal, (s3, abort) =>
      s3.abortMultipartUpload({ Bucket: session.bucket, Key: key, UploadId: id }, abort),
    );
  } catch (error) {
    if (!isAnswer(error, 'NoSuchUpload')) throw error;
  }
}

/** StoreDriver.removeAbandonedUploads. */
export async function removeAbandonedUploads(
  session: S3Session,
  prefix: string,
  before: number,
  signal: AbortSignal,
): Promise<number> {
  let removed = 0;
  let marker: Marker | undefined = {};
  while (marker !== undefined) {
    const from: Marker = marker;
    const page: ListMultipartUploadsCommandOutput = await session.send(
      { operation: 'list unfinished uploads below', key: prefix },
      signal,
      (s3, abort) => s3.listMultipartUploads({ Bucket: session.bucket, Prefix: prefix, ...from }, abort),
    );
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      // One whose age is not known may be somebody's who is still at it.
      if (Key === undefined || UploadId === undefined || Initiated === undefined || Initiated.getTime() >= before)
        continue;
      if (!Key.startsWith(prefix)) continue;
      await abortUpload(session, Key, UploadId, signal);
      removed += 1;
    }
    const more = page.IsTruncated === true && page.NextKeyMarker !== undefined;
    marker = more ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker } : undefined;
  }
  return removed;
}
