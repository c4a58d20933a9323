import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_SEGMENT_SIZE, parseSegmentName, type SegmentSize, segmentStart } from '../../src/domain/segment.ts';
import { parseTimelineName } from '../../src/domain/timeline.ts';
import { TEST_SYSTEM } from './small-backup.ts';

/** The header of a segment's first page, and random bytes behind it: all that archiving looks at. */
export function makeSegment(
  name: string,
  given: {
    readonly size?: SegmentSize;
    readonly systemIdentifier?: string;
    /** What the page says; default: what the name says. */
    readonly timeline?: number;
    readonly address?: bigint;
    readonly magic?: number;
  } = {},
): Buffer {
  const size = given.size ?? DEFAULT_SEGMENT_SIZE;
  const bytes = Buffer.alloc(size);
  // Not all of it random: compressing 16 MiB of noise takes its time.
  randomBytes(8192).copy(bytes, 40);
  bytes.writeUInt16LE(given.magic ?? 0xd110, 0);
  bytes.writeUInt16LE(2, 2);
  bytes.writeUInt32LE(given.timeline ?? parseTimelineName(name.slice(0, 8)), 4);
  bytes.writeBigUInt64LE(given.address ?? segmentStart(parseSegmentName(name.slice(0, 24), size).number, size), 8);
  bytes.writeUInt32LE(0, 16);
  bytes.writeBigUInt64LE(BigInt(given.systemIdentifier ?? TEST_SYSTEM), 24);
  bytes.writeUInt32LE(size, 32);
  bytes.writeUInt32LE(8192, 36);
  return bytes;
}

/** A directory with pg_wal in it, as PostgreSQL's working directory. */
export interface DataDirectory extends AsyncDisposable {
  readonly directory: string;
  /** Writes pg_wal/<name>; its path. */
  put(name: string, bytes: Buffer | string): Promise<string>;
}

export async function makeDataDirectory(): Promise<DataDirectory> {
  const directory = await mkdtemp(join(tmpdir(), 'hoard-data-'));
  await mkdir(join(directory, 'pg_wal'));
  return {
    directory,
    put: async (name, bytes) => {
      const path = join(directory, 'pg_wal', name);
      await writeFile(path, bytes);
      return path;
    },
    [Symbol.asyncDispose]: async () => rm(directory, { recursive: true, force: true }),
  };
}
