import { Failure, isFailure } from '../../domain/failure.ts';
import type { ObjectInfo } from '../object-store.ts';
import type { Body, DriverOptions, DriverUpload } from '../remote/driver.ts';
import { md5Of } from '../remote/md5.ts';
import { answerFailure, dropped } from './errors.ts';
import type { SwiftInfo } from './info.ts';
import { type Listed, putManifest, type Slo } from './manifest.ts';
import { objectPath } from './objects.ts';
import { removeNames } from './remove.ts';
import { makeSegmentsContainer, segmentName, segmentsContainer } from './segments.ts';
import type { SwiftSession } from './session.ts';

/** A static large object: segments in their own container, then a manifest under the key, which makes the whole visible at once. */
export class SwiftUpload implements DriverUpload {
  readonly #session: SwiftSession;
  readonly #info: SwiftInfo;
  readonly #slo: Slo;
  readonly #parts = new Map<number, Listed>();
  #mayBeVisible = false;

  constructor(session: SwiftSession, info: SwiftInfo, slo: Slo) {
    this.#session = session;
    this.#info = info;
    this.#slo = slo;
  }

  async putPart(part: { readonly index: number }, body: Body, { signal }: DriverOptions): Promise<void> {
    // Swift has no segments of nothing.
    if (body.length === 0) return;
    const { key, group } = this.#slo;
    const name = segmentName(key, group, String(part.index).padStart(8, '0'));
    const etag = (await md5Of(body)).toString('hex');
    const sent = await this.#putSegment(name, body, etag, signal);
    if (!sent) {
      await makeSegmentsContainer(this.#session, signal);
      await this.#putSegment(name, body, etag, signal, true);
    }
    this.#parts.set(part.index, { name, etag, size: body.length });
  }

  /** False where the container of segments is not there. */
  async #putSegment(name: string, body: Body, etag: string, signal: AbortSignal, again = false): Promise<boolean> {
    const { place } = this.#session;
    const doing = { operation: 'write a segment', key: name };
    const response = await this.#session.call({
      method: 'PUT',
      path: objectPath(segmentsContainer(place.container), name),
      headers: { 'Content-Type': 'application/octet-stream', ETag: etag },
      body,
      ...doing,
      signal,
    });
    if (response.status === 404) {
      await dropped(response);
      if (again) throw notYet(place.store);
      return false;
    }
    if (response.status !== 201) throw await answerFailure(response, place, doing);
    await dropped(response);
    return true;
  }

  async complete({ signal }: DriverOptions): Promise<ObjectInfo> {
    const parts = [...this.#parts].toSorted(([a], [b]) => a - b).map(([, part]) => part);
    const wasCertain = !this.#mayBeVisible;
    this.#mayBeVisible = true;
    try {
      return await putManifest(this.#session, this.#slo, parts, signal);
    } catch (error) {
      // Said by the store, so certain; after a broken connection or an abort the manifest may still come to be.
      if (wasCertain && isFailure(error) && error.class !== 'transient') this.#mayBeVisible = false;
      throw error;
    }
  }

  async abort({ signal }: DriverOptions): Promise<void> {
    // A manifest that appears later must find its segments. What was left for nothing is removed by removeAbandonedUploads.
    if (this.#mayBeVisible || this.#parts.size === 0) return;
    const names = [...this.#parts.values()].map((part) => part.name);
    const container = segmentsContainer(this.#session.place.container);
    await removeNames(this.#session, container, names, { info: this.#info, signal });
  }
}

// Proxies remember for some seconds that a container is absent.
function notYet(store: string): Failure {
  return new Failure('store.unavailable', { message: `${store} does not see the container of segments yet` });
}
