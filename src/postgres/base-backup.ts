import type { Duplex } from 'node:stream';
import { type Bytes, bytesOf } from '../domain/bytes.ts';
import { Failure } from '../domain/failure.ts';
import { type Lsn, parseLsn } from '../domain/lsn.ts';
import { type TimelineId, timelineId } from '../domain/timeline.ts';
import { type ArchiveStream, joinedArchives, separateArchives } from './archive-stream.ts';
import { FrameReader, MESSAGE, queryMessage } from './frame-reader.ts';
import type { ServerMessage } from './postgres-failure.ts';
import type { ReplicationConnection } from './replication.ts';
import { ReplicationCommand } from './replication-command.ts';
import { TarReader } from './tar-reader.ts';

export interface BaseBackupOptions {
  /** Stands in backup_label and in the server's log. */
  readonly label: string;
  /** An immediate checkpoint; otherwise the server spreads its writes over its checkpoint_timeout before the first byte comes. */
  readonly fast: boolean;
  /** The files contain the WAL that makes the backup consistent, and the server does not wait for that WAL to be archived. */
  readonly includeWal: boolean;
  /** The server verifies page checksums while it reads (nothing happens in a cluster without them). */
  readonly verifyChecksums: boolean;
  /** Kibibytes a second, 32 to 1,048,576 (BASE_BACKUP's MAX_RATE). */
  readonly maxRateKibibytes?: number;
}

/** A base backup that is being sent. Read `entries` to their end, then call finish(). */
export interface BaseBackup {
  readonly startLsn: Lsn;
  readonly timeline: TimelineId;
  /** Tablespaces outside the data directory. */
  readonly tablespaces: readonly {
    readonly oid: string;
    readonly path: string;
    readonly sizeEstimate: Bytes | undefined;
  }[];
  /** The server's estimate for everything, before compression; pg_wal not counted. */
  readonly sizeEstimate: Bytes | undefined;
  /**
   * Files, directories and links in the order of arrival; once. One at a time: an entry's data must be read before the next one, what is left is skipped.
   * Members of tablespaces are under `pg_tblspc/<oid>/`. `backup_label` and `tablespace_map` come as files.
   */
  readonly entries: AsyncIterable<BackupEntry>;
  /** The end of the backup. Throws `bug` before all entries were read. */
  finish(): Promise<BaseBackupEnd>;
}

export interface BaseBackupEnd {
  readonly stopLsn: Lsn;
  readonly timeline: TimelineId;
  /** What the server warned of, checksum failures among it. */
  readonly warnings: readonly string[];
  /** Pages failed the server's check: the backup is complete, but it contains damaged pages. */
  readonly checksumFailures: boolean;
}

export type BackupEntry =
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly mode: number;
      /** Seconds since 1970. */
      readonly mtime: number;
      readonly size: number;
      /** Views that are valid until the next one is asked for: copy what must stay. Exactly `size` bytes. */
      readonly data: AsyncIterable<Uint8Array>;
    }
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number; readonly mtime: number }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string };

/**
 * Starts BASE_BACKUP; resolves when the server's checkpoint is done and the files begin. Uses the connection up: dispose of it afterwards. The signal
 * that the connection was opened with ends it at any time, which ends the backup on the server too.
 * Throws `postgres.rejected` without the REPLICATION privilege, `postgres.query` for other refusals, `postgres.broken` where the connection ends.
 */
export async function startBaseBackup(
  connection: ReplicationConnection,
  options: BaseBackupOptions,
): Promise<BaseBackup> {
  const { raw, major } = connection;
  const where = `${raw.where}: base backup`;
  const { stream } = raw.client.connection;
  const frames = new FrameReader(raw.take('base backup'), where);
  const command = new ReplicationCommand(frames, where);
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      stream.destroy();
      raw.signal.throwIfAborted();
      throw error;
    }
  };
  stream.write(queryMessage(baseBackupCommand(options, major)));
  return guarded(async () => {
    const start = position(command, (await command.rows())[0]);
    const list = (await command.rows()).map(([oid, path, size]) => ({
      oid: oid ?? '',
      path: path ?? '',
      // In kibibytes.
      sizeEstimate: size == null ? undefined : bytesOf(Number(size) * 1024),
    }));
    const archives =
      major >= 15
        ? joinedArchives(command)
        : separateArchives(
            command,
            list.map(({ oid }) => oid),
          );
    let drained = false;
    return {
      startLsn: start.at,
      timeline: start.timeline,
      tablespaces: list.filter(({ oid }) => oid !== ''),
      sizeEstimate: list.some(({ sizeEstimate }) => sizeEstimate === undefined)
        ? undefined
        : bytesOf(list.reduce((sum, { sizeEstimate = 0 }) => sum + sizeEstimate, 0)),
      entries: readEntries(archives, where, guarded, () => {
        drained = true;
      }),
      finish: () =>
        guarded(async () => {
          if (!drained)
            throw new Failure('bug', { message: 'a base backup was finished before all its entries were read' });
          return readEnd(command, stream);
        }),
    };
  });
}

async function readEnd(command: ReplicationCommand, stream: Duplex): Promise<BaseBackupEnd> {
  const end = position(command, (await command.rows())[0]);
  let checksumFailures = false;
  try {
    while ((await command.next()) !== MESSAGE.readyForQuery);
  } catch (error) {
    // After everything, stop position included, the server reports pages with wrong checksums as an error (basebackup.c: ERRCODE_DATA_CORRUPTED).
    if (!(error instanceof Failure && error.message.includes('SQLSTATE XX001'))) throw error;
    checksumFailures = true;
  }
  // Terminate; nobody reads the taken connection to its end.
  stream.end(Buffer.from([0x58, 0, 0, 0, 4]), () => stream.destroy());
  return { stopLsn: end.at, timeline: end.timeline, warnings: command.warnings.map(render), checksumFailures };
}

const render = ({ message, detail }: ServerMessage): string =>
  detail === undefined ? message : `${message} (${detail})`;

type Guard = <T>(work: () => Promise<T>) => Promise<T>;

async function* readEntries(
  archives: ArchiveStream,
  where: string,
  guarded: Guard,
  drained: () => void,
): AsyncGenerator<BackupEntry> {
  for (let oid = await guarded(() => archives.next()); oid !== undefined; oid = await guarded(() => archives.next())) {
    const prefix = oid === '' ? '' : `pg_tblspc/${oid}/`;
    const tar = new TarReader(archives, where);
    for (let member = await guarded(() => tar.next()); member !== undefined; member = await guarded(() => tar.next())) {
      const path = prefix + member.path;
      const { kind, mode, mtime, size, target } = member;
      if (kind === 'file') yield { kind, path, mode, mtime, size, data: readData(tar, guarded) };
      else if (kind === 'directory') yield { kind, path, mode, mtime };
      else yield { kind, path, target };
    }
  }
  drained();
}

async function* readData(tar: TarReader, guarded: Guard): AsyncGenerator<Uint8Array> {
  for (let bytes = await guarded(() => tar.data()); bytes !== undefined; bytes = await guarded(() => tar.data()))
    yield bytes;
}

/** The one row of a position result: LSN and timeline. */
function position(
  command: ReplicationCommand,
  row: readonly (string | null)[] | undefined,
): { readonly at: Lsn; readonly timeline: TimelineId } {
  const [at, timeline] = row ?? [];
  if (at == null || timeline == null) throw command.frames.malformed('no position where a base backup has one');
  return { at: parseLsn(at), timeline: timelineId(Number(timeline)) };
}

/** BASE_BACKUP in the syntax of the version: a list of words up to 14, a list of options in parentheses from 15. */
export function baseBackupCommand(options: BaseBackupOptions, major: number): string {
  const label = `'${options.label.replaceAll("'", "''")}'`;
  const rate = options.maxRateKibibytes;
  const words =
    major >= 15
      ? [
          `LABEL ${label}`,
          'PROGRESS',
          `CHECKPOINT '${options.fast ? 'fast' : 'spread'}'`,
          ...(options.includeWal ? ['WAL'] : []),
          'WAIT false',
          'TABLESPACE_MAP',
          "MANIFEST 'no'",
          `VERIFY_CHECKSUMS ${options.verifyChecksums}`,
          ...(rate === undefined ? [] : [`MAX_RATE ${rate}`]),
        ]
      : [
          `LABEL ${label}`,
          'PROGRESS',
          ...(options.fast ? ['FAST'] : []),
          ...(options.includeWal ? ['WAL'] : []),
          'NOWAIT',
          'TABLESPACE_MAP',
          ...(options.verifyChecksums ? [] : ['NOVERIFY_CHECKSUMS']),
          ...(rate === undefined ? [] : [`MAX_RATE ${rate}`]),
        ];
  return `BASE_BACKUP ${major >= 15 ? `(${words.join(', ')})` : words.join(' ')}`;
}
