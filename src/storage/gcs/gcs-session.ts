import { Failure } from '../../domain/failure.ts';
import type { Body, DriverOptions } from '../remote/driver.ts';
import { sliceBody } from './body-slice.ts';
import type { GcsClient } from './gcs-client.ts';
import { saysDamaged } from './gcs-failure.ts';
import { type GcsObject, parseObject } from './gcs-object.ts';

/** Pieces of a resumable upload, the last one aside, are multiples of this: https://cloud.google.com/storage/docs/performing-resumable-uploads#chunked-upload */
export const GRANULE = 256 * 1024;

export const EMPTY: Body = { pieces: [], length: 0 };

/** Either how many bytes the service has kept so far, or the object that it has made of them. */
export type SessionState = { readonly kept: number } | { readonly object: GcsObject } | 'gone' | 'taken';

/** How the service answers an upload that is not complete, one that is cancelled, and one whose session it has forgotten. */
const INCOMPLETE = 308;
const CANCELLED = 499;
const GONE: readonly number[] = [404, 410, CANCELLED];

/** One upload session: a place to which bytes are appended in order, and that knows how many it has. */
export class GcsSession {
  readonly #client: GcsClient;
  readonly #key: string;
  readonly #address: string;
  /** What was kept at the end of the last request that was answered; undefined after one that was not. */
  #kept: number | undefined = 0;

  constructor(client: GcsClient, key: string, address: string) {
    this.#client = client;
    this.#key = key;
    this.#address = address;
  }

  /** Appends what of `body`, which begins at `offset` of the object, is not there yet. The object's end is not told: nothing gets visible. */
  async append(offset: number, body: Body, options: DriverOptions): Promise<void> {
    const end = offset + body.length;
    let kept = this.#kept ?? this.#keptOf(await this.state(options));
    while (kept < end) {
      this.#requireReach(kept, offset);
      const rest = sliceBody(body, kept - offset, body.length);
      const after = this.#keptOf(await this.#put(rest, `bytes ${kept}-${end - 1}/*`, {}, options));
      if (after <= kept) {
        throw new Failure('store.unavailable', {
          message: `${this.#client.description} kept nothing of what it was sent of ${this.#key}`,
        });
      }
      kept = after;
    }
  }

  /** Tells where the object ends, sending what is missing of `tail`, and with it what the whole must sum up to. */
  async finish(tail: Body, total: number, checksum: string, options: DriverOptions): Promise<SessionState> {
    const offset = total - tail.length;
    let state: SessionState = this.#kept === undefined ? await this.state(options) : { kept: this.#kept };
    for (let round = 0; typeof state === 'object' && 'kept' in state; round += 1) {
      this.#requireReach(state.kept, offset);
      if (state.kept > total || round > 2 + tail.length / GRANULE) {
        throw new Failure('store.unavailable', {
          message: `${this.#client.description} does not complete the upload of ${this.#key}`,
        });
      }
      const rest = sliceBody(tail, state.kept - offset, tail.length);
      const range = rest.length === 0 ? `bytes */${total}` : `bytes ${state.kept}-${total - 1}/${total}`;
      state = await this.#put(rest, range, { 'x-goog-hash': `crc32c=${checksum}` }, options);
    }
    return state;
  }

  /** Asks how far the upload is. */
  async state(options: DriverOptions): Promise<SessionState> {
    return this.#put(EMPTY, 'bytes */*', {}, options);
  }

  async cancel({ signal }: DriverOptions): Promise<void> {
    const call = { operation: 'give up', key: this.#key, method: 'DELETE', path: this.#address, signal } as const;
    await this.#client.json({ ...call, accept: GONE });
  }

  async #put(
    body: Body,
    range: string,
    headers: Readonly<Record<string, string>>,
    { signal }: DriverOptions,
  ): Promise<SessionState> {
    this.#kept = undefined;
    const call = {
      operation: 'write',
      key: this.#key,
      method: 'PUT',
      path: this.#address,
      headers: { ...headers, 'content-range': range },
      body,
      signal,
      accept: [INCOMPLETE, 400, 412, ...GONE],
    } as const;
    const answer = await this.#client.json(call);
    if (answer.status === 400)
      throw saysDamaged(answer.error) ? this.#damaged() : await this.#client.failure(call, answer);
    if (answer.status === 412) return 'taken';
    if (GONE.includes(answer.status)) return 'gone';
    if (answer.status !== INCOMPLETE) return { object: parseObject(answer.json) };
    this.#kept = keptIn(answer.headers['range']);
    return { kept: this.#kept };
  }

  /** The end does not sum up: no further try of it can, so that everything has to be sent anew. */
  #damaged(): Failure {
    return new Failure('store.incomplete', {
      message: `what arrived at ${this.#client.description} as ${this.#key} is not what was sent: its checksum differs`,
      hint: 'nothing of it is visible; the next try sends everything anew',
    });
  }

  #keptOf(state: SessionState): number {
    if (typeof state === 'object') return 'kept' in state ? state.kept : state.object.size;
    if (state === 'taken')
      throw new Failure('store.exists', { message: `${this.#key} exists already in ${this.#client.description}` });
    throw this.lost();
  }

  lost(): Failure {
    return new Failure('store.incomplete', {
      message: `${this.#client.description} has forgotten the upload of ${this.#key} that was under way`,
      hint: 'nothing of it is visible; the next try sends everything anew',
    });
  }

  /** The service may keep less than it was sent, but what it has once reported it must not lose: it is no longer here. */
  #requireReach(kept: number, offset: number): void {
    if (kept < offset) throw this.lost();
  }
}

/** `Range: bytes=0-N`; the header is absent while there is nothing. */
function keptIn(range: string | undefined): number {
  if (range === undefined) return 0;
  const last = /^bytes=0-(\d{1,15})$/.exec(range)?.[1];
  if (last === undefined)
    throw new Failure('store.unavailable', { message: `the answer to an upload has the unknown range ${range}` });
  return Number(last) + 1;
}
