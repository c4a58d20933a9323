import { Failure } from '../domain/failure.ts';
import { type Lsn, lsn } from '../domain/lsn.ts';
import { type SystemIdentifier, systemIdentifier } from '../domain/observed.ts';
import { type SegmentSize, segmentSize } from '../domain/segment.ts';
import { type TimelineId, timelineId } from '../domain/timeline.ts';
import { crc32c } from './crc32c.ts';

/** DBState of src/include/catalog/pg_control.h, in its order. */
const STATES = [
  'starting up',
  'shut down',
  'shut down in recovery',
  'shutting down',
  'in crash recovery',
  'in archive recovery',
  'in production',
] as const;

export interface ControlFile {
  readonly systemIdentifier: SystemIdentifier;
  /** 1300 for versions 13 to 17, 1800 for 18. */
  readonly controlVersion: number;
  /** Catalog version: one a major release. */
  readonly catalogVersion: number;
  readonly state: (typeof STATES)[number];
  /** Position of the latest checkpoint record, and where redo from it starts. */
  readonly checkpoint: Lsn;
  readonly redo: Lsn;
  readonly timeline: TimelineId;
  readonly segmentSize: SegmentSize;
  readonly blockSize: number;
  /** Page checksums are on. */
  readonly checksums: boolean;
  /** Where a restored cluster becomes consistent; 0 where it is not in recovery. */
  readonly minimumRecoveryPoint: Lsn;
}

// The structure is the same from 13 to 17; 18 has one more byte before the nonce, which moves the CRC by four with the alignment.
const CRC_AT: ReadonlyMap<number, number> = new Map([
  [1300, 288],
  [1700, 288],
  [1800, 292],
]);

/**
 * Reads global/pg_control as a little-endian 64-bit server writes it. Throws `postgres.unsupported` for another layout, `postgres.format` where
 * the file is cut or its CRC does not fit.
 */
export function parseControlFile(bytes: Uint8Array): ControlFile {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length < 296) throw malformed(`has only ${file.length} bytes`);
  const controlVersion = file.readUInt32LE(8);
  const crcAt = CRC_AT.get(controlVersion);
  if (crcAt === undefined) {
    const swapped = CRC_AT.has(file.readUInt32BE(8));
    throw new Failure('postgres.unsupported', {
      message: swapped
        ? 'pg_control was written by a big-endian server'
        : `pg_control has version ${controlVersion}, which hoard does not know (it knows ${[...CRC_AT.keys()].join(', ')})`,
    });
  }
  if (crc32c(file.subarray(0, crcAt)) !== file.readUInt32LE(crcAt)) throw malformed('does not fit its CRC');
  const state = STATES[file.readUInt32LE(16)];
  if (!state) throw malformed(`has the unknown state ${file.readUInt32LE(16)}`);
  return {
    systemIdentifier: systemIdentifier(file.readBigUInt64LE(0).toString()),
    controlVersion,
    catalogVersion: file.readUInt32LE(12),
    state,
    checkpoint: lsn(file.readBigUInt64LE(32)),
    redo: lsn(file.readBigUInt64LE(40)),
    timeline: timelineId(file.readUInt32LE(48)),
    minimumRecoveryPoint: lsn(file.readBigUInt64LE(136)),
    blockSize: file.readUInt32LE(216),
    segmentSize: segmentSize(file.readUInt32LE(228)),
    checksums: file.readUInt32LE(252) !== 0,
  };
}

const malformed = (what: string): Failure => new Failure('postgres.format', { message: `pg_control ${what}` });
