import { randomBytes } from 'node:crypto';
import { TEST_SYSTEM } from './small-backup.ts';

/** A control file of a version that nobody knows, so that nobody looks into it; padded as PostgreSQL does. */
function unknownControlFile(): Buffer {
  const bytes = Buffer.alloc(8192);
  bytes.writeBigUInt64LE(BigInt(TEST_SYSTEM), 0);
  bytes.writeUInt32LE(9999, 8);
  return bytes;
}

/** What a small cluster looks like to a restore: the files that matter, and some content of every shape. */
export function smallCluster(): Map<string, Buffer> {
  return new Map([
    ['PG_VERSION', Buffer.from('15\n')],
    ['backup_label', Buffer.from('START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n')],
    ['global/pg_control', unknownControlFile()],
    ['global/1262', Buffer.alloc(8192, 'page')],
    ['base/1/112', randomBytes(3 * 2 ** 20 + 17)],
    ['base/1/113', Buffer.alloc(0)],
    ['base/1/114', Buffer.alloc(2 ** 20)],
    ...Array.from({ length: 12 }, (_, index): [string, Buffer] => [`base/5/${index}`, randomBytes(500 * index)]),
    ['postgresql.auto.conf', Buffer.from("work_mem = '64MB'\nrecovery_target_name = 'old'\n")],
    ['standby.signal', Buffer.alloc(0)],
  ]);
}
