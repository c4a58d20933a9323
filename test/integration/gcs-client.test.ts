import { createHash } from 'node:crypto';
import { Storage } from '@google-cloud/storage';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GcsServer, startGcsServer } from '../../support/servers/gcs/gcs-server.ts';

/**
 * Google's own client against the test server: what it relies on is there, in the form that it wants. Its tokens come from Google
 * alone, so that the server asks for none here.
 */
describe("Google's own client and the test server", () => {
  let server: GcsServer;
  let storage: Storage;

  beforeAll(async () => {
    server = await startGcsServer({ auth: false });
    storage = new Storage({ apiEndpoint: server.endpoint, projectId: 'p', retryOptions: { autoRetry: false } });
    await storage.createBucket('own-client', { versioning: { enabled: false } });
  });

  afterAll(async () => server[Symbol.asyncDispose]());

  test('write, look, read and copy', async () => {
    const file = storage.bucket('own-client').file('dir/a b');
    const body = Buffer.alloc(3_000_000, 'xyz');
    await file.save(body, { resumable: false, validation: 'crc32c', preconditionOpts: { ifGenerationMatch: 0 } });
    const again = file.save(body, { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } });
    await expect(again).rejects.toMatchObject({ code: 412 });
    const [metadata] = await file.getMetadata();
    expect(metadata).toMatchObject({ size: '3000000', md5Hash: createHash('md5').update(body).digest('base64') });
    expect((await file.download({ validation: 'crc32c' }))[0].equals(body)).toBe(true);
    expect((await file.download({ start: 1, end: 3 }))[0].toString()).toBe('yzx');
    await expect(file.download({ start: 3_000_000 })).rejects.toMatchObject({ code: 416 });
    await file.copy(storage.bucket('own-client').file('copy'));
    expect((await storage.bucket('own-client').file('copy').exists())[0]).toBe(true);
    await storage.bucket('own-client').combine(['dir/a b', 'copy'], 'both');
    expect((await storage.bucket('own-client').file('both').getMetadata())[0]).toMatchObject({
      size: '6000000',
      componentCount: 2,
    });
    await file.delete();
    await expect(file.delete()).rejects.toMatchObject({ code: 404 });
  });

  test.each([[undefined], [1024 * 1024]])('write a stream with chunks of %s', async (chunkSize) => {
    const file = storage.bucket('own-client').file('large');
    const body = Buffer.alloc(3 * 1024 * 1024 + 17, 'abc');
    await file.save(body, { resumable: true, ...(chunkSize !== undefined && { chunkSize }), validation: 'crc32c' });
    expect((await file.download())[0].equals(body)).toBe(true);
  });

  test('list in pages, and folders', async () => {
    const bucket = storage.bucket('own-client');
    await Promise.all(
      Array.from({ length: 25 }, async (_, index) =>
        bucket.file(`l/${index % 5}/${index}`).save('x', { resumable: false }),
      ),
    );
    const [files, next] = await bucket.getFiles({ prefix: 'l/', maxResults: 10, autoPaginate: false });
    expect(files).toHaveLength(10);
    expect(next).toHaveProperty('pageToken');
    const [rest] = await bucket.getFiles({ ...next, maxResults: 100 });
    expect(new Set([...files, ...rest].map((file) => file.name)).size).toBe(25);
    await bucket.deleteFiles({ prefix: 'l/' });
    expect((await bucket.getFiles({ prefix: 'l/' }))[0]).toEqual([]);
  });
});
