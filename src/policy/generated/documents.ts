// Generated from schema/hoard.schema.json by scripts/generate-types.ts; do not edit.

/**
 * Any policy document of hoard; `kind` decides which.
 */
export type PolicyDocument = Site | Repository | Policy | RestoreTarget | Daemon;
/**
 * The place itself: local, s3, gcs, azure, swift or sftp.
 */
export type Storage = LocalStorage | S3Storage | GcsStorage | AzureStorage | SwiftStorage | SftpStorage;
export type RestoreTargetSpec = Standby | Clone | Drill;
/**
 * Repositories to read from, preferred first. Default: the site's, in its order.
 *
 * @minItems 1
 * @maxItems 16
 *
 * Items: A DNS label: lower-case letters, digits and hyphens, at most 63, beginning and ending with a letter or digit.
 */
export type Repositories = string[];

/**
 * One PostgreSQL cluster that must be recoverable.
 */
export interface Site {
  /**
   * The version of this document's form.
   */
  apiVersion: 'hoard/v1';
  /**
   * One PostgreSQL cluster that must be recoverable.
   */
  kind: 'Site';
  metadata: Metadata;
  /**
   * What must hold for the cluster.
   */
  spec: {
    /**
     * enforce: close every difference. detect: plan and report, change nothing. suspended: leave the site alone; nothing of it is pruned. Default: enforce.
     */
    mode?: 'enforce' | 'detect' | 'suspended';
    /**
     * A DNS label: lower-case letters, digits and hyphens, at most 63, beginning and ending with a letter or digit.
     */
    policy: string;
    /**
     * The Repositories that hold this site's backups and WAL; the first is preferred for reading.
     *
     * @minItems 1
     * @maxItems 16
     *
     * Items: A DNS label: lower-case letters, digits and hyphens, at most 63, beginning and ending with a letter or digit.
     */
    repositories: string[];
    /**
     * The cluster's nodes. Which one is the primary is found out, not declared.
     *
     * @minItems 1
     * @maxItems 64
     */
    connections: Connection[];
    /**
     * An absolute path.
     */
    dataDirectory?: string;
    /**
     * An absolute path.
     */
    binDirectory?: string;
    /**
     * Earlier names of this site, newest first: backups and WAL under them count as this site's.
     *
     * @maxItems 16
     *
     * Items: A DNS label: lower-case letters, digits and hyphens, at most 63, beginning and ending with a letter or digit.
     */
    movedFrom?: string[];
  };
}
/**
 * What the document is called. Names are unique per kind.
 */
export interface Metadata {
  /**
   * A DNS label: lower-case letters, digits and hyphens, at most 63, beginning and ending with a letter or digit.
   */
  name: string;
  labels?: Labels;
}
/**
 * Free key-value pairs for grouping; they have no effect on what hoard does.
 */
export interface Labels {
  [k: string]: string;
}
/**
 * How to reach one node of a cluster: a URI, or its parts under libpq's names.
 */
export interface Connection {
  uri?: Secret;
  host?: string;
  port?: number;
  user?: string;
  database?: string;
  password?: Secret;
  /**
   * As libpq's sslmode. Default: prefer.
   */
  sslmode?: 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
  /**
   * A path; a relative one starts at the folder of this file.
   */
  sslrootcert?: string;
  /**
   * A path; a relative one starts at the folder of this file.
   */
  sslcert?: string;
  /**
   * A path; a relative one starts at the folder of this file.
   */
  sslkey?: string;
  /**
   * The physical replication slot that hoard uses on this node.
   */
  slot?: string;
}
/**
 * Where a secret comes from; never the secret itself.
 */
export interface Secret {
  fromEnv?: string;
  /**
   * A path; a relative one starts at the folder of this file.
   */
  fromFile?: string;
  /**
   * A program and its arguments, run without a shell, that prints the secret within 10 seconds.
   *
   * @minItems 1
   * @maxItems 64
   */
  fromExec?: string[];
}
/**
 * A place that holds backups and WAL.
 */
export interface Repository {
  /**
   * The version of this document's form.
   */
  apiVersion: 'hoard/v1';
  /**
   * A place that holds backups and WAL.
   */
  kind: 'Repository';
  metadata: Metadata;
  spec: {
    storage: Storage;
    /**
     * Put in front of every key, so that several repositories can share one bucket. Default: none.
     */
    prefix?: string;
    compression?: Compression;
    encryption?: Encryption;
    /**
     * How much of the network and of the store hoard may use.
     */
    limits?: {
      /**
       * A whole number above zero and a unit: B, KiB, MiB, GiB, TiB, or decimal kB, MB, GB, TB.
       */
      upload?: string;
      /**
       * A whole number above zero and a unit: B, KiB, MiB, GiB, TiB, or decimal kB, MB, GB, TB.
       */
      download?: string;
      concurrency?: number;
    };
    /**
     * A POST for every object that is created or deleted.
     */
    notify?: {
      /**
       * An http or https URL without user name and password.
       */
      url: string;
    };
  };
}
export interface LocalStorage {
  /**
   * A folder on this host or a network file system.
   */
  type: 'local';
  /**
   * A path; a relative one starts at the folder of this file.
   */
  directory: string;
}
export interface S3Storage {
  /**
   * Amazon S3 or a store that speaks its protocol.
   */
  type: 's3';
  bucket: string;
  region: string;
  /**
   * An http or https URL without user name and password.
   */
  endpoint?: string;
  /**
   * The bucket is a part of the path instead of the host name; most stores other than AWS want it. Default: false.
   */
  forcePathStyle?: boolean;
  /**
   * Use AWS's endpoints that answer by IPv4 and IPv6. Default: false.
   */
  dualStack?: boolean;
  /**
   * Left out: the SDK's own chain (role, profile, environment).
   */
  credentials?: {
    accessKeyId: Secret;
    secretAccessKey: Secret;
    sessionToken?: Secret;
  };
  /**
   * Asks the store to encrypt objects at rest.
   */
  serverSideEncryption?: 'AES256' | 'aws:kms';
  kmsKeyId?: string;
  storageClass?: string;
  /**
   * New objects cannot be deleted or replaced for a while; the bucket must have object lock.
   */
  objectLock?: {
    /**
     * compliance: not even by the account's owner.
     */
    mode: 'governance' | 'compliance';
    /**
     * A whole number above zero and a unit: s, m, h, d (24 hours) or w.
     */
    for: string;
  };
  /**
   * A whole number above zero and a unit: B, KiB, MiB, GiB, TiB, or decimal kB, MB, GB, TB.
   */
  partSize?: string;
  /**
   * A whole number above zero and a unit: s, m, h, d (24 hours) or w.
   */
  connectTimeout?: string;
  /**
   * A whole number above zero and a unit: s, m, h, d (24 hours) or w.
   */
  readTimeout?: string;
  userAgent?: string;
  tls?: Tls;
  proxy?: Proxy;
}
/**
 * How the server's certificate is checked.
 */
export interface Tls {
  /**
   * Whether the server's certificate must be valid. Default: true.
   */
  verify?: boolean;
  /**
   * A path; a relative one starts at the folder of this file.
   */
  ca?: string;
}
/**
 * A proxy between hoard and the store.
 */
export interface Proxy {
  /**
   * The proxy's protocol.
   */
  type: 'http' | 'socks5';
  host: string;
  port: number;
  username?: string;
  password?: Secret;
}
export interface GcsStorage {
  /**
   * Google Cloud Storage.
   */
  type: 'gcs';
  bucket: string;
  project?: string;
  /**
   * An http or https URL without user name and password.
   */
  endpoint?: string;
  /**
   * Left out: application default credentials.
   */
  credentials?: {
    keyFile: Secret;
  };
  tls?: Tls;
  proxy?: Proxy;
}
export interface AzureStorage {
  /**
   * Azure Blob Storage.
   */
  type: 'azure';
  account: string;
  container: string;
  /**
   * Default: public.
   */
  cloud?: 'public' | 'us-government' | 'china' | 'germany';
  /**
   * An http or https URL without user name and password.
   */
  endpoint?: string;
  /**
   * Left out: the identity of the machine or workload.
   */
  credentials?: {
    accountKey?: Secret;
    sasToken?: Secret;
  };
  tls?: Tls;
  proxy?: Proxy;
}
export interface SwiftStorage {
  /**
   * OpenStack Swift.
   */
  type: 'swift';
  container: string;
  /**
   * An http or https URL without user name and password.
   */
  authUrl: string;
  /**
   * Default: 3.
   */
  authVersion?: 1 | 2 | 3;
  credentials: {
    user?: string;
    userId?: string;
    key: Secret;
  };
  /**
   * For authVersion 2.
   */
  tenant?: {
    name?: string;
    id?: string;
  };
  project?: {
    name?: string;
    id?: string;
    domainName?: string;
    domainId?: string;
  };
  userDomainName?: string;
  userDomainId?: string;
  region?: string;
  serviceType?: string;
  /**
   * Which endpoint of the service catalogue. Default: public.
   */
  endpointType?: 'public' | 'internal' | 'admin';
  /**
   * A whole number above zero and a unit: B, KiB, MiB, GiB, TiB, or decimal kB, MB, GB, TB.
   */
  segmentSize?: string;
  tls?: Tls;
  proxy?: Proxy;
}
export interface SftpStorage {
  /**
   * A folder on a host that is reached by SSH.
   */
  type: 'sftp';
  host: string;
  port?: number;
  directory: string;
  /**
   * The fingerprint of the server's key, or several. Left out: the server must be in the known_hosts file. An unknown server is never trusted.
   *
   * @minItems 1
   * @maxItems 16
   */
  hostKey?: string | string[];
  /**
   * A path; a relative one starts at the folder of this file.
   */
  knownHosts?: string;
  credentials: {
    username: string;
    password?: Secret;
    privateKey?: Secret;
    passphrase?: Secret;
  };
}
/**
 * How new objects are compressed. Objects that are there stay as they are and stay readable.
 */
export interface Compression {
  /**
   * Default: zstd.
   */
  algorithm?: 'zstd' | 'snappy' | 'lzma' | 'none';
  /**
   * zstd: -7 to 22, default 3. lzma: 0 to 9, default 0. The others have no levels.
   */
  level?: number;
}
/**
 * OpenPGP encryption of every object before it leaves the host.
 */
export interface Encryption {
  /**
   * Public keys; the holder of any of the matching private keys can read what is written from then on.
   *
   * @minItems 1
   * @maxItems 16
   */
  recipients: Secret[];
  privateKey?: Secret;
  passphrase?: Secret;
  signing?: Signing;
  /**
   * Public keys of those who sign. Declared: a restore reads only what one of them has signed, so that nobody else who can write to the storage can hand over forged data. What was stored before signing was declared is refused then.
   *
   * @minItems 1
   * @maxItems 16
   */
  trustedSigners?: Secret[];
}
/**
 * Signs what is written, where backups and archiving run.
 */
export interface Signing {
  privateKey: Secret;
  passphrase?: Secret;
}
/**
 * Schedule, WAL method, retention and objectives; for any number of sites.
 */
export interface Policy {
  /**
   * The version of this document's form.
   */
  apiVersion: 'hoard/v1';
  /**
   * Schedule, WAL method, retention and objectives; for any number of sites.
   */
  kind: 'Policy';
  metadata: Metadata;
  spec: {
    /**
     * When and how backups are taken.
     */
    backup?: {
      schedule?: Schedule;
      /**
       * local: reads the data directory. sql: reads it through SQL. stream: uses the replication protocol. auto: the best that the connection and the host allow. Default: auto.
       */
      method?: 'auto' | 'local' | 'sql' | 'stream';
      /**
       * Which node backups are taken from. Default: primary.
       */
      from?: 'primary' | 'standby' | 'prefer-standby';
      /**
       * Whether page checksums are verified while a backup is taken. Default: verify.
       */
      checksums?: 'verify' | 'ignore';
    };
    /**
     * How WAL reaches the repositories.
     */
    wal?: {
      /**
       * archive-command: PostgreSQL calls `hoard wal push`. stream: hoard receives WAL by the replication protocol. pg-receivewal: the external program does. none: each backup carries its own WAL, and nothing between two backups can be restored. Default: archive-command.
       */
      method?: 'archive-command' | 'stream' | 'pg-receivewal' | 'none';
      /**
       * In how many of the site's repositories a segment must be durable before PostgreSQL may forget it. Default: all.
       */
      require?: 'all' | number;
      /**
       * A whole number above zero and a unit: s, m, h, d (24 hours) or w.
       */
      partial?: string;
      /**
       * Receiving WAL pauses while the disk of the spool is nearly full.
       */
      pauseBelow?: {
        /**
         * A whole number above zero and a unit: B, KiB, MiB, GiB, TiB, or decimal kB, MB, GB, TB.
         */
        free: string;
        /**
         * A whole number above zero and a unit: B, KiB, MiB, GiB, TiB, or decimal kB, MB, GB, TB.
         */
        resumeAt?: string;
        /**
         * A whole number above zero and a unit: s, m, h, d (24 hours) or w.
         */
        checkEvery?: string;
      };
    };
    /**
     * What is kept. A backup stays while any rule wants it. Without window, keep and maximum nothing is pruned.
     */
    retention?: {
      /**
       * A whole number above zero and a unit: s, m, h, d (24 hours) or w.
       */
      window?: string;
      /**
       * Backups to keep besides those that the window needs.
       */
      keep?: {
        last?: number;
        /**
         * A whole number above zero and a unit: s, m, h, d (24 hours) or w.
         */
        within?: string;
        hourly?: number;
        daily?: number;
        weekly?: number;
        monthly?: number;
        yearly?: number;
      };
      minimum?: number;
      maximum?: number;
      /**
       * auto: what no rule keeps is removed. confirm: only after approval. never: nothing is removed. Default: auto.
       */
      prune?: 'auto' | 'confirm' | 'never';
      /**
       * How much one plan may remove.
       */
      budget?: {
        /**
         * Of the site's backups in one repository. Default: 50.
         */
        percent: number;
      };
    };
    /**
     * What is measured and alerted on.
     */
    objectives?: {
      /**
       * A whole number above zero and a unit: s, m, h, d (24 hours) or w.
       */
      rpo?: string;
      /**
       * A whole number above zero and a unit: s, m, h, d (24 hours) or w.
       */
      rto?: string;
      /**
       * A whole number above zero and a unit: s, m, h, d (24 hours) or w.
       */
      provenWithin?: string;
    };
  };
}
/**
 * When something is due: a cron expression with a time zone, or a fixed interval. Missed slots collapse into one.
 */
export interface Schedule {
  cron?: string;
  timeZone?: string;
  /**
   * A whole number above zero and a unit: s, m, h, d (24 hours) or w.
   */
  every?: string;
  /**
   * A time of day in UTC on the grid that `every` makes. Default: 00:00.
   */
  at?: string;
}
/**
 * A declared restored instance: a standby, a clone at a point in time, or a drill.
 */
export interface RestoreTarget {
  /**
   * The version of this document's form.
   */
  apiVersion: 'hoard/v1';
  /**
   * A declared restored instance: a standby, a clone at a point in time, or a drill.
   */
  kind: 'RestoreTarget';
  metadata: Metadata;
  spec: RestoreTargetSpec;
}
export interface Standby {
  /**
   * A DNS label: lower-case letters, digits and hyphens, at most 63, beginning and ending with a letter or digit.
   */
  site: string;
  /**
   * Built from a backup and kept in step with its primary.
   */
  role: 'standby';
  host: string;
  repositories?: Repositories;
  /**
   * An absolute path.
   */
  dataDirectory: string;
  /**
   * An absolute path.
   */
  binDirectory?: string;
  tablespaces?: Tablespaces;
  primary?: Connection;
  recovery?: StandbyRecovery;
  /**
   * Whether hoard starts PostgreSQL there and keeps it started. Default: false.
   */
  start?: boolean;
}
/**
 * Where tablespaces go: name or oid, and directory. Default: where they were.
 */
export interface Tablespaces {
  /**
   * An absolute path.
   */
  [k: string]: string;
}
/**
 * A standby follows the WAL for ever; only the timeline can be chosen.
 */
export interface StandbyRecovery {
  /**
   * Which timeline recovery follows. current: the one of the backup. Default: latest.
   */
  timeline?: ('latest' | 'current') | number;
}
export interface Clone {
  /**
   * A DNS label: lower-case letters, digits and hyphens, at most 63, beginning and ending with a letter or digit.
   */
  site: string;
  /**
   * An independent copy at a point in time.
   */
  role: 'clone';
  host: string;
  repositories?: Repositories;
  /**
   * An absolute path.
   */
  dataDirectory: string;
  /**
   * An absolute path.
   */
  binDirectory?: string;
  tablespaces?: Tablespaces;
  recovery?: Recovery;
  /**
   * Whether hoard starts PostgreSQL there and keeps it started. Default: false.
   */
  start?: boolean;
}
/**
 * How far recovery goes: one of time, lsn, xid, name and immediate; with none of them to the end of the WAL.
 */
export interface Recovery {
  /**
   * A moment, with its time zone.
   */
  time?: string;
  /**
   * A position in the WAL.
   */
  lsn?: string;
  /**
   * A transaction id.
   */
  xid?: string | number;
  /**
   * A name that was given to pg_create_restore_point.
   */
  name?: string;
  /**
   * Stop as soon as the backup is consistent.
   */
  immediate?: true;
  /**
   * Whether the target itself is included; with time, lsn and xid. Default: true.
   */
  inclusive?: boolean;
  /**
   * Which timeline recovery follows. current: the one of the backup. Default: latest.
   */
  timeline?: ('latest' | 'current') | number;
  /**
   * What PostgreSQL does when the target is reached. Default: promote.
   */
  action?: 'promote' | 'pause' | 'shutdown';
}
export interface Drill {
  /**
   * A DNS label: lower-case letters, digits and hyphens, at most 63, beginning and ending with a letter or digit.
   */
  site: string;
  /**
   * A restore that is done only to prove that it works, and removed afterwards.
   */
  role: 'drill';
  host: string;
  repositories?: Repositories;
  /**
   * An absolute path.
   */
  dataDirectory?: string;
  /**
   * An absolute path.
   */
  binDirectory?: string;
  tablespaces?: Tablespaces;
  schedule?: Schedule;
  recovery?: DrillRecovery;
  /**
   * What must hold in the restored cluster, besides that it starts and reaches its target.
   *
   * @maxItems 100
   */
  checks?: Check[];
}
/**
 * How far recovery goes: one of time, lsn, xid, name and immediate; with none of them to the end of the WAL.
 */
export interface DrillRecovery {
  /**
   * A moment with its time zone, or random: a random moment in the recovery window.
   */
  time?: string;
  /**
   * A position in the WAL.
   */
  lsn?: string;
  /**
   * A transaction id.
   */
  xid?: string | number;
  /**
   * A name that was given to pg_create_restore_point.
   */
  name?: string;
  /**
   * Stop as soon as the backup is consistent.
   */
  immediate?: true;
  /**
   * Whether the target itself is included; with time, lsn and xid. Default: true.
   */
  inclusive?: boolean;
  /**
   * Which timeline recovery follows. current: the one of the backup. Default: latest.
   */
  timeline?: ('latest' | 'current') | number;
  /**
   * What PostgreSQL does when the target is reached. Default: promote.
   */
  action?: 'promote' | 'pause' | 'shutdown';
}
export interface Check {
  name: string;
  database: string;
  sql?: string;
  /**
   * Checks every heap and index of the database with the extension amcheck.
   */
  amcheck?: true;
  /**
   * A whole number above zero and a unit: s, m, h, d (24 hours) or w.
   */
  timeout?: string;
}
/**
 * How hoard itself runs on the hosts that read these policies.
 */
export interface Daemon {
  /**
   * The version of this document's form.
   */
  apiVersion: 'hoard/v1';
  /**
   * How hoard itself runs on the hosts that read these policies.
   */
  kind: 'Daemon';
  metadata: Metadata;
  spec: {
    /**
     * An absolute path.
     */
    stateDirectory?: string;
    /**
     * An absolute path.
     */
    socket?: string;
    /**
     * A whole number above zero and a unit: s, m, h, d (24 hours) or w.
     */
    interval?: string;
    /**
     * A whole number and a unit: s, m, h, d (24 hours) or w.
     */
    shutdownGrace?: string;
    http?: Http;
    /**
     * How much happens at the same time, over all sites.
     */
    concurrency?: {
      backups?: number;
      transfers?: number;
      workers?: number;
      restores?: number;
      prefetch?: number;
    };
    /**
     * An absolute path.
     */
    stateFile?: string;
    /**
     * An absolute path.
     */
    maintenanceFile?: string;
    /**
     * A file for every open alert.
     */
    alerts?: {
      /**
       * An absolute path.
       */
      directory: string;
      uploadRetries?: number;
    };
    /**
     * What is logged, to standard error and syslog.
     */
    log?: {
      /**
       * Default: info.
       */
      level?: 'debug' | 'info' | 'warning' | 'error';
      /**
       * Default: text.
       */
      format?: 'text' | 'json';
      syslog?: {
        /**
         * The path of a socket, or host:port for UDP.
         */
        address: string;
        /**
         * Default: local2.
         */
        facility?:
          | 'auth'
          | 'authpriv'
          | 'cron'
          | 'daemon'
          | 'ftp'
          | 'kern'
          | 'lpr'
          | 'mail'
          | 'news'
          | 'syslog'
          | 'user'
          | 'uucp'
          | 'local0'
          | 'local1'
          | 'local2'
          | 'local3'
          | 'local4'
          | 'local5'
          | 'local6'
          | 'local7';
      };
    };
    metrics?: Metrics;
  };
}
/**
 * Health, metrics, status and the dashboard. Left out: no HTTP.
 */
export interface Http {
  /**
   * Address and port.
   */
  listen: string;
  /**
   * Left out: plain HTTP.
   */
  tls?: {
    certificate: Secret;
    key: Secret;
  };
  /**
   * HTTP Basic authentication.
   */
  auth?: {
    username: string;
    password: Secret;
  };
}
/**
 * Where metrics go.
 */
export interface Metrics {
  /**
   * Served at /metrics of `http`.
   */
  prometheus?: {
    labels?: MetricLabels;
  };
  /**
   * Pushed to a Prometheus Pushgateway.
   */
  pushgateway?: {
    /**
     * An http or https URL without user name and password.
     */
    url: string;
    job?: string;
    instance?: string;
    labels?: MetricLabels;
  };
  /**
   * Sent by UDP.
   */
  statsd?: {
    host?: string;
    port?: number;
    /**
     * How tags are written. Default: telegraf.
     */
    format?: 'telegraf' | 'datadog';
    tags?: MetricLabels;
  };
}
/**
 * Added to every metric.
 */
export interface MetricLabels {
  [k: string]: string;
}
