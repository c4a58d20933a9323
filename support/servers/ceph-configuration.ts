/** The id of the one key that `aws:kms` may name. */
export const CEPH_KMS_KEY = 'hoard-test-key';

/** The configuration file of a small private cluster, all of it below `folder`. */
export function cephConfiguration(cluster: {
  readonly folder: string;
  readonly fsid: string;
  /** Where the monitor listens, as in `[v2:127.0.0.1:1,v1:127.0.0.1:2]`. */
  readonly addresses: string;
  /** `rgw frontends`. */
  readonly frontend: string;
  /** Instead of, or beside, what is set here. */
  readonly settings?: Readonly<Record<string, string | number>> | undefined;
}): string {
  const { folder, fsid, addresses, frontend } = cluster;
  const settings: Readonly<Record<string, string | number>> = {
    fsid,
    'mon host': addresses,
    'public addr': '127.0.0.1',
    'cluster addr': '127.0.0.1',
    // `none` does not work with radosgw.
    'auth cluster required': 'cephx',
    'auth service required': 'cephx',
    'auth client required': 'cephx',
    keyring: `${folder}/keyring`,
    'run dir': `${folder}/run`,
    'crash dir': `${folder}/run`,
    'mon data': `${folder}/mon`,
    'osd data': `${folder}/osd`,
    'rgw data': `${folder}/rgw`,
    'log file': `${folder}/log/$name.log`,
    'mon cluster log file': `${folder}/log/cluster.log`,
    'admin socket': '',
    'pid file': '',
    'osd objectstore': 'memstore',
    'memstore device bytes': 4 * 1024 ** 3,
    // One OSD, so one copy.
    'osd crush chooseleaf type': 0,
    'osd pool default size': 1,
    'osd pool default min size': 1,
    'osd pool default pg num': 4,
    'osd pool default pg autoscale mode': 'off',
    'mon allow pool size one': 'true',
    'mon max pg per osd': 2000,
    'mon data avail crit': 1,
    'mon data avail warn': 2,
    // Without these two the start takes 12 seconds instead of one: the monitor waits to gather changes.
    'paxos propose interval': 0.02,
    'paxos min wait': 0.01,
    'osd class load list': '*',
    'osd class default list': '*',
    'rgw frontends': frontend,
    'rgw run sync thread': 'false',
    'rgw dynamic resharding': 'false',
    // Keys of a made-up key service, so that server-side encryption can be asked for without TLS and without a real one.
    'rgw crypt require ssl': 'false',
    'rgw crypt s3 kms backend': 'testing',
    'rgw crypt s3 kms encryption keys': `${CEPH_KMS_KEY}=${Buffer.alloc(32, 7).toString('base64')}`,
    ...cluster.settings,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return `[global]\n${lines.join('\n')}\n`;
}
