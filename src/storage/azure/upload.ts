import { Failure } from '../../domain/failure.ts';
import type { ObjectInfo } from '../object-store.ts';
import type { Body, DriverOptions, DriverPutOptions, DriverUpload } from '../remote/driver.ts';
import { md5Of } from '../remote/md5.ts';
import { isAnswer } from './errors.ts';
import { storedAt } from './properties.ts';
import { ownOrTaken, unlessOwn, writeOptions } from './put.ts';
import { requestBody } from './request-body.ts';
import type { AzureService } from './service.ts';

/** A blob may have 50,000 blocks, so five digits are enough. */
const DIGITS = 5;

/**
 * A block list. Blocks lie beside the blob, invisible, until a list of them is committed. Beginning sends nothing. Uploads of one key do
 * not disturb each other, because the token is in their block names, until one of them is committed: that discards the blocks of the
 * others, whose own commits then fail with InvalidBlockList.
 */
export class BlockUpload implements DriverUpload {
  readonly #service: AzureService;
  readonly #key: string;
  readonly #options: DriverPutOptions;
  readonly #lengths: (number | undefined)[] = [];

  constructor(service: AzureService, key: string, options: DriverPutOptions) {
    this.#service = service;
    this.#key = key;
    this.#options = options;
  }

  async putPart({ index }: { readonly index: number }, body: Body, { signal }: DriverOptions): Promise<void> {
    const transactionalContentMD5 = await md5Of(body);
    await this.#service.onBlob(this.#call('write a part of', signal), (blob) =>
      blob.stageBlock(this.#blockId(index), requestBody(body), body.length, {
        abortSignal: signal,
        transactionalContentMD5,
      }),
    );
    this.#lengths[index] = body.length;
  }

  async complete({ signal }: DriverOptions): Promise<ObjectInfo> {
    const size = this.#lengths.reduce<number>((sum, length) => sum + (length ?? Number.NaN), 0);
    if (Number.isNaN(size)) throw new Failure('bug', { message: `parts of "${this.#key}" were never sent` });
    const ids = Array.from(this.#lengths, (_, index) => this.#blockId(index));
    const options = { ...this.#options, signal };
    try {
      const { lastModified } = await this.#service.onBlob(this.#call('complete', signal), (blob) =>
        blob.commitBlockList(ids, writeOptions(options)),
      );
      return { key: this.#key, size, storedAt: storedAt(lastModified) };
    } catch (error) {
      if (isAnswer(error, 'InvalidBlockList')) return this.#whenReplaced(size, options, error);
      return unlessOwn(this.#service, this.#key, size, options, error);
    }
  }

  /** Blocks that were never committed cannot be removed, and cost nothing a week later, when the service forgets them. */
  async abort(): Promise<void> {}

  async #whenReplaced(size: number, options: DriverPutOptions, cause: unknown): Promise<ObjectInfo> {
    const { description } = this.#service;
    const found = await ownOrTaken(this.#service, this.#key, size, options);
    if (found.kind === 'own') return found.info;
    if (options.ifAbsent && found.kind === 'taken') throw found.failure;
    throw new Failure('store.changed', {
      message: `another writer stored "${this.#key}" in ${description} meanwhile, and with that discarded this upload`,
      hint: 'write it again, by one writer at a time',
      cause,
    });
  }

  #call(operation: string, signal: AbortSignal) {
    return { ...this.#service.call(operation, signal, this.#key), key: this.#key };
  }

  /** All ids of a blob must have the same length. */
  #blockId(index: number): string {
    return Buffer.from(`${this.#options.token}-${String(index).padStart(DIGITS, '0')}`).toString('base64');
  }
}
