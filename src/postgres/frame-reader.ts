import { Failure } from '../domain/failure.ts';
import type { ByteSource } from './pull-socket.ts';

/** Type bytes of backend messages (PostgreSQL documentation, "Message Formats"). */
export const MESSAGE = {
  dataRow: 0x44, // D
  error: 0x45, // E
  rowDescription: 0x54, // T
  notice: 0x4e, // N
  parameterStatus: 0x53, // S
  commandComplete: 0x43, // C
  readyForQuery: 0x5a, // Z
  copyOut: 0x48, // H
  copyData: 0x64, // d
  copyDone: 0x63, // c
} as const;

// A message that is read as a whole: rows and errors of replication commands are far smaller.
const MAX_BODY = 1024 * 1024;

/** Reads messages from a connection. The body of a message can be read in pieces, without ever being in memory as a whole. */
export class FrameReader {
  readonly #source: ByteSource;
  readonly #where: string;
  #view: Buffer = Buffer.alloc(0);
  #left = 0;

  constructor(source: ByteSource, where: string) {
    this.#source = source;
    this.#where = where;
  }

  /** Bytes of the current message's body that have not been read. */
  get left(): number {
    return this.#left;
  }

  /** Skips what is left of the current message and gives the type of the next one. */
  async next(): Promise<number> {
    while (this.#left > 0) await this.some(this.#left);
    const header = await this.#exactly(5);
    const type = header[0] ?? 0;
    const length = header.readUInt32BE(1);
    if (length < 4) throw this.malformed(`a message of type ${type} with length ${length}`);
    this.#left = length - 4;
    return type;
  }

  /** At least one and at most `limit` bytes of the current message's body; a view that is valid until the next call of any method. */
  async some(limit: number): Promise<Buffer> {
    if (this.#view.length === 0) this.#view = await this.#source.read();
    const piece = this.#view.subarray(0, Math.min(limit, this.#left));
    this.#view = this.#view.subarray(piece.length);
    this.#left -= piece.length;
    return piece;
  }

  /** The rest of the current message's body, as a copy. */
  async body(): Promise<Buffer> {
    if (this.#left > MAX_BODY) throw this.malformed(`a message of ${this.#left} bytes where a short one was expected`);
    const bytes = await this.#exactly(this.#left);
    this.#left = 0;
    return bytes;
  }

  malformed(what: string): Failure {
    return new Failure('postgres.format', { message: `${this.#where}: the server sent ${what}` });
  }

  async #exactly(count: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(count);
    let have = 0;
    while (have < count) {
      if (this.#view.length === 0) this.#view = await this.#source.read();
      const taken = this.#view.copy(bytes, have, 0, count - have);
      this.#view = this.#view.subarray(taken);
      have += taken;
    }
    return bytes;
  }
}

/** A query message with one simple statement. */
export function queryMessage(sql: string): Buffer {
  const text = Buffer.from(`${sql}\0`);
  const message = Buffer.alloc(5 + text.length);
  message.write('Q', 0, 'latin1');
  message.writeUInt32BE(4 + text.length, 1);
  text.copy(message, 5);
  return message;
}

/** Columns of a DataRow in text format; null for SQL null. Throws RangeError where the row is cut. */
export function parseDataRow(body: Buffer): readonly (string | null)[] {
  const columns: (string | null)[] = [];
  let at = 2;
  for (let index = 0; index < body.readInt16BE(0); index += 1) {
    const length = body.readInt32BE(at);
    at += 4;
    if (length > body.length - at) throw new RangeError('a column reaches beyond its row');
    columns.push(length < 0 ? null : body.toString('utf8', at, at + length));
    at += Math.max(length, 0);
  }
  return columns;
}

/** The fields of an ErrorResponse or NoticeResponse by their type letter. */
export function parseMessageFields(body: Buffer): ReadonlyMap<string, string> {
  return new Map(
    body
      .toString('utf8')
      .split('\0')
      .filter((field) => field !== '')
      .map((field) => [field.slice(0, 1), field.slice(1)]),
  );
}
