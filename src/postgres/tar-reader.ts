import { Failure } from '../domain/failure.ts';

/** Bytes of one archive: at least one and at most `limit`, as a view that is valid until the next call; undefined at its end. */
export interface ArchiveBytes {
  some(limit: number): Promise<Buffer | undefined>;
}

export interface TarMember {
  readonly kind: 'file' | 'directory' | 'symlink';
  /** Relative, `/` separated, without a slash at its end; checked: no empty, `.` or `..` part. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly size: number;
  /** Of a symbolic link. */
  readonly target: string;
}

const BLOCK = 512;

/**
 * Reads a tar archive as PostgreSQL writes it (src/port/tar.c: ustar headers without prefix, sizes in octal or GNU base-256, only files,
 * directories and symbolic links). Everything else is refused with `postgres.format`, so that nothing is misread silently.
 */
export class TarReader {
  readonly #source: ArchiveBytes;
  readonly #where: string;
  /** Bytes of the current member and its padding that have not been read. */
  #left = 0;
  #padding = 0;

  constructor(source: ArchiveBytes, where: string) {
    this.#source = source;
    this.#where = where;
  }

  /** The next member; what is left of the current one is skipped. Undefined at the end of the archive, which is then read to its end. */
  async next(): Promise<TarMember | undefined> {
    while ((await this.data()) !== undefined);
    const header = await this.#block();
    // Before version 15 the server ends an archive without the two empty blocks.
    if (header === undefined) return undefined;
    if (header.every((byte) => byte === 0)) {
      await this.#onlyZeros();
      return undefined;
    }
    const member = parseHeader(header, this.#where);
    this.#left = member.size;
    this.#padding = (BLOCK - (member.size % BLOCK)) % BLOCK;
    return member;
  }

  /** The next bytes of the current member as a view that is valid until the next call; undefined at its end. */
  async data(): Promise<Buffer | undefined> {
    if (this.#left > 0) {
      const bytes = await this.#some(this.#left);
      this.#left -= bytes.length;
      return bytes;
    }
    while (this.#padding > 0) this.#padding -= (await this.#some(this.#padding)).length;
    return undefined;
  }

  async #some(limit: number): Promise<Buffer> {
    const bytes = await this.#source.some(limit);
    if (bytes === undefined) throw malformed(this.#where, 'the archive ends in the middle of a file');
    return bytes;
  }

  async #block(): Promise<Buffer | undefined> {
    const block = Buffer.allocUnsafe(BLOCK);
    let have = 0;
    while (have < BLOCK) {
      const bytes = await this.#source.some(BLOCK - have);
      if (bytes === undefined && have === 0) return undefined;
      if (bytes === undefined) throw malformed(this.#where, 'the archive ends in the middle of a header');
      have += bytes.copy(block, have);
    }
    return block;
  }

  async #onlyZeros(): Promise<void> {
    for (let bytes = await this.#source.some(BLOCK); bytes !== undefined; bytes = await this.#source.some(BLOCK)) {
      if (bytes.some((byte) => byte !== 0)) throw malformed(this.#where, 'the archive goes on after its end');
    }
  }
}

const KINDS = new Map<string, TarMember['kind']>([
  ['0', 'file'],
  ['\0', 'file'],
  ['2', 'symlink'],
  ['5', 'directory'],
]);

/** Offsets and widths: POSIX ustar. Throws `postgres.format`. */
function parseHeader(header: Buffer, where: string): TarMember {
  // The checksum is the sum of all bytes with its own field taken as spaces.
  let sum = 8 * 0x20;
  for (const [index, byte] of header.entries()) if (index < 148 || index >= 156) sum += byte;
  if (numberAt(header, 148, 8, where) !== sum) throw malformed(where, 'a tar header has a wrong checksum');
  const type = header.toString('latin1', 156, 157);
  const kind = KINDS.get(type);
  if (!kind) throw malformed(where, `a tar member has the unexpected type ${JSON.stringify(type)}`);
  // The server writes pg_wal's folders as `./pg_wal/…`, everything else without the dot.
  const path = textAt(header, 0, 100).replace(/^\.\//, '').replace(/\/$/, '');
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    throw malformed(where, `a tar member has the unsafe path ${JSON.stringify(path)}`);
  }
  const size = numberAt(header, 124, 12, where);
  return {
    kind,
    path,
    mode: numberAt(header, 100, 8, where) & 0o7777,
    mtime: numberAt(header, 136, 12, where),
    size: kind === 'file' ? size : 0,
    target: kind === 'symlink' ? textAt(header, 157, 100) : '',
  };
}

function textAt(header: Buffer, at: number, width: number): string {
  const field = header.subarray(at, at + width);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? width : end);
}

/** Octal digits, or big-endian binary behind a byte with its highest bit set (GNU) where the number needs more digits than fit. */
function numberAt(header: Buffer, at: number, width: number, where: string): number {
  const field = header.subarray(at, at + width);
  if (((field[0] ?? 0) & 0x80) === 0) {
    const text = field
      .toString('latin1')
      .replace(/[\0 ]+$/, '')
      .trimStart();
    if (/^[0-7]*$/.test(text)) return text === '' ? 0 : Number.parseInt(text, 8);
    throw malformed(where, `a tar header has the malformed number ${JSON.stringify(text)}`);
  }
  let value = (field[0] ?? 0) & 0x7f;
  for (const byte of field.subarray(1)) value = value * 256 + byte;
  if (!Number.isSafeInteger(value)) throw malformed(where, 'a tar header has a number beyond 2^53');
  return value;
}

const malformed = (where: string, what: string): Failure =>
  new Failure('postgres.format', { message: `${where}: ${what}` });
