import { bytesOf } from '../../domain/bytes.ts';
import { durationOf } from '../../domain/duration.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/**
 * What holds where a policy says nothing. The schemas tell people the same as `default`; a test compares the two.
 * Defaults are applied here and not by the validator, so that what was declared stays distinguishable from what was assumed.
 */
export const DEFAULTS = {
  site: { mode: 'enforce' },
  backup: { method: 'auto', from: 'primary', checksums: 'verify' },
  wal: {
    method: 'archive-command',
    require: 'all',
    /** Only with method stream. */
    partial: durationOf(10 * SECOND),
    checkEvery: durationOf(10 * SECOND),
    /** resumeAt is this many times `free`. */
    resumeFactor: 1.5,
  },
  retention: { minimum: 1, prune: 'auto', budgetPercent: 50 },
  compression: { algorithm: 'zstd', zstdLevel: 3, lzmaLevel: 0 },
  connection: { port: 5432 },
  tls: { verify: true },
  s3: { forcePathStyle: false, dualStack: false },
  azure: { cloud: 'public' },
  swift: { authVersion: 3, segmentSize: bytesOf(3 * 1024 ** 3) },
  sftp: { port: 22 },
  recovery: { inclusive: true, timeline: 'latest', action: 'promote' },
  target: { start: false },
  check: { timeout: durationOf(60 * MINUTE) },
  daemon: {
    stateDirectory: '/var/lib/hoard',
    socket: '/run/hoard/hoard.sock',
    interval: durationOf(MINUTE),
    shutdownGrace: durationOf(5 * MINUTE),
    concurrency: { backups: 2, transfers: 8, workers: 4, restores: 1, prefetch: 8 },
    uploadRetries: 3,
    log: { level: 'info', format: 'text', facility: 'local2' },
    pushgateway: { job: 'hoard' },
    statsd: { host: '127.0.0.1', port: 8125, format: 'telegraf' },
  },
} as const;
