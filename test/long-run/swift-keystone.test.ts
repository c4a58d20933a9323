import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { bytesOf as sizeOf } from '../../src/domain/bytes.ts';
import type { DesiredSwift } from '../../src/domain/desired-storage.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { prefixedStore } from '../../src/storage/prefixed-store.ts';
import { remoteStore } from '../../src/storage/remote/remote-store.ts';
import { createTransferLimits } from '../../src/storage/remote/transfer-limits.ts';
import { openSwiftDriver } from '../../src/storage/swift/swift-driver.ts';
import { isKeystoneInstalled, type KeystoneServer, startKeystone } from '../../support/servers/keystone/keystone.ts';
import { type SwiftServer, startSwift, swiftInstalled } from '../../support/servers/swift.ts';
import { bodyOf, bytesOf, NEVER, pattern } from '../conformance/bodies.ts';
import { objectStoreConformance } from '../conformance/object-store.ts';
import { declaredSwift, swiftContext } from '../conformance/swift-declared.ts';

const MIB = 1024 ** 2;
const options = { signal: NEVER };
const PASSWORD = 'a pass/word: with "signs" and ümlauts';
// Long enough for a request on a machine under load, short enough to wait for.
const TOKEN_SECONDS = 60;

const installed = isKeystoneInstalled() && swiftInstalled();
const where = installed ? '' : ': Keystone or the servers of Swift are not installed';

describe.skipIf(!installed)(`OpenStack Swift with Keystone${where}`, () => {
  let keystone: KeystoneServer;
  let swift: SwiftServer;
  let ids: { readonly user: string; readonly project: string; readonly people: string };
  const open: ObjectStore[] = [];

  beforeAll(async () => {
    keystone = await startKeystone();
    const { admin, authUrl, adminPassword } = keystone;
    // User and project in different domains, neither of them the default one.
    const people = await admin.domain('people');
    const project = await admin.project('backups', await admin.domain('work'));
    const user = await admin.user({ name: 'hoard', password: PASSWORD, domain: people, project });
    ids = { user, project, people };
    const token = (): Promise<string> => admin.tokenOf(user, PASSWORD, project);
    swift = await startSwift({ keystone: { authUrl, adminPassword, project, token } });
    const service = await admin.service('object-store');
    for (const [region, name, url] of [
      ['west', 'public', `${swift.origin}/v1/WEST_%(project_id)s`],
      ['east', 'public', `${swift.origin}/v1/AUTH_%(project_id)s`],
      ['east', 'internal', `${swift.origin}/v1/AUTH_%(project_id)s/`],
    ] as const) {
      if (name === 'public') await admin.region(region);
      await admin.endpoint({ service, region, interface: name, url });
    }
    await swift.makeContainer('box');
  }, 900_000);
  afterEach(async () => {
    for (const store of open.splice(0)) await store.close();
  });
  afterAll(async () => {
    await swift?.[Symbol.asyncDispose]();
    await keystone?.[Symbol.asyncDispose]();
  });

  const declared = (change: Partial<Omit<DesiredSwift, 'type'>> = {}, container = 'box'): DesiredSwift =>
    declaredSwift(keystone.authUrl, container, {
      authVersion: 3,
      credentials: { user: 'hoard', userId: undefined, key: { kind: 'env', name: 'SWIFT_KEY' } },
      userDomainName: 'people',
      project: { name: 'backups', id: undefined, domainName: 'work', domainId: undefined },
      region: 'east',
      ...change,
    });
  const opened = async (storage: DesiredSwift, password = PASSWORD): Promise<ObjectStore> => {
    const context = swiftContext(password);
    const driver = await openSwiftDriver(storage, context);
    const limits = createTransferLimits(undefined, context.clock);
    return remoteStore(driver, { ...context, limits, uploadRetries: 3 });
  };
  const storeOf = async (change: Parameters<typeof declared>[0] = {}, password = PASSWORD): Promise<ObjectStore> => {
    const store = await opened(declared(change), password);
    open.push(store);
    return store;
  };
  const byId = () => ({
    credentials: { user: undefined, userId: ids.user, key: { kind: 'env', name: 'SWIFT_KEY' } } as const,
    userDomainName: undefined,
    project: { name: undefined, id: ids.project, domainName: undefined, domainId: undefined },
  });
  const keysOf = async (store: ObjectStore): Promise<string[]> => {
    const keys: string[] = [];
    for await (const page of store.list('', options)) keys.push(...page.map(({ key }) => key));
    return keys;
  };

  objectStoreConformance('a prefix of a container', async () => {
    const container = `suite-${randomBytes(4).toString('hex')}`;
    await swift.makeContainer(container);
    return {
      store: prefixedStore(await opened(declared({}, container)), 'some/prefix'),
      // All of it goes with the server.
      remove: async () => undefined,
    };
  });

  test.each([
    ['names of user, project and their domains', () => ({})],
    ['ids of user and project', byId],
    ["the id of the user's domain", () => ({ userDomainName: undefined, userDomainId: ids.people })],
    ['an authUrl without its version', () => ({ authUrl: keystone.authUrl.replace(/\/v3$/, '/') })],
    ['an endpoint of another interface', () => ({ endpointType: 'internal' }) as const],
  ])('a login by %s stores, reads, lists and removes small and large objects', async (_, change) => {
    const store = await storeOf({ ...change(), segmentSize: sizeOf(MIB) });
    const large = pattern(3 * MIB + 17);
    await store.put('small', bodyOf('small'), { ...options, size: 5 });
    await store.put('large', bodyOf(large), options);
    expect((await bytesOf(await store.get('small', options))).toString()).toBe('small');
    expect((await bytesOf(await store.get('large', options))).equals(Buffer.from(large))).toBe(true);
    const range = { offset: MIB - 3, length: 6 };
    const part = await bytesOf(await store.get('large', { ...options, range }));
    expect(part.equals(Buffer.from(large.subarray(MIB - 3, MIB + 3)))).toBe(true);
    expect(await keysOf(store)).toEqual(['large', 'small']);
    expect(await store.deleteMany(['small', 'large'], options)).toMatchObject([
      { kind: 'removed' },
      { kind: 'removed' },
    ]);
    expect(await keysOf(store)).toEqual([]);
    expect(await (await swift.request('GET', '/box_segments')).text()).toBe('');
  });

  test.each([
    ['a wrong password', () => ({}), 'wrong'],
    ['a domain in which there is no such user', () => ({ userDomainName: 'work' }), PASSWORD],
    [
      'a project that is not there',
      () => ({ project: { name: 'others', id: undefined, domainName: 'work', domainId: undefined } }),
      PASSWORD,
    ],
  ])('%s is refused for good, with the reference of the secret', async (_, change, password) => {
    const store = await storeOf(change(), password);
    await expect(store.head('a', options)).rejects.toMatchObject({
      code: 'store.denied',
      message: expect.stringMatching(/refused user hoard with the key of environment variable SWIFT_KEY$/),
    });
  });

  test('regions of the catalogue are stores of their own', async () => {
    const [east, west] = [await storeOf({ region: 'east' }), await storeOf({ region: 'west' })];
    await east.put('here', bodyOf('east'), options);
    await expect(west.head('here', options)).rejects.toMatchObject({ code: 'store.absent' });
    await expect(keysOf(west)).rejects.toMatchObject({ code: 'store.absent' });
    const token = await keystone.admin.tokenOf(ids.user, PASSWORD, ids.project);
    const url = `${swift.origin}/v1/WEST_${ids.project}/box`;
    await (await fetch(url, { method: 'PUT', headers: { 'X-Auth-Token': token } })).arrayBuffer();
    await west.put('there', bodyOf('west'), options);
    expect([await keysOf(east), await keysOf(west)]).toEqual([['here'], ['there']]);
    // Without one it is the first of the catalogue, whose order is the server's.
    expect([['here'], ['there']]).toContainEqual(await keysOf(await storeOf({ region: undefined })));
    await east.deleteMany(['here'], options);
  });

  test.each([
    ['a region', { region: 'north' }, /^(?=.*internal in east)(?=.*public in east)(?=.*public in west)/],
    ['a type', { serviceType: 'archive-store' }, /object-store/],
    ['an endpoint of the interface', { region: 'west', endpointType: 'internal' as const }, /internal in east/],
    ['a catalogue without a project', { project: undefined }, /name the project/],
  ])('%s that the catalogue has not is named with what it has', async (_, change, hint) => {
    const store = await storeOf(change);
    await expect(store.head('a', options)).rejects.toMatchObject({
      code: 'store.absent',
      hint: expect.stringMatching(hint),
    });
  });

  test('the API of version 2, which this Keystone has no more, is named as absent', async () => {
    const authUrl = keystone.authUrl.replace(/\/v3$/, '');
    const store = await storeOf({ authUrl, authVersion: 2, tenant: { name: 'backups', id: undefined } });
    await expect(store.head('a', options)).rejects.toMatchObject({
      code: 'store.absent',
      message: expect.stringContaining('no authentication of version 2'),
    });
  });

  test('a token that has expired is replaced by a new login, in whatever is under way', async () => {
    await keystone.setTokenLife(TOKEN_SECONDS);
    const store = await storeOf({ segmentSize: sizeOf(MIB) });
    await store.put('before', bodyOf('before'), options);
    // One that is not renewed shows that an old token is refused at all.
    const old = await keystone.admin.tokenOf(ids.user, PASSWORD, ids.project);
    const look = async (): Promise<number> => {
      const url = `${swift.origin}/v1/AUTH_${ids.project}/box`;
      const response = await fetch(url, { headers: { 'X-Auth-Token': old } });
      await response.arrayBuffer();
      return response.status;
    };
    expect(await look()).toBe(200);
    const parts = Array.from({ length: 6 }, (_, index) => pattern(MIB, index + 1));
    async function* slow(): AsyncGenerator<Uint8Array> {
      for (const [index, part] of parts.entries()) {
        if (index === 3) await sleep((TOKEN_SECONDS + 2) * 1000);
        yield part;
      }
    }
    await store.put('over', slow(), options);
    expect(await look()).toBe(401);
    expect((await bytesOf(await store.get('over', options))).equals(Buffer.concat(parts))).toBe(true);
    expect((await bytesOf(await store.get('before', options))).toString()).toBe('before');
    expect(await keysOf(store)).toEqual(['before', 'over']);
    await store.deleteMany(['before', 'over'], options);
  }, 300_000);
});
