import { type CheckStep, failed, passed, warned } from '../domain/check.ts';
import { Failure, isFailure } from '../domain/failure.ts';
import { formatInstant, instant } from '../domain/instant.ts';
import type { Clock } from '../telemetry/effects.ts';
import { ABANDONED_AFTER } from './abandoned-uploads.ts';
import type { DeleteResult, ObjectInfo, ObjectStore } from './object-store.ts';

/** Where the probe writes: no key of the repository format begins so. */
const PROBE_PREFIX = 'hoard-check/';

const BYTES = 4096;
const RANGE = { offset: 1000, length: 96 };

/** Requests signed with a clock that is off by more are refused by S3 (15 minutes); leases of two hosts compare clocks, too. */
const MAX_CLOCK_DIFFERENCE = 5 * 60_000;

/** How long a listing that may be late is waited for. */
const LISTING_MILLISECONDS = 10_000;

const CLEANUP_MILLISECONDS = 30_000;

interface Probe {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly folder: string;
  readonly bytes: Uint8Array;
}

/**
 * Does everything that hoard needs of a store, below a folder of its own, and says step by step what went. Never throws for what the
 * store refuses: a step that failed is one result, and what does not rest on it is tried all the same. What was written is removed,
 * also after a failure and an abort.
 */
export async function probeStore(args: {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: (count: number) => Uint8Array;
  readonly signal: AbortSignal;
}): Promise<readonly CheckStep[]> {
  const name = Buffer.from(args.random(8)).toString('hex');
  const probe: Probe = { ...args, folder: `${PROBE_PREFIX}${name}/`, bytes: args.random(BYTES) };
  const whole = `${probe.folder}written`;
  const created = `${probe.folder}created`;
  let removed = false;
  try {
    const steps: CheckStep[] = [];
    const run = async (step: string, work: () => Promise<CheckStep>): Promise<boolean> => {
      const result = await attempt(step, probe.signal, work);
      steps.push(result);
      return result.state !== 'failed';
    };
    if (!(await run('write', () => write(probe, whole)))) return steps;
    await run('create', () => create(probe, created));
    await run('read', () => read(probe, whole));
    await run('range', () => readRange(probe, whole));
    await run('clock', () => compareClocks(probe, whole));
    await run('list', () => list(probe, whole));
    await run('uploads', () => abandonedUploads(probe));
    removed = await run('delete', () => remove(probe, [whole, created]));
    return steps;
  } finally {
    if (!removed) await tidy(probe, [whole, created]);
  }
}

async function attempt(name: string, signal: AbortSignal, work: () => Promise<CheckStep>): Promise<CheckStep> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Failure) || error.class === 'bug') throw error;
    if (!isFailure(error, 'store.denied')) return failed(name, error);
    const denied = new Failure('store.denied', {
      message: `${DOING[name] ?? name} was denied: ${error.message}`,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    });
    return failed(name, denied);
  }
}

const DOING: Readonly<Record<string, string>> = {
  write: 'writing an object',
  create: 'creating an object where its name is free',
  read: 'reading an object',
  range: 'reading a part of an object',
  clock: 'asking for size and time of an object',
  list: 'listing objects',
  uploads: 'looking for abandoned uploads',
  delete: 'deleting objects',
};

async function write({ store, bytes, signal }: Probe, key: string): Promise<CheckStep> {
  await store.put(key, once(bytes), { size: bytes.byteLength, unlocked: true, signal });
  return passed('write', `wrote an object of ${bytes.byteLength} bytes`);
}

async function create({ store, bytes, signal }: Probe, key: string): Promise<CheckStep> {
  const options = { size: bytes.byteLength, ifAbsent: true, unlocked: true, signal };
  await store.put(key, once(bytes), options);
  try {
    await store.put(key, once(bytes), options);
  } catch (error) {
    if (!isFailure(error, 'store.exists')) throw error;
    if ((await store.conditionalCreateLimit({ signal })) > 0)
      return passed('create', 'created an object on condition that its name is free; a second time was refused');
    return warned(
      'create',
      'the store refuses a name that is taken, but two writers at once may both succeed',
      'leases are taken in PostgreSQL instead: a connection to the primary must be declared',
    );
  }
  throw new Failure('store.rejected', {
    message: 'the store made an object a second time although it was to be made only where its name is free',
    hint: 'it ignores If-None-Match: a newer version of the store is needed, hoard cannot keep two writers apart there',
  });
}

async function read({ store, bytes, signal }: Probe, key: string): Promise<CheckStep> {
  requireEqual(await collect(store, key, signal), bytes, 'what was read is not what was written');
  return passed('read', `read back the same ${bytes.byteLength} bytes`);
}

async function readRange({ store, bytes, signal }: Probe, key: string): Promise<CheckStep> {
  const wanted = bytes.subarray(RANGE.offset, RANGE.offset + RANGE.length);
  requireEqual(await collect(store, key, signal, RANGE), wanted, 'a range is not the part of the object that it names');
  return passed('range', `read ${RANGE.length} bytes from the middle`);
}

/** By a new object, so that the moment of writing is known to lie between two looks at our clock. */
async function compareClocks({ store, bytes, clock, signal }: Probe, key: string): Promise<CheckStep> {
  const before = clock.now();
  await store.put(key, once(bytes), { size: bytes.byteLength, unlocked: true, signal });
  const after = clock.now();
  const info = await store.head(key, { signal });
  if (info === undefined)
    throw new Failure('store.unavailable', { message: 'an object that was written is not there when asked for' });
  if (info.size !== bytes.byteLength)
    throw new Failure('store.incomplete', { message: `${info.size} of ${bytes.byteLength} bytes are stored` });
  const difference = info.storedAt < before ? info.storedAt - before : Math.max(0, info.storedAt - after);
  const seconds = Math.round(Math.abs(difference) / 1000);
  const times = `the store says ${formatInstant(instant(info.storedAt))}, this host ${formatInstant(after)}`;
  if (Math.abs(difference) > MAX_CLOCK_DIFFERENCE)
    return warned(
      'clock',
      `the store's clock is ${seconds} seconds ${difference > 0 ? 'ahead of' : 'behind'} this host's: ${times}`,
      'set both clocks by NTP: requests may be refused, and ages of WAL and backups are wrong',
    );
  return passed('clock', `clocks differ by ${seconds <= 1 ? 'at most a second' : `${seconds} seconds`}`);
}

async function list(probe: Probe, key: string): Promise<CheckStep> {
  const { store, clock, bytes } = probe;
  const giveUpAt = clock.now() + (store.capabilities.consistentListing ? 0 : LISTING_MILLISECONDS);
  for (;;) {
    const own = (await listed(probe)).find((object) => object.key === key);
    if (own?.size === bytes.byteLength) {
      return store.capabilities.consistentListing
        ? passed('list', 'the listing shows what was written')
        : passed('list', 'the listing shows what was written; this store may show it late');
    }
    if (clock.now() >= giveUpAt)
      throw new Failure('store.unavailable', {
        message: own === undefined ? 'the listing does not show what was written' : 'the listing shows another size',
      });
    await clock.sleep(500, probe.signal);
  }
}

async function abandonedUploads({ store, folder, clock, signal }: Probe): Promise<CheckStep> {
  await store.removeAbandonedUploads(folder, clock.now() - ABANDONED_AFTER, { signal });
  return passed('uploads', 'abandoned uploads can be found');
}

async function remove({ store, signal }: Probe, keys: readonly string[]): Promise<CheckStep> {
  const results = await store.deleteMany(keys, { signal });
  const error = results.find((result): result is Extract<DeleteResult, { kind: 'failed' }> => result.kind === 'failed');
  if (error) throw error.error;
  const retained = results.find((result): result is RetainedResult => result.kind === 'retained');
  if (retained) {
    const until = retained.until === undefined ? '' : ` until ${formatInstant(instant(retained.until))}`;
    return warned(
      'delete',
      `the store locks every object${until}, also those that hoard does not ask it to: the probe stays there so long`,
      'a default retention of the bucket does that; expired backups and leases go later, too',
    );
  }
  for (const key of keys) {
    if (await store.head(key, { signal }))
      throw new Failure('store.unavailable', { message: 'an object that was deleted is still there' });
  }
  return passed('delete', 'deleted what was written, and it is gone');
}

type RetainedResult = Extract<DeleteResult, { kind: 'retained' }>;

/** Best effort, on time of its own: the caller's signal may be what ended the probe. */
async function tidy({ store }: Probe, keys: readonly string[]): Promise<void> {
  try {
    await store.deleteMany(keys, { signal: AbortSignal.timeout(CLEANUP_MILLISECONDS) });
  } catch {
    // What stopped the probe says why.
  }
}

async function listed({ store, folder, signal }: Probe): Promise<readonly ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  for await (const page of store.list(folder, { signal })) found.push(...page);
  return found;
}

async function collect(
  store: ObjectStore,
  key: string,
  signal: AbortSignal,
  range?: { readonly offset: number; readonly length: number },
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of await store.get(key, { signal, ...(range === undefined ? {} : { range }) }))
    pieces.push(piece);
  return Buffer.concat(pieces);
}

function requireEqual(found: Uint8Array, wanted: Uint8Array, otherwise: string): void {
  if (Buffer.compare(found, wanted) !== 0) throw new Failure('object.corrupt', { message: otherwise });
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
