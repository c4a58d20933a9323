import { copyFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface SwiftPorts {
  readonly proxy: number;
  readonly account: number;
  readonly container: number;
  readonly object: number;
  readonly memcached: number;
}

export interface SwiftOptions {
  /** Filters that are left out of the proxy's pipeline, to be a Swift that cannot do everything: `bulk`, `slo`. */
  readonly without?: readonly string[];
  /** The lowest limit that Swift accepts is 1; its default is 1,000. */
  readonly maxManifestSegments?: number;
  /** Who knows the users, instead of tempauth. */
  readonly keystone?: SwiftKeystone;
}

/** Keystone, as an operator declares it to a Swift proxy, and a user of it for what the tests themselves ask. */
interface SwiftKeystone {
  readonly authUrl: string;
  readonly adminPassword: string;
  /** Whose accounts are `AUTH_` and `WEST_` with this id. */
  readonly project: string;
  token(): Promise<string>;
}

/** Everything that the servers read, in a folder of their own. */
export function writeSwiftFiles(
  folder: string,
  ports: SwiftPorts,
  options: SwiftOptions & { readonly user: string },
): void {
  const write = (name: string, lines: readonly string[]): void =>
    writeFileSync(path.join(folder, name), `${lines.join('\n')}\n`);
  copyFileSync('/etc/swift/swift.conf', path.join(folder, 'swift.conf'));
  const common = (port: number): readonly string[] => [
    '[DEFAULT]',
    'bind_ip = 127.0.0.1',
    `bind_port = ${port}`,
    `swift_dir = ${folder}`,
    `user = ${options.user}`,
    'workers = 0',
    'log_address = /dev/null',
    'log_level = ERROR',
  ];
  for (const name of ['account', 'container', 'object'] as const) {
    write(`${name}-server.conf`, [
      ...common(ports[name]),
      `devices = ${path.join(folder, 'dev')}`,
      'mount_check = false',
      'disable_fallocate = true',
      // A machine under load must not make a listing miss an object: nothing here delivers an update that came too late.
      ...(name === 'object' ? ['container_update_timeout = 60'] : []),
      'conn_timeout = 20',
      'node_timeout = 60',
      '[pipeline:main]',
      `pipeline = ${name}-server`,
      `[app:${name}-server]`,
      `use = egg:swift#${name}`,
    ]);
  }
  write('proxy-server.conf', [...common(ports.proxy), ...proxy(ports, options)]);
  write('rings.py', rings(folder, ports));
}

const BEFORE = 'catch_errors gatekeeper healthcheck cache listing_formats bulk';
const AFTER = 'copy container-quotas account-quotas slo dlo proxy-server';

function proxy(ports: SwiftPorts, options: SwiftOptions): readonly string[] {
  const auth = options.keystone === undefined ? 'tempauth' : 'authtoken keystoneauth';
  const pipeline = `${BEFORE} ${auth} ${AFTER}`.split(' ').filter((name) => options.without?.includes(name) !== true);
  const filter = (name: string, ...lines: readonly string[]): readonly string[] => [
    `[filter:${name}]`,
    `use = egg:swift#${name.replace('cache', 'memcache').replace('-', '_')}`,
    ...lines,
  ];
  return [
    '[pipeline:main]',
    `pipeline = ${pipeline.join(' ')}`,
    '[app:proxy-server]',
    'use = egg:swift#proxy',
    'account_autocreate = true',
    'conn_timeout = 20',
    'node_timeout = 60',
    // Otherwise ten refused connections while the others start make the proxy ignore them for a minute.
    'error_suppression_interval = 0',
    'error_suppression_limit = 1000000',
    ...['catch_errors', 'gatekeeper', 'healthcheck', 'listing_formats', 'bulk', 'copy', 'dlo'].flatMap((name) =>
      filter(name),
    ),
    ...filter('container-quotas'),
    ...filter('account-quotas'),
    ...filter('slo', `max_manifest_segments = ${options.maxManifestSegments ?? 1000}`),
    ...filter('cache', `memcache_servers = 127.0.0.1:${ports.memcached}`),
    ...filter(
      'tempauth',
      'user_test_tester = testing .admin',
      'user_test_reader = reading',
      'storage_url_scheme = http',
    ),
    ...(options.keystone === undefined ? [] : keystone(options.keystone)),
  ];
}

/** The second prefix is a second namespace of the same project: what another region of a real cloud would be. */
const keystone = ({ authUrl, adminPassword }: SwiftKeystone): readonly string[] => [
  '[filter:authtoken]',
  'paste.filter_factory = keystonemiddleware.auth_token:filter_factory',
  `www_authenticate_uri = ${authUrl}`,
  `auth_url = ${authUrl}`,
  'auth_type = password',
  'username = admin',
  `password = ${adminPassword}`,
  'project_name = admin',
  'user_domain_id = default',
  'project_domain_id = default',
  'delay_auth_decision = true',
  'cache = swift.cache',
  '[filter:keystoneauth]',
  'use = egg:swift#keystoneauth',
  'reseller_prefix = AUTH, WEST',
  'operator_roles = admin, member',
];

/** One device, one replica, two partitions. The ring-builder program takes seven times as long as doing it in one process. */
const rings = (folder: string, ports: SwiftPorts): readonly string[] => [
  'import os',
  'from swift.common.ring import RingBuilder',
  `for name, port in [('account', ${ports.account}), ('container', ${ports.container}), ('object', ${ports.object})]:`,
  '    builder = RingBuilder(1, 1, 0)',
  "    builder.add_dev({'id': 0, 'region': 1, 'zone': 1, 'weight': 1, 'ip': '127.0.0.1', 'port': port, 'device': 'd1'})",
  '    builder.rebalance()',
  `    builder.get_ring().save(os.path.join('${folder}', name + '.ring.gz'))`,
];
