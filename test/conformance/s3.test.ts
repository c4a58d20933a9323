import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytesOf } from '../../src/domain/bytes.ts';
import { remoteStore } from '../../src/storage/remote/remote-store.ts';
import { createTransferLimits } from '../../src/storage/remote/transfer-limits.ts';
import { openS3Driver } from '../../src/storage/s3/s3-driver.ts';
import { type CephServer, isCephInstalled, startCeph } from '../../support/servers/ceph.ts';
import { NEVER, pattern } from './bodies.ts';
import { objectStoreConformance, type TestedStore } from './object-store.ts';
import { declaredS3, s3Context } from './s3-declared.ts';

const MIB = 1024 ** 2;
const options = { signal: NEVER };
const where = isCephInstalled() ? '' : ': radosgw, ceph-mon and ceph-osd are not installed';

describe.skipIf(!isCephInstalled())(`S3 on a real Ceph${where}`, () => {
  let ceph: CephServer;
  beforeAll(async () => {
    ceph = await startCeph();
  });
  afterAll(async () => {
    await ceph?.[Symbol.asyncDispose]();
  });

  let stores = 0;
  const storeOf = async (change: Parameters<typeof declaredS3>[2] = {}): Promise<TestedStore> => {
    stores += 1;
    const bucket = `store-${stores}`;
    await ceph.makeBucket(bucket);
    const context = s3Context(ceph);
    const driver = await openS3Driver(declaredS3(ceph, bucket, change), context);
    const limits = createTransferLimits(undefined, context.clock);
    // The whole cluster goes in the end.
    return { store: remoteStore(driver, { ...context, limits, uploadRetries: 3 }), remove: async () => undefined };
  };

  // The smallest parts, so that the suite's bodies have several.
  objectStoreConformance('a bucket', () => storeOf({ partSize: bytesOf(5 * MIB) }));

  test('100 MiB of unknown size go through in parts, and come back', async () => {
    const { store } = await storeOf({ partSize: bytesOf(5 * MIB) });
    const piece = (index: number): Uint8Array => pattern(MIB, index + 1);
    async function* hundred(): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < 100; index += 1) yield piece(index);
    }
    expect(await store.put('large', hundred(), options)).toMatchObject({ size: 100 * MIB });
    const hash = createHash('sha256');
    for (let index = 0; index < 100; index += 1) hash.update(piece(index));
    const found = createHash('sha256');
    for await (const bytes of await store.get('large', options)) found.update(bytes);
    expect(found.digest('hex')).toBe(hash.digest('hex'));
    await store.close();
  });
});
