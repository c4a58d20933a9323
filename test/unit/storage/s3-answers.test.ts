import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { DesiredS3 } from '../../../src/domain/desired-storage.ts';
import { durationOf } from '../../../src/domain/duration.ts';
import type { StoreDriver } from '../../../src/storage/remote/driver.ts';
import { RetryAfter } from '../../../src/storage/remote/retry-after.ts';
import { openS3Driver } from '../../../src/storage/s3/s3-driver.ts';
import { bytesOf, NEVER } from '../../conformance/bodies.ts';
import { declaredS3, s3Context } from '../../conformance/s3-declared.ts';

/** What Ceph does not do when asked to: answers of other stores and of tired ones, as their documentation gives them. */

interface Request {
  readonly line: string;
  readonly headers: IncomingHttpHeaders;
}

type Answer = (response: ServerResponse, request: Request) => void;

const options = { signal: NEVER };
const put = { ...options, ifAbsent: false, unlocked: false, token: 'a'.repeat(32) };
const one = { pieces: [Buffer.from('one')], length: 3 };

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** A server that gives the answers one after the other. */
async function scripted(
  answers: readonly Answer[],
  change: Partial<DesiredS3> = {},
  environment: Record<string, string> = { TOKEN: 'session' },
): Promise<{ readonly driver: StoreDriver; readonly requests: readonly Request[] }> {
  const requests: Request[] = [];
  const left = [...answers];
  const answer = (message: IncomingMessage, response: ServerResponse): void => {
    const request = { line: `${message.method} ${message.url}`, headers: message.headers };
    requests.push(request);
    message.resume().once('end', () => (left.shift() ?? status(500, 'ScriptEnded'))(response, request));
  };
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const place = {
    endpoint: `http://127.0.0.1:${port}`,
    region: 'eu-central-1',
    accessKey: 'access',
    secretKey: 'hush',
  };
  const driver = await openS3Driver(declaredS3(place, 'bucket', change), s3Context(place, environment));
  cleanups.push(async () => {
    await driver.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { driver, requests };
}

const xml = (text: string): string => `<?xml version="1.0" encoding="UTF-8"?>\n${text}`;
const errorBody = (code: string): string => xml(`<Error><Code>${code}</Code><Message>said so</Message></Error>`);

function status(value: number, code?: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return (response) => void response.writeHead(value, headers).end(code === undefined ? '' : errorBody(code));
}

const ok =
  (headers: Readonly<Record<string, string>> = {}, body = ''): Answer =>
  (response) =>
    void response.writeHead(200, headers).end(body);

const stored = ok({ etag: '"1"' });

const head = (token: string, length: number): Answer =>
  ok({ 'content-length': String(length), 'x-amz-meta-hoard-upload': token, 'last-modified': new Date().toUTCString() });

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'no failure',
    (error: unknown) => error,
  );
}

describe('answers', () => {
  test.each([
    ['SlowDown', 503, 'store.throttled'],
    ['TooManyRequests', 429, 'store.throttled'],
    ['InternalError', 500, 'store.unavailable'],
    ['RequestTimeout', 400, 'store.unavailable'],
    ['BadDigest', 400, 'store.unavailable'],
    ['OperationAborted', 409, 'store.unavailable'],
    ['AccessDenied', 403, 'store.denied'],
    ['ExpiredToken', 400, 'store.denied'],
    ['AuthorizationHeaderMalformed', 400, 'store.denied'],
    ['PermanentRedirect', 301, 'store.denied'],
    ['NoSuchBucket', 404, 'store.absent'],
    ['QuotaExceeded', 403, 'store.full'],
    ['EntityTooLarge', 400, 'store.full'],
    ['InvalidStorageClass', 400, 'store.rejected'],
    ['NotImplemented', 501, 'store.rejected'],
  ])('%s (%i) is %s', async (code, value, failure) => {
    const { driver, requests } = await scripted([status(value, code)]);
    expect(await failureOf(driver.putWhole('a', one, put))).toMatchObject({ code: failure });
    expect(requests).toHaveLength(1);
  });

  test.each([
    [503, 'store.throttled'],
    [502, 'store.unavailable'],
    [403, 'store.denied'],
  ])('%i without a body is %s', async (value, failure) => {
    const { driver } = await scripted([status(value), status(value)]);
    expect(await failureOf(driver.putWhole('a', one, put))).toMatchObject({ code: failure });
    expect(await failureOf(driver.head('a', options))).toMatchObject({ code: failure });
  });

  test('Retry-After is handed on', async () => {
    const { driver } = await scripted([status(503, 'SlowDown', { 'retry-after': '7' })]);
    const error = await failureOf(driver.putWhole('a', one, put));
    const cause = error instanceof Error ? error.cause : undefined;
    expect(cause).toBeInstanceOf(RetryAfter);
    expect(cause).toMatchObject({ milliseconds: 7000 });
  });

  test('a page of a proxy is neither a listing nor an object nor a receipt', async () => {
    const page = ok({ 'content-type': 'text/html' }, '<html><body>Please log in</body></html>');
    const { driver, requests } = await scripted(Array.from({ length: 5 }, () => page));
    const listing = driver.listPage('', { ...options, startAfter: undefined, continuation: undefined });
    expect(await failureOf(listing)).toMatchObject({ code: 'store.unavailable' });
    expect(await failureOf(driver.head('a', options))).toMatchObject({ code: 'store.unavailable' });
    expect(await failureOf(driver.putWhole('a', one, put))).toMatchObject({ code: 'store.unavailable' });
    expect(await driver.deleteBatch(['a'], options)).toMatchObject([{ kind: 'failed' }]);
    expect(requests).toHaveLength(5);
  });

  test('a listing that breaks off is no listing', async () => {
    const begun = xml('<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents>');
    const { driver } = await scripted([
      ok({}, begun),
      (response) => {
        response.writeHead(200, { 'content-length': '5000' });
        response.write(begun, () => response.destroy());
      },
    ]);
    for (const _ of [1, 2]) {
      const listing = driver.listPage('', { ...options, startAfter: undefined, continuation: undefined });
      expect(await failureOf(listing)).toMatchObject({ code: 'store.unavailable' });
    }
  });

  test('a key that the answer to a removal leaves out counts as failed', async () => {
    const answer = xml(
      '<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>SlowDown</Code><Message>slow</Message></Error></DeleteResult>',
    );
    const { driver } = await scripted([ok({}, xml('<VersioningConfiguration/>')), ok({}, answer)]);
    expect(await driver.deleteBatch(['a', 'b', 'c'], options)).toMatchObject([
      { key: 'a', kind: 'removed' },
      { key: 'b', kind: 'failed', error: { code: 'store.throttled' } },
      { key: 'c', kind: 'failed', error: { code: 'store.unavailable' } },
    ]);
  });

  test('a body that breaks off is unavailable, not the end', async () => {
    const { driver } = await scripted([
      (response) => {
        response.writeHead(200, { 'content-length': '1000', etag: '"1"' });
        response.write('some', () => response.destroy());
      },
    ]);
    const object = await driver.read('a', { ...options, range: undefined, version: undefined });
    expect(await failureOf(bytesOf(object.body))).toMatchObject({ code: 'store.unavailable' });
  });

  test('a store that ignores the range is not believed', async () => {
    const { driver } = await scripted([ok({ 'content-length': '10' }, 'ten bytes.')]);
    const read = driver.read('a', { ...options, range: { offset: 2, length: 3 }, version: undefined });
    expect(await failureOf(read)).toMatchObject({ code: 'store.incomplete' });
  });
});

describe('conditional creation', () => {
  const create = { ...put, ifAbsent: true };

  test('409 of AWS: another create is under way and may still fail', async () => {
    const { driver } = await scripted([status(409, 'ConditionalRequestConflict'), status(404), status(200)]);
    expect(await failureOf(driver.putWhole('a', one, create))).toMatchObject({ code: 'store.unavailable' });
  });

  test('412 on what an earlier attempt of the same put wrote is success', async () => {
    const { driver, requests } = await scripted([status(412, 'PreconditionFailed'), head(put.token, 3)]);
    expect(await driver.putWhole('a', one, create)).toMatchObject({ key: 'a', size: 3 });
    expect(requests[0]?.headers['if-none-match']).toBe('*');
  });
});

describe('completion', () => {
  const begun = ok({}, xml('<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>'));
  const completed = ok({}, xml('<CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>'));
  const begin = async (answers: readonly Answer[]) => {
    const { driver, requests } = await scripted([begun, ok({ etag: '"1"' }), ...answers]);
    const upload = await driver.beginUpload('a', { ...put, size: 3 });
    await upload.putPart({ index: 0, offset: 0, last: true }, one, options);
    return { upload, requests };
  };

  test('an error in the body of a 200 is an error', async () => {
    const { upload } = await begin([ok({}, errorBody('InternalError'))]);
    expect(await failureOf(upload.complete(options))).toMatchObject({ code: 'store.unavailable' });
  });

  test('a 200 that breaks off in the spaces that keep it alive is an error', async () => {
    const { upload } = await begin([ok({}, '   ')]);
    expect(await failureOf(upload.complete(options))).toMatchObject({ code: 'store.unavailable' });
  });

  test('NoSuchUpload after a lost answer: the object itself decides', async () => {
    const { upload } = await begin([status(404, 'NoSuchUpload'), head(put.token, 3)]);
    expect(await upload.complete(options)).toMatchObject({ key: 'a', size: 3 });
    const lost = await begin([status(404, 'NoSuchUpload'), head('b'.repeat(32), 3)]);
    expect(await failureOf(lost.upload.complete(options))).toMatchObject({ code: 'store.unavailable' });
  });

  test('another size than what was sent is removed again', async () => {
    const { upload, requests } = await begin([
      completed,
      head(put.token, 2),
      ok({}, xml('<VersioningConfiguration/>')),
      ok({}, xml('<DeleteResult><Deleted><Key>a</Key></Deleted></DeleteResult>')),
    ]);
    expect(await failureOf(upload.complete(options))).toMatchObject({ code: 'store.incomplete' });
    expect(requests.at(-1)?.line).toMatch(/^POST \/bucket\/?\?delete/);
    expect(requests.at(-1)?.headers['content-md5']).toBeDefined();
    expect(Object.keys(requests.at(-1)?.headers ?? {}).filter((name) => name.includes('checksum'))).toEqual([]);
  });
});

describe('what the policy declares', () => {
  const key = { kind: 'env', name: 'S3_ACCESS_KEY' } as const;
  const secret = { kind: 'env', name: 'S3_SECRET_KEY' } as const;

  test('is in the requests', async () => {
    const { driver, requests } = await scripted([stored, stored], {
      credentials: { accessKeyId: key, secretAccessKey: secret, sessionToken: { kind: 'env', name: 'TOKEN' } },
      serverSideEncryption: 'aws:kms',
      kmsKeyId: 'some-key',
      storageClass: 'COLD_STORAGE',
      objectLock: { mode: 'governance', for: durationOf(86_400_000) },
      userAgent: 'our-backup/1',
    });
    await driver.putWhole('a', one, { ...put, ifAbsent: true });
    await driver.putWhole('a', one, { ...put, unlocked: true });
    const [locked, unlocked] = requests;
    expect(locked?.line).toMatch(/^PUT \/bucket\/a/);
    expect(locked?.headers).toMatchObject({
      'x-amz-security-token': 'session',
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'some-key',
      'x-amz-storage-class': 'COLD_STORAGE',
      'x-amz-object-lock-mode': 'GOVERNANCE',
      'x-amz-meta-hoard-upload': put.token,
      'user-agent': expect.stringContaining('our-backup/1'),
      'content-md5': createHash('md5').update('one').digest('base64'),
      authorization: expect.stringContaining('/eu-central-1/s3/aws4_request'),
    });
    expect(locked?.headers['authorization']).toContain('content-md5');
    expect(locked?.headers['x-amz-content-sha256']).toBe('UNSIGNED-PAYLOAD');
    expect(locked?.headers['expect']).toBeUndefined();
    const until = Date.parse(String(locked?.headers['x-amz-object-lock-retain-until-date']));
    expect(Math.abs(until - Date.now() - 86_400_000)).toBeLessThan(60_000);
    expect(unlocked?.headers['x-amz-object-lock-mode']).toBeUndefined();
    // Only a create has to find its own earlier attempt again.
    expect(unlocked?.headers['x-amz-meta-hoard-upload']).toBeUndefined();
  });

  test('AES256', async () => {
    const { driver, requests } = await scripted([stored], { serverSideEncryption: 'AES256', kmsKeyId: 'not for this' });
    await driver.putWhole('a', one, put);
    expect(requests[0]?.headers['x-amz-server-side-encryption']).toBe('AES256');
    expect(requests[0]?.headers['x-amz-server-side-encryption-aws-kms-key-id']).toBeUndefined();
  });

  test('no credentials: the environment is searched, and what is missing is named', async () => {
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'from-the-environment');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'hush');
    const found = await scripted([stored], { credentials: undefined });
    await found.driver.putWhole('a', one, put);
    expect(found.requests[0]?.headers['authorization']).toContain('Credential=from-the-environment/');
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
    const none = await scripted([], { credentials: undefined });
    expect(await failureOf(none.driver.putWhole('a', one, put))).toMatchObject({
      code: 'store.denied',
      hint: expect.stringContaining('spec.storage.credentials'),
    });
  });

  test('a session token that has expired is read again, and the request sent again where there is a new one', async () => {
    const credentials = {
      accessKeyId: key,
      secretAccessKey: secret,
      sessionToken: { kind: 'env', name: 'TOKEN' },
    } as const;
    const environment: Record<string, string> = { TOKEN: 'first' };
    const expired = status(400, 'ExpiredToken');
    const answers = [stored, expired, expired, stored, stored, expired, expired, stored];
    const { driver, requests } = await scripted(answers, { credentials }, environment);
    const tokens = (): unknown[] => requests.map(({ headers }) => headers['x-amz-security-token']);
    await driver.putWhole('a', one, put);
    environment['TOKEN'] = 'second';
    // Both were signed with the first one, which is kept for a while.
    await Promise.all([driver.putWhole('a', one, put), driver.putWhole('b', one, put)]);
    expect(tokens()).toEqual(['first', 'first', 'first', 'second', 'second']);
    expect(await failureOf(driver.putWhole('a', one, put))).toMatchObject({
      code: 'store.denied',
      hint: expect.stringContaining('environment variable TOKEN'),
    });
    // The same token is not worth another request.
    expect(tokens()).toHaveLength(6);
    environment['TOKEN'] = 'third';
    await driver.putWhole('a', one, put);
    expect(tokens().slice(6)).toEqual(['second', 'third']);
  });

  test('a secret that is not there is said before anything is sent', async () => {
    const { driver, requests } = await scripted([], {
      credentials: { accessKeyId: { kind: 'env', name: 'NOT_SET' }, secretAccessKey: secret, sessionToken: undefined },
    });
    expect(await failureOf(driver.putWhole('a', one, put))).toMatchObject({ code: 'secret.unavailable' });
    expect(requests).toEqual([]);
  });
});

describe('part sizes', () => {
  test('hold five terabytes, known or not', async () => {
    const { driver } = await scripted([], {});
    const { sizes } = driver;
    expect(sizes.largest).toBe(5 * 1024 ** 4);
    expect(sizes.part(0, sizes.largest) * 10_000).toBeGreaterThanOrEqual(sizes.largest);
    let sum = 0;
    for (let index = 0; index < 10_000; index += 1) sum += sizes.part(index, undefined);
    expect(sum).toBeGreaterThanOrEqual(sizes.largest);
  });
});
