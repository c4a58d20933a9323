import type { DesiredConnection } from '../domain/desired.ts';
import { Failure } from '../domain/failure.ts';
import { type Lsn, parseLsn } from '../domain/lsn.ts';
import { type SystemIdentifier, systemIdentifier } from '../domain/observed.ts';
import { type SegmentSize, segmentSize } from '../domain/segment.ts';
import {
  historyFileName,
  parseTimelineHistory,
  type TimelineHistory,
  type TimelineId,
  timelineId,
} from '../domain/timeline.ts';
import { openRaw, type PostgresContext, type RawConnection } from './connect.ts';

interface SystemIdentity {
  readonly systemIdentifier: SystemIdentifier;
  readonly timeline: TimelineId;
  /** The flush position of a primary, the replayed or received one of a standby. */
  readonly currentLsn: Lsn;
}

/** A connection to the replication protocol; needs only the REPLICATION privilege. */
export interface ReplicationConnection extends AsyncDisposable {
  readonly where: string;
  /** Major version of the server. `postgres.unsupported` below 13. */
  readonly major: number;
  identifySystem(): Promise<SystemIdentity>;
  segmentSize(): Promise<SegmentSize>;
  /** Whether the cluster has checksums on its pages; without them nothing can be verified. */
  hasPageChecksums(): Promise<boolean>;
  /** The bytes of the history file as the server has them, and what they say. Timeline 1 has no history file. */
  timelineHistory(timeline: TimelineId): Promise<{ readonly content: Buffer; readonly history: TimelineHistory }>;
  /** For the functions of this layer that speak the protocol themselves. */
  readonly raw: RawConnection;
}

export async function openReplication(
  connection: DesiredConnection,
  context: PostgresContext,
): Promise<ReplicationConnection> {
  const raw = await openRaw(connection, context);
  try {
    const version = await show(raw, 'server_version');
    const major = Number.parseInt(version, 10);
    if (!(major >= 13)) {
      throw new Failure('postgres.unsupported', {
        message: `${raw.where}: PostgreSQL ${version} is older than 13, the oldest that hoard backs up`,
      });
    }
    return replicationConnection(raw, major);
  } catch (error) {
    await raw[Symbol.asyncDispose]();
    throw error;
  }
}

function replicationConnection(raw: RawConnection, major: number): ReplicationConnection {
  return {
    where: raw.where,
    major,
    raw,
    async identifySystem() {
      // `timeline` is int4 up to 15, int8 (text for `pg`) from 16; `systemid` is text.
      const [row] = await raw.query<{ systemid: string; timeline: number | string; xlogpos: string }>(
        'IDENTIFY_SYSTEM',
      );
      if (!row) throw malformed(raw, 'IDENTIFY_SYSTEM gave no row');
      return {
        systemIdentifier: systemIdentifier(row.systemid),
        timeline: timelineId(Number(row.timeline)),
        currentLsn: parseLsn(row.xlogpos),
      };
    },
    async segmentSize() {
      return parseSize(raw, await show(raw, 'wal_segment_size'));
    },
    async hasPageChecksums() {
      return (await show(raw, 'data_checksums')) === 'on';
    },
    async timelineHistory(timeline) {
      // `content` is described as text up to 14 and bytea from 15; the bytes are sent raw in all.
      const [row] = await raw.query<{ filename: string; content: string | Buffer }>(`TIMELINE_HISTORY ${timeline}`);
      if (!row || row.filename !== historyFileName(timeline))
        throw malformed(raw, `TIMELINE_HISTORY ${timeline} gave no history`);
      const content = Buffer.from(row.content);
      return { content, history: parseTimelineHistory(timeline, content.toString('utf8')) };
    },
    [Symbol.asyncDispose]: () => raw[Symbol.asyncDispose](),
  };
}

async function show(raw: RawConnection, setting: string): Promise<string> {
  const [row] = await raw.query<Record<string, string>>(`SHOW ${setting}`);
  const value = Object.values(row ?? {})[0];
  if (value === undefined) throw malformed(raw, `SHOW ${setting} gave no row`);
  return value;
}

const UNITS: Readonly<Record<string, number>> = { B: 1, kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 };

/** `16MB`, as SHOW prints sizes: PostgreSQL's MB are 1024 * 1024 bytes. */
function parseSize(raw: RawConnection, text: string): SegmentSize {
  const match = /^(\d+)(B|kB|MB|GB)$/.exec(text);
  if (!match) throw malformed(raw, `wal_segment_size is "${text}"`);
  return segmentSize(Number(match[1]) * (UNITS[match[2] ?? ''] ?? Number.NaN));
}

const malformed = (raw: RawConnection, what: string): Failure =>
  new Failure('postgres.format', { message: `${raw.where}: ${what}` });
