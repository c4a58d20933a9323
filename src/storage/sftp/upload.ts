import { Failure } from '../../domain/failure.ts';
import type { ObjectInfo } from '../object-store.ts';
import type { Body, DriverOptions, DriverPutOptions, DriverUpload } from '../remote/driver.ts';
import { closeFile, openFile, syncFile, writing } from './files.ts';
import { writeBody } from './pipeline.ts';
import type { SftpPlace } from './place.ts';
import { publish } from './publish.ts';
import { wrongSize } from './put.ts';
import { objectPath, statOrUndefined } from './root.ts';
import type { Session } from './session.ts';
import { namingFullness } from './space.ts';
import { hasStatus, STATUS, translating } from './status.ts';
import { openTemp, removeTemp, settleTemp, tempPath } from './temp-file.ts';

export async function beginUpload(place: SftpPlace, key: string, options: DriverPutOptions): Promise<DriverUpload> {
  const upload = new SftpUpload(place, key, options);
  await upload.begin(options.signal);
  return upload;
}

/** An object that is written into one hidden file, its parts in any order, each at its place. */
class SftpUpload implements DriverUpload {
  readonly #place: SftpPlace;
  readonly #key: string;
  readonly #target: string;
  readonly #temp: string;
  readonly #ifAbsent: boolean;
  #size = 0;
  /** A replacement takes the hidden name away: where it is missing after this, it has happened. */
  #publishing = false;

  constructor(place: SftpPlace, key: string, { token, ifAbsent }: DriverPutOptions) {
    this.#place = place;
    this.#key = key;
    this.#target = objectPath(place.root, key);
    this.#temp = tempPath(place, token);
    this.#ifAbsent = ifAbsent;
  }

  async begin(signal: AbortSignal): Promise<void> {
    await this.#inSession(signal, async (session) => {
      const { handle } = await openTemp(session, this.#place, this.#temp, signal);
      closeFile(session, handle);
    });
  }

  async putPart(part: { readonly offset: number }, body: Body, { signal }: DriverOptions): Promise<void> {
    await this.#inSession(signal, async (session) =>
      this.#inFile(session, signal, async (handle) => {
        await writeBody(session, handle, body, part.offset, signal);
        // Now, and not only at the end: a server that is started again in between may have forgotten what it had acknowledged.
        await syncFile(session, handle, signal);
      }),
    );
    this.#size = Math.max(this.#size, part.offset + body.length);
  }

  async complete({ signal }: DriverOptions): Promise<ObjectInfo> {
    return this.#inSession(signal, async (session) => {
      const done = this.#publishing ? await this.#replaced(session, signal) : undefined;
      if (done !== undefined) return done;
      const written = await this.#inFile(session, signal, async (handle) => settleTemp(session, handle, signal));
      if (written.size !== this.#size) throw wrongSize(this.#target, written.size, this.#size);
      this.#publishing = true;
      const names = { temp: this.#temp, target: this.#target, ifAbsent: this.#ifAbsent };
      await publish(session, this.#place, names, signal);
      if (this.#ifAbsent) removeTemp(session, this.#temp);
      return { key: this.#key, ...written };
    });
  }

  async abort({ signal }: DriverOptions): Promise<void> {
    removeTemp(await this.#place.connection.session(signal), this.#temp);
  }

  /** The object of an earlier `complete` whose answer was lost. */
  async #replaced(session: Session, signal: AbortSignal): Promise<ObjectInfo | undefined> {
    if ((await statOrUndefined(session, this.#temp, signal)) !== undefined) return undefined;
    const found = await statOrUndefined(session, this.#target, signal);
    if (found === undefined) return undefined;
    return { key: this.#key, size: this.#size, storedAt: found.mtime * 1000 };
  }

  async #inFile<T>(session: Session, signal: AbortSignal, work: (handle: Buffer) => Promise<T>): Promise<T> {
    let handle: Buffer;
    try {
      handle = await openFile(session, this.#temp, 'write', signal);
    } catch (error) {
      if (!hasStatus(error, STATUS.noSuchFile)) throw error;
      throw new Failure('store.rejected', {
        message: `the unfinished upload of ${this.#target} is gone: somebody has removed ${this.#temp}`,
        hint: 'start the transfer anew, and keep what cleans up the hidden folder away from running uploads',
        cause: error,
      });
    }
    return writing(session, handle, signal, work);
  }

  async #inSession<T>(signal: AbortSignal, work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.#place.connection.session(signal);
    return translating(`write ${this.#target}`, async () =>
      namingFullness(session, this.#place.root.directory, async () => work(session)),
    );
  }
}
