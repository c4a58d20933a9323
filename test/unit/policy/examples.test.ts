import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { bytesOf } from '../../../src/domain/bytes.ts';
import { parseCron } from '../../../src/domain/cron.ts';
import { type Desired, repositoryName, siteName } from '../../../src/domain/desired.ts';
import { parseDuration } from '../../../src/domain/duration.ts';
import { parseInstant } from '../../../src/domain/instant.ts';
import { restoreTargetName } from '../../../src/domain/policy-name.ts';
import { loadPolicies } from '../../../src/policy/load-policies.ts';
import { brief, check, document, fleet } from './check-text.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const d = parseDuration;
const env = (name: string): unknown => ({ kind: 'env', name });
const file = (name: string): unknown => ({ kind: 'file', path: name });

async function load(name: string): Promise<Desired> {
  const { desired, diagnostics } = await loadPolicies(path.join(ROOT, name));
  expect(diagnostics.map(brief)).toEqual([]);
  if (!desired) throw new Error(`${name} is not valid`);
  return desired;
}

describe('every example', () => {
  it.each(['examples/production.yaml', 'examples/quickstart/policies', 'policies'])(
    '%s is valid without a warning',
    async (name) => {
      await load(name);
    },
  );

  it.each(['examples/production.yaml', 'examples/quickstart/policies/hoard.yaml', 'policies/sites/shop.yaml'])(
    '%s tells editors its schema',
    (name) => {
      const reference =
        /yaml-language-server: \$schema=(\S+)/.exec(readFileSync(path.join(ROOT, name), 'utf8'))?.[1] ?? '';
      expect(path.resolve(ROOT, path.dirname(name), reference)).toBe(path.join(ROOT, 'schema/hoard.schema.json'));
    },
  );

  it('with one misspelt key has one error, where it is, with the right suggestion', () => {
    for (const name of ['examples/production.yaml', 'examples/quickstart/policies/hoard.yaml']) {
      const lines = readFileSync(path.join(ROOT, name), 'utf8').split('\n');
      const index = lines.findIndex((line) => line.includes('schedule:'));
      const column = (lines[index] ?? '').indexOf('schedule') + 1;
      lines[index] = (lines[index] ?? '').replace('schedule:', 'shedule:');
      expect(check(lines.join('\n')).diagnostics.map(brief)).toEqual([
        `${index + 1}:${column}-${index + 1}:${column + 7} HRD006 unknown key "shedule" in spec.backup | did you mean schedule?`,
      ]);
    }
  });
});

describe('quickstart', () => {
  it('means what it says', async () => {
    const desired = await load('examples/quickstart/policies');
    const site = desired.sites.get(siteName('main'));
    expect(site).toMatchObject({
      mode: 'enforce',
      policyName: 'daily',
      repositories: ['local'],
      connections: [{ kind: 'uri', uri: env('HOARD_MAIN_URI'), slot: undefined }],
      dataDirectory: undefined,
      policy: {
        backup: {
          schedule: { kind: 'cron', expression: parseCron('0 2 * * *'), timeZone: 'UTC' },
          method: 'auto',
          from: 'primary',
          checksums: 'verify',
        },
        wal: { method: 'archive-command', require: 'all', partial: undefined, pauseBelow: undefined },
        retention: {
          window: d('7d'),
          keep: { last: 2 },
          minimum: 1,
          maximum: undefined,
          prune: 'auto',
          budget: { percent: 50 },
        },
      },
    });
    expect(desired.repositories.get(repositoryName('local'))).toMatchObject({
      storage: { type: 'local', directory: path.join(ROOT, 'examples/quickstart/policies/hoard-repository') },
      prefix: '',
      compression: { algorithm: 'zstd', level: 3 },
    });
  });
});

describe('production', () => {
  let desired: Desired;
  beforeAll(async () => {
    desired = await load('examples/production.yaml');
  });

  it('the daemon', () => {
    expect(desired.daemon).toEqual({
      stateDirectory: '/var/lib/hoard',
      socket: '/run/hoard/hoard.sock',
      interval: d('1m'),
      shutdownGrace: d('5m'),
      http: {
        host: '127.0.0.1',
        port: 16_000,
        tls: { certificate: file('/etc/hoard/tls.crt'), key: file('/etc/hoard/tls.key') },
        auth: { username: 'hoard', password: env('HOARD_HTTP_PASSWORD') },
      },
      concurrency: { backups: 2, transfers: 8, workers: 4, restores: 1, prefetch: 8 },
      stateFile: '/var/lib/hoard/state.json',
      maintenanceFile: '/var/lib/hoard/maintenance',
      alerts: { directory: '/var/lib/hoard/alerts', uploadRetries: 3 },
      log: { level: 'info', format: 'json', syslog: { address: '/dev/log', facility: 'local2' } },
      metrics: {
        prometheus: { labels: { cluster: 'eu1' } },
        pushgateway: { url: 'http://127.0.0.1:9091', job: 'hoard', instance: undefined, labels: { cluster: 'eu1' } },
        statsd: { host: '127.0.0.1', port: 8125, format: 'telegraf', tags: { cluster: 'eu1' } },
      },
    });
  });

  it('the repository in S3: endpoint, credentials, lock, limits in bytes a second, encryption to recipients', () => {
    expect(desired.repositories.get(repositoryName('main'))).toEqual({
      name: 'main',
      storage: {
        type: 's3',
        bucket: 'acme-pg-backups',
        region: 'eu-west-1',
        endpoint: 'https://ceph.example.com:8443',
        forcePathStyle: true,
        dualStack: false,
        credentials: { accessKeyId: env('S3_KEY'), secretAccessKey: file('/run/secrets/s3'), sessionToken: undefined },
        serverSideEncryption: 'AES256',
        kmsKeyId: undefined,
        storageClass: undefined,
        objectLock: { mode: 'governance', for: d('14d') },
        partSize: undefined,
        connectTimeout: undefined,
        readTimeout: undefined,
        userAgent: undefined,
        tls: { verify: true, ca: undefined },
        proxy: { type: 'socks5', host: '127.0.0.1', port: 1080, username: undefined, password: undefined },
      },
      prefix: 'prod',
      compression: { algorithm: 'zstd', level: 3 },
      encryption: {
        recipients: [file(path.join(ROOT, 'examples/keys/hoard.pub.asc'))],
        privateKey: { kind: 'exec', command: ['vault', 'read', '-field=key', 'secret/hoard'] },
        passphrase: env('HOARD_KEY_PASSPHRASE'),
        signing: undefined,
        trustedSigners: [],
      },
      limits: { upload: bytesOf(200 * 1024 ** 2), download: bytesOf(400 * 1024 ** 2), concurrency: 8 },
      notify: undefined,
      uploadRetries: 3,
    });
  });

  it('the other kinds of storage', () => {
    const storage = (name: string): unknown => desired.repositories.get(repositoryName(name))?.storage;
    expect(storage('offsite')).toMatchObject({
      type: 'azure',
      account: 'acme',
      container: 'pg',
      cloud: 'public',
      credentials: { kind: 'account-key', accountKey: env('AZ_KEY') },
    });
    expect(storage('gcs')).toMatchObject({
      type: 'gcs',
      bucket: 'acme-pg',
      project: 'acme',
      keyFile: file('/run/secrets/gcs.json'),
    });
    expect(storage('swift')).toMatchObject({
      type: 'swift',
      container: 'pg',
      authUrl: 'https://keystone.example.com/v3',
      authVersion: 3,
      credentials: { user: 'hoard', userId: undefined, key: env('SWIFT_KEY') },
      project: { name: 'acme', domainName: 'Default' },
      userDomainName: 'Default',
      region: 'RegionOne',
      segmentSize: bytesOf(1024 ** 3),
    });
    expect(storage('nas')).toEqual({
      type: 'sftp',
      host: 'nas.example.com',
      port: 22,
      directory: '/backups',
      hostKeys: ['SHA256:…'],
      knownHosts: undefined,
      credentials: {
        username: 'hoard',
        password: undefined,
        privateKey: file('/etc/hoard/id_ed25519'),
        passphrase: undefined,
      },
    });
  });

  it('the site: its nodes, with slots, and the policy that it follows', () => {
    const site = desired.sites.get(siteName('orders'));
    expect(site).toMatchObject({
      mode: 'enforce',
      labels: { team: 'payments' },
      policyName: 'gold',
      repositories: ['main', 'offsite'],
      connections: [
        { kind: 'uri', uri: env('ORDERS_DB1'), slot: 'hoard' },
        {
          kind: 'parameters',
          host: 'db2',
          port: 5432,
          user: 'hoard',
          password: file('/run/secrets/db2'),
          sslmode: 'verify-full',
          slot: undefined,
        },
      ],
      dataDirectory: '/var/lib/postgresql/17/main',
      binDirectory: '/usr/lib/postgresql/17/bin',
    });
    expect(site?.policy).toEqual({
      backup: {
        schedule: { kind: 'cron', expression: parseCron('0 2 * * *'), timeZone: 'Europe/Berlin' },
        method: 'auto',
        from: 'prefer-standby',
        checksums: 'verify',
      },
      wal: {
        method: 'stream',
        require: 'all',
        partial: d('10s'),
        pauseBelow: { free: bytesOf(10 * 1024 ** 3), resumeAt: bytesOf(15 * 1024 ** 3), checkEvery: d('10s') },
      },
      retention: {
        window: d('14d'),
        keep: { last: 3, within: d('30d'), hourly: undefined, daily: 7, weekly: 4, monthly: 12, yearly: 2 },
        minimum: 2,
        maximum: 60,
        prune: 'auto',
        budget: { percent: 50 },
      },
      objectives: { rpo: d('1m'), rto: d('1h'), provenWithin: d('7d') },
    });
  });

  it('the restore targets: a standby, a clone before the accident, a weekly drill', () => {
    const common = { site: 'orders', repositories: ['main', 'offsite'], binDirectory: '/usr/lib/postgresql/17/bin' };
    expect(desired.restoreTargets.get(restoreTargetName('orders-db3'))).toEqual({
      ...common,
      name: 'orders-db3',
      role: 'standby',
      host: 'db3',
      dataDirectory: '/var/lib/postgresql/17/main',
      primary: { kind: 'uri', uri: env('ORDERS_PRIMARY'), slot: 'db3' },
      tablespaces: new Map([['fast', '/mnt/nvme/fast']]),
      timeline: 'latest',
      start: true,
    });
    expect(desired.restoreTargets.get(restoreTargetName('orders-before-the-accident'))).toEqual({
      ...common,
      name: 'orders-before-the-accident',
      role: 'clone',
      host: 'lab1',
      dataDirectory: '/srv/pg/orders',
      tablespaces: new Map(),
      recovery: {
        target: { kind: 'time', at: parseInstant('2026-11-20T14:05:00Z'), inclusive: false },
        timeline: 'latest',
        action: 'promote',
      },
      start: true,
    });
    expect(desired.restoreTargets.get(restoreTargetName('orders-drill'))).toEqual({
      ...common,
      name: 'orders-drill',
      role: 'drill',
      host: 'lab1',
      dataDirectory: undefined,
      tablespaces: new Map(),
      schedule: { kind: 'every', every: d('7d'), at: 0 },
      recovery: { target: { kind: 'random' }, timeline: 'latest', action: 'promote' },
      checks: [
        { kind: 'sql', name: 'has rows', database: 'orders', sql: 'select count(*) > 0 from orders', timeout: d('1h') },
        { kind: 'amcheck', name: 'heap and index', database: 'orders', timeout: d('1h') },
      ],
    });
  });

  it('is frozen', () => {
    expect(Object.isFrozen(desired.sites.get(siteName('orders'))?.policy.retention.keep)).toBe(true);
  });
});

describe('conversion', () => {
  const only = (text: string): Desired => {
    const { desired, diagnostics } = check(text);
    if (!desired) throw new Error(diagnostics.map(brief).join('\n'));
    return desired;
  };
  const retention = (spec: string): unknown =>
    only(fleet({ policy: document('Policy', 'daily', spec) })).sites.get(siteName('shop'))?.policy.retention;

  it('never prunes without a rule', () => {
    expect(retention('wal: {}')).toMatchObject({ prune: 'never' });
    expect(retention('retention: { minimum: 3, prune: auto }')).toMatchObject({ prune: 'never', minimum: 3 });
    expect(retention('retention: { maximum: 3 }')).toMatchObject({ prune: 'auto', maximum: 3 });
  });

  it('takes relative paths from the folder of the file', () => {
    const spec =
      'storage: { type: local, directory: ../backups }\nencryption: { recipients: [{ fromFile: key.asc }, { fromExec: [./key, x] }, { fromExec: [gpg, ./x] }] }';
    expect(only(document('Repository', 'r', spec)).repositories.get(repositoryName('r'))).toMatchObject({
      storage: { directory: '/backups' },
      encryption: {
        recipients: [
          file('/fleet/key.asc'),
          { kind: 'exec', command: ['/fleet/key', 'x'] },
          { kind: 'exec', command: ['gpg', './x'] },
        ],
      },
    });
  });

  it('gives streaming its pace and pausing its end', () => {
    const { sites } = only(
      fleet({ policy: document('Policy', 'daily', 'wal: { method: stream, pauseBelow: { free: 10GiB } }') }),
    );
    expect(sites.get(siteName('shop'))?.policy.wal).toMatchObject({
      partial: d('10s'),
      pauseBelow: { resumeAt: bytesOf(15 * 1024 ** 3) },
    });
  });

  it('says a PGHoard interval with hour and minute exactly', () => {
    const { sites } = only(
      fleet({ policy: document('Policy', 'daily', 'backup: { schedule: { every: 6h, at: "01:30" } }') }),
    );
    expect(sites.get(siteName('shop'))?.policy.backup.schedule).toEqual({
      kind: 'every',
      every: d('6h'),
      at: d('90m'),
    });
  });

  it.each<[string, unknown]>([
    ['{ lsn: 0/3000000, inclusive: false }', { kind: 'lsn', lsn: 0x3000000n, inclusive: false }],
    ['{ xid: 812 }', { kind: 'xid', xid: '812', inclusive: true }],
    ['{ xid: "18446744073709551615" }', { kind: 'xid', xid: '18446744073709551615', inclusive: true }],
    ['{ name: before-deploy }', { kind: 'name', name: 'before-deploy' }],
    ['{ immediate: true }', { kind: 'immediate' }],
    ['{ timeline: 3 }', { kind: 'latest' }],
  ])('recovery %s', (recovery, expected) => {
    const target = document(
      'RestoreTarget',
      'copy',
      `{ site: shop, role: clone, host: a, dataDirectory: /x, recovery: ${recovery} }`,
    );
    expect(only(fleet({ more: target })).restoreTargets.get(restoreTargetName('copy'))).toMatchObject({
      recovery: { target: expected },
    });
  });
});
