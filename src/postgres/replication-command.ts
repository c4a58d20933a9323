import { type FrameReader, MESSAGE, parseDataRow, parseMessageFields } from './frame-reader.ts';
import { type ServerMessage, serverFailure } from './postgres-failure.ts';

/** The messages of one replication command: result rows and COPY data, with the server's notices collected and its errors thrown. */
export class ReplicationCommand {
  readonly frames: FrameReader;
  /** Warnings that the server has sent so far. */
  readonly warnings: ServerMessage[] = [];
  readonly #where: string;

  constructor(frames: FrameReader, where: string) {
    this.frames = frames;
    this.#where = where;
  }

  /** The type of the next message that is part of the command's result. Throws the server's error as a Failure. */
  async next(): Promise<number> {
    for (;;) {
      const type = await this.frames.next();
      if (type === MESSAGE.error) throw serverFailure(await this.#message(), this.#where);
      if (type === MESSAGE.notice) {
        const notice = await this.#message();
        if (notice.severity === 'WARNING') this.warnings.push(notice);
      } else if (type !== MESSAGE.parameterStatus) {
        return type;
      }
    }
  }

  /** A whole result set: the column values of its rows. */
  async rows(): Promise<readonly (readonly (string | null)[])[]> {
    await this.expect(MESSAGE.rowDescription);
    const rows: (readonly (string | null)[])[] = [];
    for (;;) {
      const type = await this.next();
      if (type === MESSAGE.commandComplete) return rows;
      if (type !== MESSAGE.dataRow) throw this.unexpected(type);
      rows.push(parseDataRow(await this.frames.body()));
    }
  }

  async expect(wanted: number): Promise<void> {
    const type = await this.next();
    if (type !== wanted) throw this.unexpected(type);
  }

  /** The start of a COPY; its column formats say nothing. */
  async expectCopy(): Promise<void> {
    await this.expect(MESSAGE.copyOut);
    await this.frames.body();
  }

  unexpected(type: number): Error {
    return this.frames.malformed(`an unexpected message of type ${JSON.stringify(String.fromCharCode(type))}`);
  }

  async #message(): Promise<ServerMessage> {
    const fields = parseMessageFields(await this.frames.body());
    return {
      // V is the severity in English whatever lc_messages is.
      severity: fields.get('V') ?? fields.get('S') ?? 'ERROR',
      code: fields.get('C') ?? 'XX000',
      message: fields.get('M') ?? 'no message',
      detail: fields.get('D'),
      hint: fields.get('H'),
    };
  }
}
