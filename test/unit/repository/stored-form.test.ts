import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CODEC_NAMES } from '../../../src/codec/codec.ts';
import { objectReader, objectWriter } from '../../../src/repository/stored-form.ts';
import {
  openTestRepository,
  type TemporaryRepository,
  temporaryRepository,
} from '../../support/temporary-repository.ts';
import { type TestKey, testEncryption, testKey } from '../../support/test-keys.ts';

let place: TemporaryRepository;
let keys: readonly TestKey[];
beforeAll(async () => {
  place = await temporaryRepository();
  keys = await Promise.all([
    testKey('anna'),
    testKey('ben', { type: 'rsa' }),
    testKey('carla', { passphrase: 'safe' }),
  ]);
});
afterAll(() => place[Symbol.asyncDispose]());

async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(Buffer.from(piece));
  return Buffer.concat(all);
}

const sizes = fc.array(fc.integer({ min: 1, max: 50_000 }), { minLength: 1, maxLength: 4 });
/** Random bytes and runs of the same byte: what does not shrink, and what does. */
const contents = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 3000 }),
      fc.nat(60_000).map((length) => new Uint8Array(length).fill(7)),
    ),
    {
      maxLength: 4,
    },
  )
  .map((parts) => Buffer.concat(parts));

it('any bytes, cut in any way, by any codec, to any recipients, come back the same for each of them', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...CODEC_NAMES),
      contents,
      sizes,
      sizes,
      fc.subarray([0, 1, 2], { minLength: 1 }),
      fc.option(fc.constantFrom(0, 1, 2)),
      async (algorithm, content, writing, reading, recipients, signer) => {
        const to = recipients.flatMap((index) => keys[index] ?? []);
        const signing = signer === null ? undefined : keys[signer];
        const open = (owner: TestKey | undefined): ReturnType<typeof openTestRepository> =>
          openTestRepository(place.directory, {
            algorithm,
            encryption: testEncryption({
              recipients: to,
              owners: owner ? [owner] : [],
              ...(signing && { signing, trusted: [signing] }),
            }),
          });
        const writer = await objectWriter(await open(undefined), 'encrypt');
        const { bytes, size } = await writer.seal(() => cut(content, writing), 'sites/orders/a');
        const sealed = await collect(bytes);
        expect(sealed.length).toBe(size);
        for (const stored of [sealed, await collect(writer.encode(cut(content, writing), 'sites/orders/a'))]) {
          for (const owner of to) {
            const read = objectReader(await open(owner), writer.form, 'sites/orders/a');
            expect((await collect(read(cut(stored, reading)))).equals(content)).toBe(true);
          }
        }
      },
    ),
    { numRuns: Number(process.env['HOARD_SLOW_CASES'] ?? 40) },
  );
});
