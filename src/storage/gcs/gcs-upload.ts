import { crc32c } from '@node-rs/crc32';
import { Failure } from '../../domain/failure.ts';
import type { ObjectInfo } from '../object-store.ts';
import type { Body, DriverPutOptions, DriverUpload } from '../remote/driver.ts';
import { sliceBody } from './body-slice.ts';
import type { GcsClient } from './gcs-client.ts';
import { encodeCrc32c, type GcsObject, infoOf } from './gcs-object.ts';
import { lookUp, metadataOf, ours, requireWhole } from './gcs-put.ts';
import { EMPTY, GcsSession, GRANULE, type SessionState } from './gcs-session.ts';

/** StoreDriver.beginUpload: a resumable upload whose end is told by `complete` alone, so that nothing before it makes the object visible. */
export async function beginUpload(client: GcsClient, key: string, options: DriverPutOptions): Promise<DriverUpload> {
  const body = Buffer.from(JSON.stringify(metadataOf(key, options)));
  const answer = await client.json({
    operation: 'write',
    key,
    method: 'POST',
    path: client.uploadPath,
    query: { uploadType: 'resumable', name: key, ifGenerationMatch: options.ifAbsent ? '0' : undefined },
    headers: { 'content-type': 'application/json; charset=UTF-8', 'x-upload-content-type': 'application/octet-stream' },
    body: { pieces: [body], length: body.length },
    signal: options.signal,
    accept: options.ifAbsent ? [412] : [],
  });
  if (answer.status === 412) return alreadyThere(await ours(client, key, options));
  const { location } = answer.headers;
  if (location === undefined) {
    throw new Failure('store.unavailable', {
      message: `${client.description} began an upload of ${key} without saying where`,
    });
  }
  return new GcsUpload(client, key, new GcsSession(client, key, location), options);
}

class GcsUpload implements DriverUpload {
  readonly #client: GcsClient;
  readonly #key: string;
  readonly #session: GcsSession;
  readonly #put: DriverPutOptions;
  #crc = 0;
  #length = 0;
  /** The last bytes, where they fill no granule: the service takes such only together with the object's size. */
  #tail: Body = EMPTY;

  constructor(client: GcsClient, key: string, session: GcsSession, put: DriverPutOptions) {
    this.#client = client;
    this.#key = key;
    this.#session = session;
    this.#put = put;
  }

  async putPart(
    part: Parameters<DriverUpload['putPart']>[0],
    body: Body,
    options: { readonly signal: AbortSignal },
  ): Promise<void> {
    this.#sum(part.offset, body);
    const loose = part.last ? (part.offset + body.length) % GRANULE : 0;
    const even = body.length - loose;
    await this.#session.append(part.offset, sliceBody(body, 0, even), options);
    // Copied, for the part's buffers are the caller's again after this.
    if (loose > 0) this.#tail = { pieces: [Buffer.concat(sliceBody(body, even, body.length).pieces)], length: loose };
  }

  async complete(options: { readonly signal: AbortSignal }): Promise<ObjectInfo> {
    const checksum = encodeCrc32c(this.#crc);
    const state = await this.#session.finish(this.#tail, this.#length, checksum, options);
    const stored = await this.#resolve(state, options.signal);
    await requireWhole(this.#client, stored, { size: this.#length, checksum }, options);
    return infoOf(stored);
  }

  async abort(options: { readonly signal: AbortSignal }): Promise<void> {
    await this.#session.cancel(options);
  }

  async #resolve(state: SessionState, signal: AbortSignal): Promise<GcsObject> {
    if (state === 'taken') return ours(this.#client, this.#key, { ...this.#put, signal });
    if (typeof state === 'object' && 'object' in state) return state.object;
    // The answer to an earlier `complete` may have been lost, and the session have ended with it.
    const found = await lookUp(this.#client, this.#key, { signal });
    if (found?.token === this.#put.token) return found;
    throw this.#session.lost();
  }

  /** Each byte once, however often a part is sent. */
  #sum(offset: number, body: Body): void {
    if (offset + body.length <= this.#length) return;
    if (offset !== this.#length)
      throw new Failure('bug', { message: `part at ${offset} of ${this.#key}, but ${this.#length} bytes are there` });
    for (const piece of body.pieces) this.#crc = crc32c(piece, this.#crc);
    this.#length += body.length;
  }
}

/** The upload that this same put has completed already. */
function alreadyThere(object: GcsObject): DriverUpload {
  return { putPart: async () => undefined, complete: async () => infoOf(object), abort: async () => undefined };
}
