import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http, { type IncomingMessage, type RequestListener } from 'node:http';
import https from 'node:https';
import type { Server } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { DesiredProxy } from '../../src/domain/desired-storage.ts';
import type { Failure } from '../../src/domain/failure.ts';
import { createSecretResolver } from '../../src/policy/secret-resolver.ts';
import { createHttpAgents, type HttpAgents } from '../../src/storage/http/agents.ts';
import { failureOfNetwork } from '../../src/storage/http/network-failure.ts';
import { createSystemEffects } from '../../src/telemetry/system-effects.ts';
import { type FaultProxy, startFaultProxy } from '../../support/fault-proxy/fault-proxy.ts';
import { type ProxyServer, proxiesInstalled, startMicrosocks, startTinyproxy } from '../../support/servers/proxies.ts';
import { NEVER } from '../conformance/bodies.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-agents-'));
const ca = path.join(folder, 'ca.pem');
const LOGIN = { user: 'keeper', password: 'an-open-sesame' };
const environment: Record<string, string> = { PROXY_PASSWORD: LOGIN.password };
const context = {
  ...createSystemEffects({ environment, reporter: { report: () => undefined }, signal: NEVER }),
  secrets: createSecretResolver(environment),
};
const MEGABYTE = Buffer.alloc(1_000_000, 'm');
const answerAll: RequestListener = (asked, answer) => {
  let length = 0;
  asked.on('data', (bytes: Uint8Array) => {
    length += bytes.length;
  });
  asked.once('end', () => answer.end(asked.method === 'PUT' ? String(length) : MEGABYTE));
};

let plain: http.Server;
let secure: https.Server;
const opened: HttpAgents[] = [];

beforeAll(async () => {
  const key = path.join(folder, 'key.pem');
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const form = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', ...form, '-keyout', key, '-out', ca, ...subject], { stdio: 'ignore' });
  plain = http.createServer(answerAll);
  secure = https.createServer({ key: readFileSync(key), cert: readFileSync(ca) }, answerAll);
  for (const server of [plain, secure]) {
    server.listen(0, 'localhost');
    await once(server, 'listening');
  }
});

afterEach(() => {
  for (const agents of opened.splice(0)) agents.close();
});

afterAll(() => {
  for (const server of [plain, secure]) {
    server.close();
    server.closeAllConnections();
  }
  rmSync(folder, { recursive: true, force: true });
});

const portOf = (server: Server): number => {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
};

type Network = Parameters<typeof createHttpAgents>[0];

async function agentsOf(
  network: Partial<Network>,
  limits: Parameters<typeof createHttpAgents>[2] = {},
): Promise<HttpAgents> {
  const agents = await createHttpAgents({ tls: { verify: true, ca }, proxy: undefined, ...network }, context, limits);
  opened.push(agents);
  return agents;
}

async function ask(agents: HttpAgents, url: string, body?: Uint8Array): Promise<Buffer> {
  const method = body === undefined ? 'GET' : 'PUT';
  const asked = url.startsWith('https:')
    ? https.request(url, { agent: agents.https, method })
    : http.request(url, { agent: agents.http, method });
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  asked.once('response', resolve).on('error', reject);
  asked.end(body);
  return buffer(await promise);
}

/** As a driver reports it. */
async function failure(work: Promise<unknown>): Promise<Failure> {
  try {
    await work;
  } catch (error) {
    return failureOfNetwork(error, { operation: 'write', store: 'the store' });
  }
  throw new Error('it went through');
}

const places = (): readonly string[] => [`http://localhost:${portOf(plain)}/`, `https://localhost:${portOf(secure)}/`];

describe('certificates', () => {
  test('an authority of our own is enough, and the only one', async () => {
    const agents = await agentsOf({});
    for (const place of places()) expect((await ask(agents, place)).equals(MEGABYTE)).toBe(true);
  });

  test('one that is not known is named, with what to do', async () => {
    const agents = await agentsOf({ tls: { verify: true, ca: undefined } });
    expect(await failure(ask(agents, places()[1] ?? ''))).toMatchObject({
      code: 'store.denied',
      hint: expect.stringContaining('tls.ca'),
    });
  });

  test('another name than the one in the certificate', async () => {
    const agents = await agentsOf({});
    await using proxy = await startFaultProxy({ target: { host: 'localhost', port: portOf(secure) } });
    expect(await failure(ask(agents, `https://127.0.0.1:${proxy.port}/`))).toMatchObject({ code: 'store.denied' });
  });

  test('are not looked at where the policy says so', async () => {
    const agents = await agentsOf({ tls: { verify: false, ca: undefined } });
    expect((await ask(agents, places()[1] ?? '')).equals(MEGABYTE)).toBe(true);
  });

  test('an authority file that is none is an error of the policy', async () => {
    await expect(agentsOf({ tls: { verify: true, ca: path.join(folder, 'none') } })).rejects.toMatchObject({
      code: 'policy.invalid',
    });
    await expect(agentsOf({ tls: { verify: true, ca: path.join(folder, 'key.pem') } })).rejects.toMatchObject({
      code: 'policy.invalid',
    });
  });
});

describe('connections that do not move', () => {
  const limits = { silenceMilliseconds: 1500, windowMilliseconds: 1200, bytesPerSecond: 10_000 };
  const through = async (
    protocol: 'http' | 'https',
    act: (agents: HttpAgents, url: string, proxy: FaultProxy) => Promise<void>,
  ) => {
    const target = { host: 'localhost', port: portOf(protocol === 'http' ? plain : secure) };
    await using proxy = await startFaultProxy({ target });
    const agents = await agentsOf({ tls: { verify: false, ca: undefined } }, limits);
    const url = `${protocol}://localhost:${proxy.port}/`;
    await ask(agents, url);
    await act(agents, url, proxy);
  };

  test.each(['http', 'https'] as const)(
    '%s: silence, and a trickle in either direction, are stalls',
    async (protocol) => {
      await through(protocol, async (agents, url, proxy) => {
        proxy.inject({ kind: 'black-hole' });
        expect(await failure(ask(agents, url))).toMatchObject({
          code: 'store.unavailable',
          cause: { code: 'ESTALLED' },
        });
        proxy.inject({ kind: 'rate', direction: 'down', after: 10_000, bytesPerSecond: 1000 });
        await expect(ask(agents, url)).rejects.toThrow();
        proxy.inject({ kind: 'rate', direction: 'up', bytesPerSecond: 1000 });
        // More than the buffers of the two systems on the way.
        const large = Buffer.alloc(32_000_000);
        expect(await failure(ask(agents, url, large))).toMatchObject({ code: 'store.unavailable' });
      });
    },
  );

  test.each(['http', 'https'] as const)('%s: slow but moving is none', async (protocol) => {
    await through(protocol, async (agents, url, proxy) => {
      proxy.inject({ kind: 'rate', direction: 'down', bytesPerSecond: 250_000 });
      expect((await ask(agents, url)).equals(MEGABYTE)).toBe(true);
    });
  });

  test('a reader of ours that takes its time is none', async () => {
    const agents = await agentsOf({}, { ...limits, silenceMilliseconds: 300, windowMilliseconds: 300 });
    const asked = http.get(places()[0] ?? '', { agent: agents.http });
    const message: unknown = (await once(asked, 'response'))[0];
    await context.clock.sleep(1500, NEVER);
    if (!(message instanceof http.IncomingMessage)) throw new Error('no answer');
    expect((await buffer(message)).equals(MEGABYTE)).toBe(true);
  });
});

const where = proxiesInstalled() ? '' : ': tinyproxy and microsocks are not installed';

describe.skipIf(!proxiesInstalled())(`proxies${where}`, () => {
  const running: ProxyServer[] = [];
  let servers: Readonly<Record<DesiredProxy['type'], ProxyServer>>;
  beforeAll(async () => {
    servers = { http: await startTinyproxy(LOGIN), socks5: await startMicrosocks(LOGIN) };
    running.push(servers.http, servers.socks5);
  });
  afterAll(async () => {
    for (const server of running) await server[Symbol.asyncDispose]();
  });
  const proxyOf = (type: DesiredProxy['type'], change: Partial<DesiredProxy> = {}): DesiredProxy => ({
    type,
    host: servers[type].host,
    port: servers[type].port,
    username: LOGIN.user,
    password: { kind: 'env', name: 'PROXY_PASSWORD' },
    ...change,
  });

  describe.each(['http', 'socks5'] as const)('%s', (type) => {
    test('takes us to plain and to TLS servers, both ways', async () => {
      const agents = await agentsOf({ proxy: proxyOf(type) });
      for (const place of places()) {
        for (let round = 0; round < 2; round += 1) {
          expect((await ask(agents, place)).equals(MEGABYTE)).toBe(true);
          expect((await ask(agents, place, MEGABYTE)).toString()).toBe('1000000');
        }
      }
    });

    test('refuses a wrong password, and we say where it came from and not what it is', async () => {
      environment['WRONG'] = 'close-sesame';
      const agents = await agentsOf({ proxy: proxyOf(type, { password: { kind: 'env', name: 'WRONG' } }) });
      for (const place of places()) {
        const refused = await failure(ask(agents, place));
        expect(refused).toMatchObject({
          code: 'store.denied',
          message: expect.stringContaining('environment variable WRONG'),
        });
        expect(`${refused.message} ${refused.hint}`).not.toContain('close-sesame');
      }
    });

    test('wants a login that the policy does not declare', async () => {
      const agents = await agentsOf({ proxy: proxyOf(type, { username: undefined, password: undefined }) });
      expect(await failure(ask(agents, places()[0] ?? ''))).toMatchObject({
        code: 'store.denied',
        hint: expect.stringContaining('spec.storage.proxy'),
      });
    });

    test('a password that was put right is used without opening the store anew', async () => {
      environment['ROTATED'] = 'old';
      const agents = await agentsOf({ proxy: proxyOf(type, { password: { kind: 'env', name: 'ROTATED' } }) });
      expect(await failure(ask(agents, places()[0] ?? ''))).toMatchObject({ code: 'store.denied' });
      environment['ROTATED'] = LOGIN.password;
      expect((await ask(agents, places()[0] ?? '')).equals(MEGABYTE)).toBe(true);
    });

    test('is not there, or does not answer', async () => {
      const agents = await agentsOf({ proxy: proxyOf(type, { port: 1 }) });
      expect(await failure(ask(agents, places()[0] ?? ''))).toMatchObject({
        code: 'store.unavailable',
        message: expect.stringContaining('proxy 127.0.0.1:1'),
      });
    });

    test('checks certificates of the store as without it', async () => {
      const agents = await agentsOf({ proxy: proxyOf(type), tls: { verify: true, ca: undefined } });
      expect(await failure(ask(agents, places()[1] ?? ''))).toMatchObject({ hint: expect.stringContaining('tls.ca') });
    });
  });
});
