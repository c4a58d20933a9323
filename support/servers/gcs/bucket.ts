import { checksumsOf } from './checksums.ts';
import { GcsError, noObject } from './gcs-error.ts';
import type { Settable, StoredObject } from './stored-object.ts';

export interface BucketOptions {
  readonly versioning?: boolean;
  /** A bucket's retention policy, in seconds. */
  readonly retentionPeriod?: number;
  /** Whether objects may have a retention of their own. */
  readonly objectRetention?: boolean;
  readonly defaultEventBasedHold?: boolean;
}

/**
 * The objects of a bucket. Every method runs to its end without giving way, which is the lock under which preconditions and the change
 * that they allow are one.
 */
export class Bucket {
  readonly name: string;
  readonly options: BucketOptions;
  readonly timeCreated = Date.now();
  readonly #now: () => number;
  readonly #live = new Map<string, StoredObject>();
  readonly #noncurrent = new Map<string, StoredObject[]>();
  #sorted: readonly string[] | undefined;
  #lastGeneration = 0;

  constructor(name: string, options: BucketOptions, now: () => number) {
    this.name = name;
    this.options = options;
    this.#now = now;
  }

  get isEmpty(): boolean {
    return this.#live.size === 0 && this.#noncurrent.size === 0;
  }

  find(name: string, generation?: string): StoredObject | undefined {
    const live = this.#live.get(name);
    if (generation === undefined || (live !== undefined && String(live.generation) === generation)) return live;
    return this.#noncurrent.get(name)?.find((each) => String(each.generation) === generation);
  }

  get(name: string, generation?: string): StoredObject {
    const found = this.find(name, generation);
    if (found === undefined) throw noObject(this.name, generation === undefined ? name : `${name}#${generation}`);
    return found;
  }

  /** Makes a new generation the live one. */
  insert(name: string, content: Buffer, settable: Settable, composite?: number): StoredObject {
    const replaced = this.#live.get(name);
    if (replaced !== undefined) this.#requireFree(replaced, 'overwritten', this.options.versioning === true);
    const now = this.#now();
    // A generation is a time in microseconds, and larger than every one before.
    this.#lastGeneration = Math.max(this.#lastGeneration + 1, now * 1000);
    const { crc32c, md5Hash } = checksumsOf(content);
    const stored: StoredObject = {
      ...settable,
      eventBasedHold: settable.eventBasedHold ?? this.options.defaultEventBasedHold,
      name,
      content,
      crc32c,
      md5Hash: composite === undefined ? md5Hash : undefined,
      componentCount: composite,
      generation: this.#lastGeneration,
      metageneration: 1,
      timeCreated: now,
      updated: now,
      timeDeleted: undefined,
      released: undefined,
    };
    if (replaced !== undefined) this.#retire(replaced, now);
    else this.#sorted = undefined;
    this.#live.set(name, stored);
    return stored;
  }

  update(object: StoredObject, settable: Settable): StoredObject {
    const now = this.#now();
    const changed = { ...object, ...settable, metageneration: object.metageneration + 1, updated: now };
    if (object.eventBasedHold === true && changed.eventBasedHold !== true) changed.released = now;
    if (this.#live.get(object.name) === object) this.#live.set(object.name, changed);
    else {
      const old = this.#noncurrent.get(object.name) ?? [];
      this.#noncurrent.set(object.name, old.with(old.indexOf(object), changed));
    }
    return changed;
  }

  /** With a generation named, that one goes for good; else a versioned bucket keeps it as a noncurrent one. */
  delete(object: StoredObject, named: boolean): void {
    const isLive = this.#live.get(object.name) === object;
    this.#requireFree(object, 'deleted', isLive && !named && this.options.versioning === true);
    if (isLive) {
      this.#live.delete(object.name);
      this.#sorted = undefined;
      if (!named) this.#retire(object, this.#now());
      return;
    }
    const rest = (this.#noncurrent.get(object.name) ?? []).filter((each) => each !== object);
    if (rest.length === 0) this.#noncurrent.delete(object.name);
    else this.#noncurrent.set(object.name, rest);
  }

  /** Names in order of their UTF-8, which for the names of tests is that of JavaScript too; with all versions of each, oldest first. */
  sorted(versions: boolean): readonly string[] {
    if (versions) return [...new Set([...this.#live.keys(), ...this.#noncurrent.keys()])].sort(byBytes);
    this.#sorted ??= [...this.#live.keys()].sort(byBytes);
    return this.#sorted;
  }

  versions(name: string): readonly StoredObject[] {
    const live = this.#live.get(name);
    return [...(this.#noncurrent.get(name) ?? []), ...(live === undefined ? [] : [live])];
  }

  /** When the bucket's own policy lets go of an object; event-based holds start the time anew. */
  retentionExpires(object: StoredObject): number | undefined {
    const { retentionPeriod } = this.options;
    return retentionPeriod === undefined || object.eventBasedHold === true
      ? undefined
      : (object.released ?? object.timeCreated) + retentionPeriod * 1000;
  }

  #retire(object: StoredObject, now: number): void {
    if (this.options.versioning !== true) return;
    this.#noncurrent.set(object.name, [...(this.#noncurrent.get(object.name) ?? []), { ...object, timeDeleted: now }]);
  }

  /** A hold keeps an object from becoming noncurrent as well; a retention only from going for good. */
  #requireFree(object: StoredObject, what: string, archives: boolean): void {
    const id = `Object '${this.name}/${object.name}'`;
    const held = object.temporaryHold === true ? 'Temporary' : 'Event-Based';
    if (object.temporaryHold === true || object.eventBasedHold === true) {
      throw new GcsError(
        403,
        'objectUnderActiveHold',
        `${id} is under active ${held} hold and cannot be deleted, overwritten or archived until hold is removed.`,
      );
    }
    const until = Math.max(
      this.retentionExpires(object) ?? 0,
      object.retention === undefined ? 0 : Date.parse(object.retention.retainUntilTime),
    );
    if (until > this.#now() && !archives) {
      throw new GcsError(
        403,
        'retentionPolicyNotMet',
        `${id} is subject to bucket's retention policy or object retention and cannot be ${what} until ${new Date(until).toISOString()}`,
      );
    }
  }
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
