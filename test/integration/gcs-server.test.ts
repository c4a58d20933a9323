import { createSign } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checksumsOf } from '../../support/servers/gcs/checksums.ts';
import { type GcsServer, startGcsServer } from '../../support/servers/gcs/gcs-server.ts';

/** The server of the tests against the documentation of the JSON API, with nothing of ours between. */
let server: GcsServer;
let now = Date.now();

beforeAll(async () => {
  server = await startGcsServer({ now: () => now });
  server.makeBucket('b');
});

afterAll(async () => server[Symbol.asyncDispose]());

const KIB = 1024;
const GRANULE = 256 * KIB;

type Content = string | Uint8Array<ArrayBuffer>;

let authorization: string | undefined;

async function call(
  method: string,
  path: string,
  init: { body?: Content; headers?: Record<string, string> } = {},
): Promise<Response> {
  authorization ??= `Bearer ${await token()}`;
  const url = path.startsWith('http') ? path : `${server.endpoint}${path}`;
  return fetch(url, { method, ...init, headers: { authorization, ...init.headers } });
}

interface Resource {
  readonly [name: string]: unknown;
}

async function json(response: Response | Promise<Response>): Promise<Resource> {
  return (await (await response).json()) as Resource;
}

function assertion(claims: Readonly<Record<string, unknown>>, key = server.keyFile): string {
  const { client_email, private_key, private_key_id } = JSON.parse(key) as Record<string, string>;
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const seconds = Math.floor(now / 1000);
  const full = {
    iss: client_email,
    scope: 'https://www.googleapis.com/auth/devstorage.read_write',
    aud: 'https://oauth2.googleapis.com/token',
    iat: seconds,
    exp: seconds + 3600,
    ...claims,
  };
  const text = `${encode({ alg: 'RS256', typ: 'JWT', kid: private_key_id })}.${encode(full)}`;
  return `${text}.${createSign('RSA-SHA256')
    .update(text)
    .sign(private_key ?? '', 'base64url')}`;
}

async function grant(jwt: string): Promise<Response> {
  const body = new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: jwt });
  return fetch(`${server.endpoint}/token`, { method: 'POST', body });
}

async function token(): Promise<string> {
  return String((await json(grant(assertion({}))))['access_token']);
}

const put = async (name: string, body: Content, query = ''): Promise<Response> =>
  call('POST', `/upload/storage/v1/b/b/o?uploadType=media&name=${encodeURIComponent(name)}${query}`, { body });

const object = (name: string, query = ''): string => `/storage/v1/b/b/o/${encodeURIComponent(name)}${query}`;

async function begin(name: string, query = '', resource: Resource = {}): Promise<string> {
  const path = `/upload/storage/v1/b/b/o?uploadType=resumable&name=${name}${query}`;
  const response = await call('POST', path, {
    body: JSON.stringify(resource),
    headers: { 'content-type': 'application/json' },
  });
  expect(response.status).toBe(200);
  return response.headers.get('location') ?? '';
}

async function chunk(
  address: string,
  range: string | undefined,
  body: Content = '',
  headers: Record<string, string> = {},
): Promise<Response> {
  // A session is its own permission.
  return fetch(address, {
    method: 'PUT',
    body,
    headers: { ...headers, ...(range !== undefined && { 'content-range': range }) },
  });
}

describe('the test server for Google Cloud Storage', () => {
  describe('tokens', () => {
    test('are given for what the account has signed, and live as long as they say', async () => {
      const before = authorization;
      const response = await json(grant(assertion({})));
      expect(response).toMatchObject({ token_type: 'Bearer', expires_in: 3600 });
      const headers = { authorization: `Bearer ${String(response['access_token'])}` };
      expect((await call('GET', '/storage/v1/b/b', { headers })).status).toBe(200);
      now += 3600_000;
      const late = await call('GET', '/storage/v1/b/b', { headers });
      expect(late.status).toBe(401);
      expect(await json(late)).toMatchObject({ error: { code: 401, errors: [{ reason: 'authError' }] } });
      authorization = before === undefined ? undefined : `Bearer ${await token()}`;
    });

    test.each([
      ['another time', { iat: 1, exp: 3601 }, 'invalid_grant'],
      ['too long a life', { exp: Math.floor(now / 1000) + 36_000 }, 'invalid_grant'],
      ['another audience', { aud: 'https://example.org' }, 'invalid_grant'],
      ['another account', { iss: 'somebody@else' }, 'invalid_grant'],
      ['no scope for storage', { scope: 'https://www.googleapis.com/auth/drive' }, 'invalid_scope'],
    ])('are not given for %s', async (_name, claims, error) => {
      const response = await grant(assertion(claims));
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error });
    });

    test('are not given for another signature', async () => {
      const other = JSON.parse(server.tokens.createKey('x', 'other')) as Record<string, string>;
      const own = JSON.parse(server.keyFile) as Record<string, string>;
      const mixed = JSON.stringify({ ...own, private_key: other['private_key'] });
      expect(await (await grant(assertion({}, mixed))).json()).toMatchObject({
        error: 'invalid_grant',
        error_description: 'Invalid JWT Signature.',
      });
    });

    test('are needed', async () => {
      const response = await fetch(`${server.endpoint}/storage/v1/b/b`);
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({
        error: { errors: [{ reason: 'required', location: 'Authorization' }] },
      });
    });
  });

  test('what is absent is named: object and bucket, as JSON and as text', async () => {
    expect(await json(call('GET', object('no/thing')))).toMatchObject({
      error: { code: 404, message: 'No such object: b/no/thing', errors: [{ reason: 'notFound', domain: 'global' }] },
    });
    const media = await call('GET', object('no/thing', '?alt=media'));
    expect([media.status, await media.text()]).toEqual([404, 'No such object: b/no/thing']);
    expect(await json(call('GET', '/storage/v1/b/other/o/x'))).toMatchObject({
      error: { code: 404, message: 'The specified bucket does not exist.' },
    });
    expect((await call('GET', '/storage/v1/b/other')).status).toBe(404);
  });

  test('a media upload makes a resource', async () => {
    const stored = await json(put('dir/a b', 'hello'));
    expect(stored).toMatchObject({
      kind: 'storage#object',
      name: 'dir/a b',
      bucket: 'b',
      size: '5',
      metageneration: '1',
      storageClass: 'STANDARD',
      ...checksumsOf(Buffer.from('hello')),
    });
    expect(stored['generation']).toMatch(/^\d{16}$/);
    expect(await json(call('GET', object('dir/a b', '?fields=name,size')))).toEqual({ name: 'dir/a b', size: '5' });
    const again = await json(put('dir/a b', 'other'));
    expect(Number(again['generation'])).toBeGreaterThan(Number(stored['generation']));
    expect((await call('GET', object('dir/a b', `?generation=${String(stored['generation'])}`))).status).toBe(404);
  });

  test('a multipart upload carries metadata, and its checksums are compared', async () => {
    const upload = async (resource: Resource): Promise<Response> => {
      const body = `--x\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(resource)}\r\n--x\r\nContent-Type: text/plain\r\n\r\n--x-\r\nbody\r\n--x--`;
      return call('POST', '/upload/storage/v1/b/b/o?uploadType=multipart', {
        body,
        headers: { 'content-type': 'multipart/related; boundary="x"' },
      });
    };
    const content = Buffer.from('body');
    // A line that begins like the delimiter ends the part before it: RFC 2046.
    expect((await upload({ name: 'm' })).status).toBe(400);
    const good = async (resource: Resource): Promise<Response> =>
      call('POST', '/upload/storage/v1/b/b/o?uploadType=multipart', {
        body: `--x\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(resource)}\r\n--x\r\nContent-Type: text/plain\r\n\r\nbody\r\n--x--\r\n`,
        headers: { 'content-type': 'multipart/related; boundary=x' },
      });
    const { crc32c, md5Hash } = checksumsOf(content);
    expect(await json(good({ name: 'm', metadata: { a: '1' }, crc32c, md5Hash }))).toMatchObject({
      metadata: { a: '1' },
      contentType: 'text/plain',
      size: '4',
    });
    for (const wrong of [{ crc32c: 'AAAAAA==' }, { md5Hash: 'AAAAAAAAAAAAAAAAAAAAAA==' }]) {
      const response = await good({ name: 'wrong', ...wrong });
      expect(response.status).toBe(400);
      expect(await json(response)).toMatchObject({ error: { errors: [{ reason: 'invalid' }] } });
    }
    expect((await call('GET', object('wrong'))).status).toBe(404);
  });

  describe('preconditions', () => {
    test('of eight that create at once one succeeds', async () => {
      const all = await Promise.all(
        Array.from({ length: 8 }, async (_, index) => put('race', String(index), '&ifGenerationMatch=0')),
      );
      expect(
        all
          .map((each) => (each.status === 412 ? 'lost' : each.status))
          .toSorted((a, b) => String(a).localeCompare(String(b))),
      ).toEqual([200, ...Array.from({ length: 7 }, () => 'lost')]);
      const loser = all.find((each) => each.status === 412);
      expect(await loser?.json()).toMatchObject({ error: { errors: [{ reason: 'conditionNotMet' }] } });
    });

    test('hold for reading, changing and removing', async () => {
      const generation = String((await json(put('pre', 'x')))['generation']);
      expect((await call('GET', object('pre', '?ifGenerationMatch=1&alt=media'))).status).toBe(412);
      expect((await call('GET', object('pre', `?ifGenerationMatch=${generation}&alt=media`))).status).toBe(200);
      expect((await call('GET', object('pre', `?ifGenerationNotMatch=${generation}`))).status).toBe(304);
      expect((await call('GET', object('pre', '?ifMetagenerationMatch=2'))).status).toBe(412);
      const patch = { body: JSON.stringify({ metadata: { a: 'b' } }), headers: { 'content-type': 'application/json' } };
      expect(await json(call('PATCH', object('pre', '?ifMetagenerationMatch=1'), patch))).toMatchObject({
        metageneration: '2',
        generation,
      });
      expect((await call('PATCH', object('pre', '?ifMetagenerationMatch=1'), patch)).status).toBe(412);
      expect((await call('DELETE', object('pre', '?ifGenerationMatch=1'))).status).toBe(412);
      expect((await call('DELETE', object('pre', `?ifGenerationMatch=${generation}`))).status).toBe(204);
      expect((await call('DELETE', object('pre'))).status).toBe(404);
      expect((await call('GET', object('pre', '?ifGenerationMatch=x'))).status).toBe(404);
      expect((await put('pre', 'x', '&ifGenerationMatch=x')).status).toBe(400);
    });

    test('about what must not match answer 304, also to a write, and fail where nothing is', async () => {
      const generation = String((await json(put('not', 'x')))['generation']);
      const unwanted = `ifGenerationNotMatch=${generation}`;
      const patch = { body: JSON.stringify({ metadata: { a: 'b' } }) };
      for (const refused of [
        await put('not', 'y', `&${unwanted}`),
        await call('PATCH', object('not', `?${unwanted}`), patch),
        await call('PATCH', object('not', '?ifMetagenerationNotMatch=1'), patch),
        await call('DELETE', object('not', `?${unwanted}`)),
        await call('POST', `${object('not')}/copyTo/b/b/o/not2?ifSourceGenerationNotMatch=${generation}`),
        await put('nothing-here', 'x', '&ifGenerationNotMatch=0'),
        await put('nothing-here', 'x', '&ifGenerationNotMatch=7'),
      ]) {
        expect(refused.status).toBe(304);
        expect(await refused.text()).toBe('');
      }
      expect(await (await call('GET', object('not', '?alt=media&ifGenerationNotMatch=7'))).text()).toBe('x');
      expect((await put('not', 'z', '&ifGenerationNotMatch=0')).status).toBe(200);
      expect((await call('GET', object('nothing-here'))).status).toBe(404);
    });
  });

  test('PATCH merges metadata and takes what is null away; PUT replaces all that can be set', async () => {
    await put('meta', 'x');
    const change = async (method: 'PATCH' | 'PUT', resource: Resource): Promise<Resource> =>
      json(call(method, object('meta'), { body: JSON.stringify(resource) }));
    await change('PATCH', { metadata: { a: '1', b: '2' }, cacheControl: 'no-store', contentLanguage: 'en' });
    expect(await change('PATCH', { metadata: { a: null, c: '3' } })).toMatchObject({
      metadata: { b: '2', c: '3' },
      cacheControl: 'no-store',
      metageneration: '3',
    });
    const media = await call('GET', object('meta', '?alt=media'));
    expect([media.headers.get('cache-control'), media.headers.get('content-language')]).toEqual(['no-store', 'en']);
    expect((await json(change('PATCH', {}).then(() => call('GET', object('meta')))))['metadata']).toEqual({
      b: '2',
      c: '3',
    });
    expect((await change('PATCH', { metadata: null }))['metadata']).toBeUndefined();
    await change('PATCH', { metadata: { d: '4' } });
    const replaced = await change('PUT', { contentType: 'text/x', contentDisposition: 'attachment' });
    expect(replaced).toMatchObject({ contentType: 'text/x', contentDisposition: 'attachment', size: '1' });
    for (const field of ['metadata', 'cacheControl', 'contentLanguage']) expect(replaced[field]).toBeUndefined();
    const after = await call('GET', object('meta', '?alt=media'));
    expect(after.headers.get('content-disposition')).toBe('attachment');
    expect(after.headers.get('etag')).toBe(replaced['etag']);
    expect((await call('GET', object('meta', '?alt=xml'))).status).toBe(400);
  });

  test('what an upload says twice must agree', async () => {
    const post = async (type: string): Promise<Response> =>
      call('POST', '/upload/storage/v1/b/b/o?uploadType=multipart', {
        headers: { 'content-type': 'multipart/related; boundary=x' },
        body: [
          '--x',
          'content-type: application/json',
          '',
          '{"name":"twice","contentType":"text/plain"}',
          '--x',
          `content-type: ${type}`,
          '',
          'body',
          '--x--',
        ].join('\r\n'),
      });
    expect((await post('image/png')).status).toBe(400);
    expect((await call('GET', object('twice'))).status).toBe(404);
    expect((await post('text/plain')).status).toBe(200);
    const begin = async (name: string): Promise<Response> =>
      call('POST', '/upload/storage/v1/b/b/o?uploadType=resumable&name=one', { body: JSON.stringify({ name }) });
    expect((await begin('other')).status).toBe(400);
    expect((await begin('one')).status).toBe(200);
  });

  test('ranges', async () => {
    await put('r', '0123456789');
    const read = async (range: string): Promise<readonly unknown[]> => {
      const response = await call('GET', object('r', '?alt=media'), { headers: { range } });
      return [response.status, await response.text(), response.headers.get('content-range')];
    };
    expect(await read('bytes=2-4')).toEqual([206, '234', 'bytes 2-4/10']);
    expect(await read('bytes=8-99')).toEqual([206, '89', 'bytes 8-9/10']);
    expect(await read('bytes=-3')).toEqual([206, '789', 'bytes 7-9/10']);
    expect(await read('bytes=7-')).toEqual([206, '789', 'bytes 7-9/10']);
    expect(await read('lines=1-2')).toEqual([200, '0123456789', null]);
    expect((await read('bytes=10-'))[0]).toBe(416);
    await put('empty', '');
    expect((await call('GET', object('empty', '?alt=media'), { headers: { range: 'bytes=0-0' } })).status).toBe(416);
    const whole = await call('GET', `/download${object('r', '?alt=media')}`);
    expect(whole.headers.get('x-goog-hash')).toContain(`crc32c=${checksumsOf(Buffer.from('0123456789')).crc32c}`);
    expect(whole.headers.get('x-goog-stored-content-length')).toBe('10');
  });

  test('what is stored as gzip is unpacked for who does not take it so', async () => {
    await put('z', gzipSync('text'), '&contentEncoding=gzip');
    const plain = await call('GET', object('z', '?alt=media'), { headers: { 'accept-encoding': 'identity' } });
    expect([plain.headers.get('content-encoding'), await plain.text()]).toEqual([null, 'text']);
    const packed = await call('GET', object('z', '?alt=media'), { headers: { 'accept-encoding': 'gzip' } });
    expect([packed.headers.get('content-encoding'), await packed.text()]).toEqual(['gzip', 'text']);
  });

  describe('resumable uploads', () => {
    const content = Buffer.alloc(3 * GRANULE + 100, 'abc');

    test('go chunk by chunk, are invisible until the size is told, and answer how far they are', async () => {
      const address = await begin('u1');
      const asked = await chunk(address, 'bytes */*');
      expect([asked.status, asked.headers.get('range')]).toEqual([308, null]);
      const first = await chunk(address, `bytes 0-${GRANULE - 1}/*`, content.subarray(0, GRANULE));
      expect([first.status, first.headers.get('range')]).toEqual([308, `bytes=0-${GRANULE - 1}`]);
      expect((await call('GET', object('u1'))).status).toBe(404);
      // Sent again, and more: what was there is skipped.
      const second = await chunk(address, `bytes 0-${2 * GRANULE - 1}/*`, content.subarray(0, 2 * GRANULE));
      expect(second.headers.get('range')).toBe(`bytes=0-${2 * GRANULE - 1}`);
      const last = await chunk(
        address,
        `bytes ${2 * GRANULE}-${content.length - 1}/${content.length}`,
        content.subarray(2 * GRANULE),
      );
      expect(last.status).toBe(200);
      expect(await last.json()).toMatchObject({ name: 'u1', size: String(content.length), ...checksumsOf(content) });
      const after = await chunk(address, 'bytes */*');
      expect([after.status, await json(after)]).toMatchObject([200, { name: 'u1' }]);
    });

    test('keep whole granules only of a chunk that is not the last', async () => {
      const address = await begin('u2');
      const part = await chunk(address, `bytes 0-${GRANULE + 9}/*`, content.subarray(0, GRANULE + 10));
      expect(part.headers.get('range')).toBe(`bytes=0-${GRANULE - 1}`);
      expect((await chunk(address, `bytes ${2 * GRANULE}-${2 * GRANULE + 4}/*`, '12345')).status).toBe(400);
      expect((await chunk(address, 'bytes 0-9/*', '12345')).status).toBe(400);
      expect((await chunk(address, 'bites 0-9/*', '12345')).status).toBe(400);
    });

    test('are completed by telling the size alone, also of nothing', async () => {
      const address = await begin('u3');
      await chunk(address, `bytes 0-${GRANULE - 1}/*`, content.subarray(0, GRANULE));
      expect((await chunk(address, `bytes */${2 * GRANULE}`)).status).toBe(308);
      expect(await json(chunk(address, `bytes */${GRANULE}`))).toMatchObject({ size: String(GRANULE) });
      expect(await json(chunk(await begin('u4'), 'bytes */0'))).toMatchObject({ size: '0' });
      expect(await json(chunk(await begin('u5'), undefined, 'all at once'))).toMatchObject({ size: '11' });
      expect(await json(chunk(await begin('u6'), 'bytes 0-*/*', 'all at once'))).toMatchObject({ size: '11' });
    });

    test('obey preconditions at both ends', async () => {
      const address = await begin('u7', '&ifGenerationMatch=0');
      await put('u7', 'faster');
      expect((await chunk(address, undefined, 'slower')).status).toBe(412);
      const late = await call('POST', '/upload/storage/v1/b/b/o?uploadType=resumable&name=u7&ifGenerationMatch=0');
      expect(late.status).toBe(412);
      expect(await (await call('GET', object('u7', '?alt=media'))).text()).toBe('faster');
    });

    test('compare the checksum that comes with the end', async () => {
      const address = await begin('u8');
      expect((await chunk(address, undefined, 'body', { 'x-goog-hash': 'crc32c=AAAAAA==' })).status).toBe(400);
      expect((await call('GET', object('u8'))).status).toBe(404);
      const { crc32c } = checksumsOf(Buffer.from('body'));
      expect((await chunk(await begin('u8', '', { crc32c }), undefined, 'body')).status).toBe(200);
    });

    test('can be cancelled, and end after a week', async () => {
      const address = await begin('u9');
      expect((await fetch(address, { method: 'DELETE' })).status).toBe(499);
      expect((await chunk(address, 'bytes */*')).status).toBe(499);
      const old = await begin('u9');
      const before = now;
      now += 8 * 24 * 3600_000;
      expect((await chunk(old, 'bytes */*')).status).toBe(410);
      now = before;
      expect((await chunk(`${address}x`, 'bytes */*')).status).toBe(404);
    });

    test('keep what came before the connection broke', async () => {
      const address = await begin('u10');
      server.faults.next({ kind: 'cut-request', after: GRANULE + 1 }, 'PUT', /upload_id/);
      await expect(chunk(address, `bytes 0-${3 * GRANULE - 1}/*`, content.subarray(0, 3 * GRANULE))).rejects.toThrow();
      await expect.poll(async () => (await chunk(address, 'bytes */*')).headers.get('range')).toBe('bytes=0-262143');
    });
  });

  describe('listing', () => {
    const names = ['l/a', 'l/b/1', 'l/b/2', 'l/c', 'l/d/1', 'l/é', 'l0'];
    const list = async (query: string): Promise<Resource> => json(call('GET', `/storage/v1/b/b/o?${query}`));
    const all = async (query: string): Promise<readonly [readonly string[], readonly string[]]> => {
      const items: string[] = [];
      const prefixes: string[] = [];
      for (let pageToken = ''; ; ) {
        const page = await list(`${query}&pageToken=${encodeURIComponent(pageToken)}`);
        items.push(...((page['items'] ?? []) as { name: string }[]).map((each) => each.name));
        prefixes.push(...((page['prefixes'] ?? []) as string[]));
        if (page['nextPageToken'] === undefined) return [items, prefixes];
        pageToken = page['nextPageToken'] as string;
      }
    };
    beforeAll(async () => {
      for (const name of names) await put(name, 'x');
    });

    test('comes in pages, sorted by bytes', async () => {
      expect((await all('prefix=l/'))[0]).toEqual(names.slice(0, 6));
      for (const size of [1, 2, 3]) expect((await all(`prefix=l/&maxResults=${size}`))[0]).toEqual(names.slice(0, 6));
      expect(await list('prefix=l/&maxResults=2&fields=nextPageToken,items/name')).toEqual({
        nextPageToken: expect.any(String),
        items: [{ name: 'l/a' }, { name: 'l/b/1' }],
      });
      expect(await list('prefix=nothing')).toEqual({ kind: 'storage#objects' });
    });

    test('folds at a delimiter, on all pages', async () => {
      for (const size of [1, 2, 10]) {
        expect(await all(`prefix=l/&delimiter=/&maxResults=${size}`)).toEqual([
          ['l/a', 'l/c', 'l/é'],
          ['l/b/', 'l/d/'],
        ]);
      }
    });

    test('begins and ends where it is told', async () => {
      expect((await all('prefix=l/&startOffset=l/b/2&endOffset=l/d/1'))[0]).toEqual(['l/b/2', 'l/c']);
      expect((await all('prefix=l/&startOffset=a'))[0]).toEqual(names.slice(0, 6));
      expect((await call('GET', '/storage/v1/b/b/o?pageToken=%21')).status).toBe(400);
    });
  });

  describe('holds and retention', () => {
    const change = async (bucket: string, name: string, resource: Resource): Promise<Response> =>
      call('PATCH', `/storage/v1/b/${bucket}/o/${name}`, {
        body: JSON.stringify(resource),
        headers: { 'content-type': 'application/json' },
      });
    const write = async (bucket: string, name: string): Promise<Response> =>
      call('POST', `/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${name}`, { body: 'x' });

    test.each(['temporaryHold', 'eventBasedHold'])('%s forbids replacing and removing', async (hold) => {
      await put('held', 'x');
      await change('b', 'held', { [hold]: true });
      for (const response of [await call('DELETE', object('held')), await put('held', 'y')]) {
        expect(response.status).toBe(403);
        expect(await json(response)).toMatchObject({ error: { errors: [{ reason: 'objectUnderActiveHold' }] } });
      }
      await change('b', 'held', { [hold]: false });
      expect((await call('DELETE', object('held'))).status).toBe(204);
    });

    test('a retention policy forbids both until it ends', async () => {
      server.makeBucket('kept', { retentionPeriod: 60 });
      const stored = await json(write('kept', 'x'));
      expect(stored['retentionExpirationTime']).toBe(
        new Date(Date.parse(String(stored['timeCreated'])) + 60_000).toISOString(),
      );
      expect(await json(call('DELETE', '/storage/v1/b/kept/o/x'))).toMatchObject({
        error: { code: 403, errors: [{ reason: 'retentionPolicyNotMet' }] },
      });
      expect((await write('kept', 'x')).status).toBe(403);
      now += 61_000;
      expect((await call('DELETE', '/storage/v1/b/kept/o/x')).status).toBe(204);
    });

    test('an object may have a retention of its own where the bucket allows it', async () => {
      const retention = { mode: 'Locked', retainUntilTime: new Date(now + 60_000).toISOString() };
      await put('own', 'x');
      expect((await change('b', 'own', { retention })).status).toBe(400);
      server.makeBucket('lockable', { objectRetention: true });
      await write('lockable', 'x');
      expect(await json(change('lockable', 'x', { retention }))).toMatchObject({ retention });
      expect((await call('DELETE', '/storage/v1/b/lockable/o/x')).status).toBe(403);
    });

    test('a locked retention becomes only longer, an unlocked one shorter when that is asked for', async () => {
      server.makeBucket('bound', { objectRetention: true });
      await write('bound', 'x');
      const until = (seconds: number): string => new Date(now + seconds * 1000).toISOString();
      const set = async (mode: string, seconds: number, query = ''): Promise<number> => {
        const retention = { mode, retainUntilTime: until(seconds) };
        return (await change('bound', `x${query}`, { retention })).status;
      };
      const override = '?overrideUnlockedRetention=true';
      expect(await set('Unlocked', 100)).toBe(200);
      expect(await set('Unlocked', 50)).toBe(403);
      expect(await set('Unlocked', 50, override)).toBe(200);
      expect((await change('bound', 'x', { retention: null })).status).toBe(403);
      expect(await set('Locked', 60)).toBe(200);
      expect(await set('Locked', 50, override)).toBe(403);
      expect(await set('Unlocked', 90, override)).toBe(403);
      expect((await change('bound', `x${override}`, { retention: null })).status).toBe(403);
      expect((await change('bound', 'x', { metadata: { a: 'b' } })).status).toBe(200);
      expect(await set('Locked', 90)).toBe(200);
    });

    test('the retention of a bucket begins when an event-based hold ends', async () => {
      server.makeBucket('events', { retentionPeriod: 60, defaultEventBasedHold: true });
      expect((await json(write('events', 'x')))['retentionExpirationTime']).toBeUndefined();
      now += 1_000_000;
      const released = await json(change('events', 'x', { eventBasedHold: false }));
      expect(released['retentionExpirationTime']).toBe(new Date(now + 60_000).toISOString());
      expect((await call('DELETE', '/storage/v1/b/events/o/x')).status).toBe(403);
      now += 61_000;
      expect((await call('DELETE', '/storage/v1/b/events/o/x')).status).toBe(204);
    });

    test('versions are kept', async () => {
      server.makeBucket('versions', { versioning: true });
      const first = String((await json(write('versions', 'x')))['generation']);
      await write('versions', 'x');
      await call('DELETE', '/storage/v1/b/versions/o/x');
      expect((await call('GET', '/storage/v1/b/versions/o/x')).status).toBe(404);
      expect(await json(call('GET', '/storage/v1/b/versions/o'))).toEqual({ kind: 'storage#objects' });
      const page = await json(call('GET', '/storage/v1/b/versions/o?versions=true'));
      expect((page['items'] as Resource[]).map((each) => each['timeDeleted'] !== undefined)).toEqual([true, true]);
      expect((await call('GET', `/storage/v1/b/versions/o/x?generation=${first}&alt=media`)).status).toBe(200);
      expect((await call('DELETE', `/storage/v1/b/versions/o/x?generation=${first}`)).status).toBe(204);
      expect((await call('GET', `/storage/v1/b/versions/o/x?generation=${first}`)).status).toBe(404);
    });
  });

  test('compose, rewrite and copy', async () => {
    const { generation } = await json(put('c1', 'one'));
    await put('c2', 'two');
    const body = JSON.stringify({
      sourceObjects: [{ name: 'c1', generation }, { name: 'c2' }],
      destination: { contentType: 'text/x' },
    });
    const composed = await json(call('POST', object('c3', '').concat('/compose'), { body }));
    expect(composed).toMatchObject({
      size: '6',
      componentCount: 2,
      contentType: 'text/x',
      crc32c: checksumsOf(Buffer.from('onetwo')).crc32c,
    });
    expect(composed['md5Hash']).toBeUndefined();
    expect(await json(call('POST', `${object('c3')}/rewriteTo/b/b/o/c4`))).toMatchObject({
      done: true,
      objectSize: '6',
      resource: { name: 'c4' },
    });
    expect(await json(call('POST', `${object('c4')}/copyTo/b/b/o/c5?ifGenerationMatch=0`))).toMatchObject({
      name: 'c5',
    });
    expect((await call('POST', `${object('c4')}/copyTo/b/b/o/c5?ifGenerationMatch=0`)).status).toBe(412);
    expect((await call('POST', `${object('none')}/copyTo/b/b/o/c6`)).status).toBe(404);
    expect(await (await call('GET', object('c5', '?alt=media'))).text()).toBe('onetwo');
  });

  test('faults come when they are asked for, and once', async () => {
    await put('f', 'x'.repeat(1000));
    server.faults.next({ kind: 'status', status: 429, retryAfter: '7' }, 'GET', /\/o\/f/);
    const refused = await call('GET', object('f'));
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '7']);
    server.faults.next({ kind: 'cut-answer', after: 10 }, 'GET', /\/o\/f/);
    await expect(call('GET', object('f', '?alt=media')).then(async (each) => each.text())).rejects.toThrow();
    server.faults.next({ kind: 'lose-answer' }, 'POST', /name=lost/);
    await expect(put('lost', 'x')).rejects.toThrow();
    expect((await call('GET', object('lost'))).status).toBe(200);
    expect((await call('GET', object('f', '?alt=media'))).status).toBe(200);
  });
});
