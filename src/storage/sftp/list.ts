import type { FileEntryWithStats } from 'ssh2';
import { isKeySegment } from '../object-key.ts';
import type { ObjectInfo } from '../object-store.ts';
import type { DriverListOptions, DriverPage } from '../remote/driver.ts';
import type { SftpPlace } from './place.ts';
import { directoryOf, entriesOf, isHidden, notFollowed, requireRoot, statOrUndefined } from './root.ts';
import { hasStatus, STATUS, translating } from './status.ts';

/** Objects in a page: what S3 gives as well. */
const PAGE = 1000;
/** Walks that wait for their next page to be asked for. One that is forgotten costs a reading of its directories. */
const WAITING = 4;

interface Entry {
  /** Relative to the root; of directories with a slash at the end. */
  readonly path: string;
  readonly info: ObjectInfo | undefined;
}

/**
 * StoreDriver.listPage. As in a local store, a flat byte order over a tree: `a-b` comes before everything in `a/`, and that before
 * `a0`. A page ends with the key after which the next one begins. A directory is read whole, so the walk is kept between the pages:
 * otherwise a directory of a million names would be read a thousand times.
 */
export class SftpListing {
  readonly #place: SftpPlace;
  readonly #waiting = new Map<string, Walk>();

  constructor(place: SftpPlace) {
    this.#place = place;
  }

  async page(prefix: string, options: DriverListOptions): Promise<DriverPage> {
    const after = options.continuation ?? options.startAfter ?? '';
    const name = JSON.stringify([prefix, options.continuation ?? null]);
    const walk = this.#waiting.get(name) ?? new Walk(this.#place, prefix, after);
    this.#waiting.delete(name);
    const objects = await walk.take(PAGE, options.signal);
    const last = objects.at(-1)?.key;
    if (objects.length < PAGE || last === undefined) return { objects, next: undefined };
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size >= WAITING && oldest !== undefined) this.#waiting.delete(oldest);
    this.#waiting.set(JSON.stringify([prefix, last]), walk);
    return { objects, next: last };
  }
}

/** Memory: the names of the directories on the current path. */
class Walk {
  readonly #place: SftpPlace;
  readonly #prefix: string;
  readonly #after: string;
  /** The rest of each directory on the current path, last entry first. */
  #rest: Entry[][] | undefined;

  constructor(place: SftpPlace, prefix: string, after: string) {
    this.#place = place;
    this.#prefix = prefix;
    this.#after = after;
  }

  /** Fewer than `count` only at the end. */
  async take(count: number, signal: AbortSignal): Promise<ObjectInfo[]> {
    const { connection, root } = this.#place;
    const session = await connection.session(signal);
    const found: ObjectInfo[] = [];
    if (this.#rest === undefined) {
      await requireRoot(session, root, signal);
      const top = this.#prefix.slice(0, this.#prefix.lastIndexOf('/') + 1);
      this.#rest = isHidden(top) ? [] : [await this.#read(top, signal)];
    }
    for (let level = this.#rest.at(-1); level !== undefined; level = this.#rest.at(-1)) {
      if (found.length === count) return found;
      const entry = level.pop();
      if (entry === undefined) this.#rest.pop();
      else if (entry.info === undefined) this.#rest.push(await this.#read(entry.path, signal));
      else found.push(entry.info);
    }
    // Directories that vanish while they are listed are empty; a root that vanishes is a disk that went away in between.
    await requireRoot(await connection.session(signal), root, signal);
    return found;
  }

  async #read(directory: string, signal: AbortSignal): Promise<Entry[]> {
    const path = directoryOf(this.#place.root, directory);
    const session = await this.#place.connection.session(signal);
    const entries = await translating(`list ${path}`, async () => {
      try {
        return await entriesOf(session, path, signal);
      } catch (error) {
        if (hasStatus(error, STATUS.noSuchFile)) return [];
        // An object, and so no directory of others: OpenSSH calls that absent, others a failure.
        const isObject =
          hasStatus(error, STATUS.failure) && (await statOrUndefined(session, path, signal))?.isFile() === true;
        if (isObject) return [];
        throw error;
      }
    });
    return entries
      .filter(({ filename }) => isKeySegment(filename) && !isReserved(directory, filename))
      .map((entry) => entryOf(directory, entry))
      .filter((entry) => this.#wanted(entry.path))
      .sort((a, b) => (a.path < b.path ? 1 : a.path > b.path ? -1 : 0));
  }

  #wanted(path: string): boolean {
    const after = path > this.#after || (path.endsWith('/') && this.#after.startsWith(path));
    return after && (path.startsWith(this.#prefix) || (path.endsWith('/') && this.#prefix.startsWith(path)));
  }
}

/** At the top, the hidden folder and what mkfs puts into a file system are not objects. */
const isReserved = (directory: string, name: string): boolean =>
  directory === '' && (isHidden(name) || name === 'lost+found');

function entryOf(directory: string, { filename, attrs }: FileEntryWithStats): Entry {
  const key = `${directory}${filename}`;
  if (attrs.isDirectory()) return { path: `${key}/`, info: undefined };
  if (attrs.isFile()) return { path: key, info: { key, size: attrs.size, storedAt: attrs.mtime * 1000 } };
  throw notFollowed(key);
}
