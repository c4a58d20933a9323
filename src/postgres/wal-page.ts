import { Failure } from '../domain/failure.ts';
import { type Lsn, lsn } from '../domain/lsn.ts';
import { type SystemIdentifier, systemIdentifier } from '../domain/observed.ts';
import { type SegmentSize, segmentSize } from '../domain/segment.ts';
import { type TimelineId, timelineId } from '../domain/timeline.ts';

/** XLOG_PAGE_MAGIC of src/include/access/xlog_internal.h, by major version. */
const MAGIC: ReadonlyMap<number, number> = new Map([
  [0xd106, 13],
  [0xd10d, 14],
  [0xd110, 15],
  [0xd113, 16],
  [0xd116, 17],
  [0xd118, 18],
]);

/** Bytes of a long page header: the first page of every segment has one. */
export const LONG_HEADER_BYTES = 40;
const SHORT_HEADER_BYTES = 24;
/** XLP_LONG_HEADER. */
const LONG = 0x0002;
/** XLP_ALL_FLAGS: first record is a continuation, long header, backup blocks removable, overwritten continuation record. */
const ALL_FLAGS = 0x000f;

export interface WalPageHeader {
  readonly magic: number;
  /** Major version; undefined for a magic number that is newer than this program. */
  readonly major: number | undefined;
  readonly info: number;
  /** Of the page's writer: in the first segment of a new timeline the parent's. */
  readonly timeline: TimelineId;
  /** LSN of the page's first byte. */
  readonly pageAddress: Lsn;
  readonly long:
    | { readonly systemIdentifier: SystemIdentifier; readonly segmentSize: SegmentSize; readonly blockSize: number }
    | undefined;
}

/** Reads the header of a WAL page, little-endian. Throws `postgres.format` where the bytes are none. */
export function parseWalPageHeader(bytes: Uint8Array): WalPageHeader {
  const page = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (page.length < SHORT_HEADER_BYTES) throw malformed(`${page.length} bytes are too few for a WAL page header`);
  const magic = page.readUInt16LE(0);
  const major = MAGIC.get(magic);
  // The upper byte has been 0xD1 since version 13; every release counts the lower one up.
  if (major === undefined && !(magic > 0xd118 && magic <= 0xd1ff)) {
    throw malformed(`the WAL page starts with ${hex(magic)}, which is no magic number of PostgreSQL 13 or later`);
  }
  const info = page.readUInt16LE(2);
  if ((info & ~ALL_FLAGS) !== 0) throw malformed(`the WAL page has unknown flags ${hex(info)}`);
  const timeline = page.readUInt32LE(4);
  if (timeline === 0) throw malformed('the WAL page has timeline 0');
  return {
    magic,
    major,
    info,
    timeline: timelineId(timeline),
    pageAddress: lsn(page.readBigUInt64LE(8)),
    long: (info & LONG) === 0 ? undefined : parseLong(page),
  };
}

function parseLong(page: Buffer): WalPageHeader['long'] {
  if (page.length < LONG_HEADER_BYTES) throw malformed(`${page.length} bytes are too few for a long WAL page header`);
  const size = page.readUInt32LE(32);
  try {
    return {
      systemIdentifier: systemIdentifier(page.readBigUInt64LE(24).toString()),
      segmentSize: segmentSize(size),
      blockSize: page.readUInt32LE(36),
    };
  } catch (cause) {
    throw new Failure('postgres.format', { message: `the WAL page names the impossible segment size ${size}`, cause });
  }
}

const hex = (value: number): string => `0x${value.toString(16).toUpperCase().padStart(4, '0')}`;
const malformed = (message: string): Failure => new Failure('postgres.format', { message });
