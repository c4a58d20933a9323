import { MESSAGE } from './frame-reader.ts';
import type { ReplicationCommand } from './replication-command.ts';
import type { ArchiveBytes } from './tar-reader.ts';

/** The tar archives of a BASE_BACKUP, one for each tablespace, in order of arrival. */
export interface ArchiveStream extends ArchiveBytes {
  /** Moves to the next archive, whose bytes `some` then gives: the OID of its tablespace, '' for the data directory; undefined after the last. */
  next(): Promise<string | undefined>;
}

/** Versions 13 and 14: one COPY for each tablespace, in the order of the tablespace list. */
export function separateArchives(command: ReplicationCommand, tablespaces: readonly string[]): ArchiveStream {
  const { frames } = command;
  let index = 0;
  return {
    async next() {
      const oid = tablespaces[index];
      index += 1;
      if (oid !== undefined) await command.expectCopy();
      return oid;
    },
    async some(limit) {
      while (frames.left === 0) {
        const type = await command.next();
        if (type === MESSAGE.copyDone) return undefined;
        if (type !== MESSAGE.copyData) throw command.unexpected(type);
      }
      return frames.some(limit);
    },
  };
}

/** Types of the messages inside CopyData (PostgreSQL documentation, "Streaming Replication Protocol", BASE_BACKUP). */
const INNER = { newArchive: 0x6e, data: 0x64, progress: 0x70, manifest: 0x6d } as const;

/** From version 15: one COPY whose messages say what they are. */
export function joinedArchives(command: ReplicationCommand): ArchiveStream {
  const { frames } = command;
  let started = false;
  let ended = false;
  let announced: string | undefined;
  /** True when data of the current archive can be read; false when another archive or the end comes. */
  const toData = async (): Promise<boolean> => {
    while (frames.left === 0) {
      if (ended || announced !== undefined) return false;
      const type = await command.next();
      if (type === MESSAGE.copyDone) {
        ended = true;
        continue;
      }
      if (type !== MESSAGE.copyData || frames.left === 0) throw command.unexpected(type);
      const inner = (await frames.some(1))[0];
      if (inner === INNER.newArchive) announced = archiveName(await frames.body());
      else if (inner === INNER.progress) await frames.body();
      else if (inner !== INNER.data) throw frames.malformed(`an unexpected part of type ${inner} in a base backup`);
    }
    return true;
  };
  return {
    async next() {
      if (!started) await command.expectCopy();
      started = true;
      if (await toData()) throw frames.malformed('backup data that belongs to no archive');
      const name = announced;
      announced = undefined;
      return name;
    },
    async some(limit) {
      return (await toData()) ? frames.some(limit) : undefined;
    },
  };
  /** `16385.tar` to `16385`, `base.tar` to ''. The tablespace's path, which follows, is known from the tablespace list. */
  function archiveName(body: Buffer): string {
    const name = body.toString('utf8', 0, body.indexOf(0));
    const match = /^(?:base|(\d+))\.tar$/.exec(name);
    if (!match) throw frames.malformed(`an archive with the unexpected name ${JSON.stringify(name)}`);
    return match[1] ?? '';
  }
}
