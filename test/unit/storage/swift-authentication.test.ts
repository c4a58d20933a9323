import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DesiredSwift } from '../../../src/domain/desired-storage.ts';
import type { StoreDriver } from '../../../src/storage/remote/driver.ts';
import { openSwiftDriver } from '../../../src/storage/swift/swift-driver.ts';
import { declaredSwift, swiftContext } from '../../conformance/swift-declared.ts';

/** What Keystone was asked, and what it is to answer; forms as in docs.openstack.org/api-ref/identity. */
interface Asked {
  readonly path: string;
  readonly body: unknown;
}

const options = { signal: new AbortController().signal };
const USER = { user: 'alice', userId: undefined, key: { kind: 'env', name: 'SWIFT_KEY' } } as const;

let server: Server;
let origin = '';
let asked: Asked[] = [];
let answer: (path: string, response: ServerResponse) => void;
let accepts: (token: string | undefined) => boolean;
let used: string[] = [];
const open: StoreDriver[] = [];

beforeEach(async () => {
  asked = [];
  used = [];
  answer = keystone;
  accepts = (token) => token?.startsWith('token-') === true;
  server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  origin = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
});

afterEach(async () => {
  for (const driver of open.splice(0)) await driver.close();
  server.closeAllConnections();
  await new Promise((resolve) => {
    server.close(resolve);
  });
});

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = request.url ?? '';
  if (url.startsWith('/store/')) {
    used.push(url);
    const token = request.headers['x-auth-token'];
    const known = accepts(typeof token === 'string' ? token : undefined);
    const headers = { 'X-Timestamp': '1795501554.23054', ETag: 'e', 'Content-Length': known ? '7' : '0' };
    response.writeHead(known ? 200 : 401, headers).end();
    return;
  }
  const pieces: Uint8Array[] = [];
  for await (const piece of request) if (piece instanceof Uint8Array) pieces.push(piece);
  asked.push({ path: url, body: JSON.parse(Buffer.concat(pieces).toString()) });
  answer(url, response);
}

function keystone(path: string, response: ServerResponse): void {
  const json = { 'Content-Type': 'application/json' };
  const token = `token-${asked.length}`;
  if (path.endsWith('/v3/auth/tokens'))
    response
      .writeHead(201, { ...json, 'X-Subject-Token': token })
      .end(JSON.stringify({ token: { catalog: CATALOG() } }));
  else if (path.endsWith('/v2.0/tokens'))
    response.writeHead(200, json).end(
      JSON.stringify({
        access: { token: { id: token, expires: '2030-01-01T00:00:00Z' }, serviceCatalog: CATALOG_2() },
      }),
    );
  else response.writeHead(404).end();
}

const endpoint = (name: string, region: string) => ({
  id: `${name}-${region}`,
  interface: name,
  region,
  region_id: region,
  url: `${origin}/store/${region}-${name}/v1/AUTH_a`,
});
const CATALOG = () => [
  { type: 'identity', name: 'keystone', endpoints: [endpoint('public', 'east')] },
  {
    type: 'object-store',
    name: 'swift',
    endpoints: ['east', 'west'].flatMap((region) =>
      ['admin', 'internal', 'public'].map((name) => endpoint(name, region)),
    ),
  },
  { type: 'archive-store', name: 'cold', endpoints: [endpoint('public', 'north')] },
];
const CATALOG_2 = () => [
  {
    type: 'object-store',
    name: 'swift',
    endpoints: ['east', 'west'].map((region) => ({
      region,
      publicURL: `${origin}/store/${region}-public/v1/AUTH_a/`,
      internalURL: `${origin}/store/${region}-internal/v1/AUTH_a/`,
    })),
  },
];

async function driverOf(change: Partial<Omit<DesiredSwift, 'type'>>): Promise<StoreDriver> {
  const declared = declaredSwift(`${origin}/identity/v3`, 'box', { authVersion: 3, credentials: USER, ...change });
  const driver = await openSwiftDriver(declared, swiftContext('secret'));
  open.push(driver);
  return driver;
}

const look = async (change: Partial<Omit<DesiredSwift, 'type'>>): Promise<void> => {
  const driver = await driverOf(change);
  expect(await driver.head('some/key', options)).toEqual({ key: 'some/key', size: 7, storedAt: 1_795_501_554_230 });
};

describe('Keystone, version 3', () => {
  const password = (user: object) => ({ methods: ['password'], password: { user: { ...user, password: 'secret' } } });
  const none = { domainName: undefined, domainId: undefined };
  test.each([
    [
      'names in the default domain',
      { project: { name: 'backups', id: undefined, ...none } },
      {
        identity: password({ name: 'alice', domain: { id: 'default' } }),
        scope: { project: { name: 'backups', domain: { id: 'default' } } },
      },
    ],
    [
      'names in named domains',
      {
        userDomainName: 'people',
        project: { name: 'backups', id: undefined, domainName: 'work', domainId: undefined },
      },
      {
        identity: password({ name: 'alice', domain: { name: 'people' } }),
        scope: { project: { name: 'backups', domain: { name: 'work' } } },
      },
    ],
    [
      "a project in the user's domain",
      { userDomainId: 'd1', project: { name: 'backups', id: undefined, ...none } },
      {
        identity: password({ name: 'alice', domain: { id: 'd1' } }),
        scope: { project: { name: 'backups', domain: { id: 'd1' } } },
      },
    ],
    [
      'ids',
      {
        credentials: { ...USER, user: undefined, userId: 'u1' },
        project: { name: undefined, id: 'p1', ...none },
      },
      { identity: password({ id: 'u1' }), scope: { project: { id: 'p1' } } },
    ],
    [
      'a tenant, the older word for project',
      { tenant: { name: 'backups', id: undefined } },
      {
        identity: password({ name: 'alice', domain: { id: 'default' } }),
        scope: { project: { name: 'backups', domain: { id: 'default' } } },
      },
    ],
    ["the user's own project", {}, { identity: password({ name: 'alice', domain: { id: 'default' } }) }],
  ])('sends %s', async (_, change, auth) => {
    await look(change);
    expect(asked).toEqual([{ path: '/identity/v3/auth/tokens', body: { auth } }]);
    expect(used).toEqual(['/store/east-public/v1/AUTH_a/box/some/key']);
  });

  test.each([
    ['of a region', { region: 'west' }, 'west-public'],
    ['of an interface', { endpointType: 'internal' }, 'east-internal'],
    ['of both', { region: 'west', endpointType: 'admin' }, 'west-admin'],
    ['of another type', { serviceType: 'archive-store' }, 'north-public'],
  ] as const)('takes the endpoint %s', async (_, change, place) => {
    await look(change);
    expect(used).toEqual([`/store/${place}/v1/AUTH_a/box/some/key`]);
  });

  test.each(['/identity', '/identity/', '/identity/v3', '/identity/v3/'])('is found at %s', async (path) => {
    await look({ authUrl: `${origin}${path}` });
    expect(asked[0]?.path).toBe('/identity/v3/auth/tokens');
  });

  test.each([
    [{ region: 'south' }, 'admin in east, internal in east, public in east, admin in west'],
    [{ serviceType: 'object' }, 'identity, object-store, archive-store'],
  ])('says what the catalogue offers where it has nothing for %o', async (change, offered) => {
    await expect(look(change)).rejects.toMatchObject({
      code: 'store.absent',
      hint: expect.stringContaining(offered),
    });
  });
});

describe('Keystone, version 2', () => {
  test.each([
    ['name', { tenant: { name: 'backups', id: undefined } }, { tenantName: 'backups' }],
    ['id', { tenant: { name: undefined, id: 't1' } }, { tenantId: 't1' }],
  ])('sends the tenant by %s', async (_, change, tenant) => {
    await look({ authVersion: 2, authUrl: `${origin}/v2.0`, ...change });
    const auth = { passwordCredentials: { username: 'alice', password: 'secret' }, ...tenant };
    expect(asked).toEqual([{ path: '/v2.0/tokens', body: { auth } }]);
  });

  test('takes the endpoint of region and type', async () => {
    await look({ authVersion: 2, authUrl: origin, region: 'west', endpointType: 'internal' });
    expect(used).toEqual(['/store/west-internal/v1/AUTH_a/box/some/key']);
  });
});

describe('authentication', () => {
  const reply = (status: number, body = ''): void => {
    answer = (_, response) => void response.writeHead(status).end(body);
  };
  test.each([
    [401, '', { code: 'store.denied', message: expect.stringMatching(/alice.*environment variable SWIFT_KEY/) }],
    [403, '', { code: 'store.denied', message: expect.stringMatching(/alice.*environment variable SWIFT_KEY/) }],
    [404, '', { code: 'store.absent', hint: expect.stringContaining('authVersion') }],
    [500, '', { code: 'store.unavailable' }],
    [503, '', { code: 'store.throttled' }],
    [201, 'no JSON at all', { code: 'store.unavailable', hint: expect.stringContaining('authVersion') }],
    [201, '{"token":{"catalog":[]}}', { code: 'store.absent', hint: expect.stringContaining('name the project') }],
  ])('that answers %i %s', async (status, body, failure) => {
    reply(status, body);
    const driver = await driverOf({});
    await expect(driver.head('a', options)).rejects.toMatchObject(failure);
    expect(used).toEqual([]);
  });

  test('happens once for many requests, and again once where the token is refused', async () => {
    const driver = await driverOf({});
    await Promise.all(Array.from({ length: 10 }, () => driver.head('a', options)));
    expect(asked).toHaveLength(1);
    accepts = (token) => token === 'token-2';
    await Promise.all(Array.from({ length: 10 }, () => driver.head('a', options)));
    expect(asked).toHaveLength(2);
  });

  test('gives up where not even a new token is accepted', async () => {
    accepts = () => false;
    const driver = await driverOf({});
    await expect(driver.head('a', options)).rejects.toMatchObject({ code: 'store.denied' });
    expect(asked).toHaveLength(2);
    expect(used).toHaveLength(2);
  });

  test('goes on for the others when one that waits for it is aborted', async () => {
    const { promise: reached, resolve: reach } = Promise.withResolvers<ServerResponse>();
    answer = (_, response) => reach(response);
    const driver = await driverOf({});
    const abort = new AbortController();
    const aborted = driver.head('a', { signal: abort.signal });
    const other = driver.head('a', options);
    const response = await reached;
    abort.abort(new Error('told to stop'));
    await expect(aborted).rejects.toThrow('told to stop');
    keystone('/identity/v3/auth/tokens', response);
    expect(await other).toMatchObject({ size: 7 });
    expect(asked).toHaveLength(1);
  });
});
