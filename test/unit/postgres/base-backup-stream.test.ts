import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ArchiveStream, joinedArchives, separateArchives } from '../../../src/postgres/archive-stream.ts';
import { baseBackupCommand } from '../../../src/postgres/base-backup.ts';
import { FrameReader } from '../../../src/postgres/frame-reader.ts';
import { ReplicationCommand } from '../../../src/postgres/replication-command.ts';
import { type TarMember, TarReader } from '../../../src/postgres/tar-reader.ts';

const frame = (type: string, body: Buffer = Buffer.alloc(0)): Buffer => {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};
const COPY_OUT = frame('H', Buffer.from([0, 0, 0]));

function member(name: string, type: string, content: Buffer, size?: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 'utf8');
  header.write('0000600\0', 100);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  size?.copy(header, 124);
  header.write('14700000000\0', 136);
  header.write('        ', 148);
  header.write(type, 156, 'latin1');
  header.write('ustar\x0000', 257);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

interface Content {
  readonly path: string;
  readonly data: Buffer;
}
const tarOf = (files: readonly Content[]): Buffer =>
  Buffer.concat(files.map(({ path, data }) => member(path, '0', data)));

/** The bytes as a connection gives them: cut anywhere, in one buffer that is used again for each read. */
function commandOf(bytes: Buffer, cuts: readonly number[]): ReplicationCommand {
  let at = 0;
  let index = 0;
  const buffer = Buffer.alloc(1 << 16);
  const source = {
    read: async () => {
      if (at >= bytes.length) throw new Error('the connection ended');
      const size = Math.min(cuts[index++ % cuts.length] ?? 1, buffer.length, bytes.length - at);
      buffer.fill(0xee);
      bytes.copy(buffer, 0, at, at + size);
      at += size;
      return buffer.subarray(0, size);
    },
  };
  return new ReplicationCommand(new FrameReader(source, 'test'), 'test');
}

async function readAll(archives: ArchiveStream): Promise<{ oid: string; files: Content[] }[]> {
  const found: { oid: string; files: Content[] }[] = [];
  for (let oid = await archives.next(); oid !== undefined; oid = await archives.next()) {
    const tar = new TarReader(archives, 'test');
    const files: Content[] = [];
    for (let each = await tar.next(); each !== undefined; each = await tar.next()) {
      const pieces: Buffer[] = [];
      for (let bytes = await tar.data(); bytes !== undefined; bytes = await tar.data()) pieces.push(Buffer.from(bytes));
      files.push({ path: each.path, data: Buffer.concat(pieces) });
    }
    found.push({ oid, files });
  }
  return found;
}

const contents = fc.array(
  fc.record({
    path: fc.stringMatching(/^[a-z0-9_]{1,20}(\/[a-z0-9_]{1,10}){0,2}$/),
    data: fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes)),
  }),
  { maxLength: 6 },
);
const cuts = fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 10 });
const slice = (bytes: Buffer, size: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );

describe('the archives of a base backup', () => {
  it('come through whole in the framing of 13 and 14, wherever the network cuts them', async () => {
    await fc.assert(
      fc.asyncProperty(contents, contents, cuts, fc.integer({ min: 1, max: 4000 }), async (space, base, at, size) => {
        const copy = (files: readonly Content[]): Buffer[] => [
          COPY_OUT,
          ...slice(tarOf(files), size).map((part) => frame('d', part)),
          frame('c'),
        ];
        const command = commandOf(Buffer.concat([...copy(space), ...copy(base)]), at);
        expect(await readAll(separateArchives(command, ['16385', '']))).toEqual([
          { oid: '16385', files: space },
          { oid: '', files: base },
        ]);
      }),
    );
  });

  it('come through whole in the framing of 15 and later, with progress between', async () => {
    await fc.assert(
      fc.asyncProperty(contents, contents, cuts, fc.integer({ min: 1, max: 4000 }), async (space, base, at, size) => {
        const inner = (type: string, body: Buffer): Buffer => frame('d', Buffer.concat([Buffer.from(type), body]));
        const copy = (name: string, files: readonly Content[]): Buffer[] => [
          inner('n', Buffer.from(`${name}\0/some/where\0`)),
          ...slice(Buffer.concat([tarOf(files), Buffer.alloc(1024)]), size).flatMap((part) => [
            inner('d', part),
            inner('p', Buffer.alloc(8)),
          ]),
        ];
        const bytes = Buffer.concat([COPY_OUT, ...copy('16385.tar', space), ...copy('base.tar', base), frame('c')]);
        expect(await readAll(joinedArchives(commandOf(bytes, at)))).toEqual([
          { oid: '16385', files: space },
          { oid: '', files: base },
        ]);
      }),
    );
  });

  it('break off with what the server says', async () => {
    const error = frame('E', Buffer.from('SERROR\0VERROR\0CXX000\0Mcould not read file "base/1/2"\0\0'));
    const part = frame('d', tarOf([{ path: 'a', data: Buffer.alloc(900) }]).subarray(0, 700));
    const command = commandOf(Buffer.concat([COPY_OUT, part, error]), [100]);
    await expect(readAll(separateArchives(command, ['']))).rejects.toThrow(
      'could not read file "base/1/2" (SQLSTATE XX000)',
    );
  });
});

describe('TarReader', () => {
  const read = async (bytes: Buffer): Promise<TarMember | undefined> => {
    let at = 0;
    const some = async (limit: number): Promise<Buffer | undefined> => {
      const piece = bytes.subarray(at, at + Math.min(limit, 100));
      at += piece.length;
      return piece.length === 0 ? undefined : piece;
    };
    return new TarReader({ some }, 'test').next();
  };

  it.each([
    ['../etc/passwd', 'unsafe path'],
    ['/etc/passwd', 'unsafe path'],
    ['a//b', 'unsafe path'],
    ['', 'unsafe path'],
  ])('refuses the path %j', async (path, message) => {
    await expect(read(member(path, '0', Buffer.alloc(0)))).rejects.toThrow(message);
  });

  it('refuses damaged headers, other kinds of members, and an archive that is cut or goes on after its end', async () => {
    const good = member('a', '0', Buffer.from('x'));
    const damaged = Buffer.from(good);
    damaged[0] = 0x62;
    await expect(read(damaged)).rejects.toThrow('wrong checksum');
    await expect(read(member('a', '1', Buffer.alloc(0)))).rejects.toThrow('unexpected type "1"');
    await expect(read(good.subarray(0, 300))).rejects.toThrow('ends in the middle of a header');
    await expect(read(Buffer.concat([Buffer.alloc(512), Buffer.from('x')]))).rejects.toThrow('goes on after its end');
  });

  it("reads sizes of 8 GiB and more in base 256, and PostgreSQL's paths of folders", async () => {
    const size = Buffer.alloc(12);
    size[0] = 0x80;
    size.writeBigUInt64BE(9n * 1024n ** 3n, 4);
    expect((await read(member('big', '0', Buffer.alloc(0), size)))?.size).toBe(9 * 1024 ** 3);
    size.fill(0xff);
    await expect(read(member('big', '0', Buffer.alloc(0), size))).rejects.toThrow('beyond 2^53');
    expect(await read(member('./pg_wal/archive_status/', '5', Buffer.alloc(0)))).toMatchObject({
      kind: 'directory',
      path: 'pg_wal/archive_status',
    });
  });
});

describe('baseBackupCommand', () => {
  const options = { label: "it's", fast: true, includeWal: false, verifyChecksums: true };

  it('speaks the syntax of the version', () => {
    expect(baseBackupCommand(options, 14)).toBe("BASE_BACKUP LABEL 'it''s' PROGRESS FAST NOWAIT TABLESPACE_MAP");
    expect(
      baseBackupCommand(
        { ...options, fast: false, includeWal: true, verifyChecksums: false, maxRateKibibytes: 64 },
        13,
      ),
    ).toBe("BASE_BACKUP LABEL 'it''s' PROGRESS WAL NOWAIT TABLESPACE_MAP NOVERIFY_CHECKSUMS MAX_RATE 64");
    expect(baseBackupCommand(options, 18)).toBe(
      "BASE_BACKUP (LABEL 'it''s', PROGRESS, CHECKPOINT 'fast', WAIT false, TABLESPACE_MAP, MANIFEST 'no', VERIFY_CHECKSUMS true)",
    );
  });
});
