import { Failure } from '../../domain/failure.ts';
import { checkKey } from '../object-key.ts';
import type { ObjectBody, ObjectInfo, PutOptions } from '../object-store.ts';
import type { DriverPutOptions } from './driver.ts';
import { PartReader } from './part-reader.ts';
import { putParts } from './put-parts.ts';
import type { RemoteParts } from './remote-parts.ts';

const TOKEN_BYTES = 16;

/** ObjectStore.put: what fits goes in one request, the rest in parts. */
export async function putObject(
  remote: RemoteParts,
  key: string,
  body: ObjectBody,
  options: PutOptions,
): Promise<ObjectInfo> {
  checkKey(key);
  const { signal, size } = options;
  signal.throwIfAborted();
  await using reader = new PartReader(key, body, size, signal);
  if ((size ?? 0) > remote.driver.sizes.largest) throw tooLarge(remote, key, size);
  try {
    const driverOptions: DriverPutOptions = {
      signal,
      ifAbsent: options.ifAbsent === true,
      unlocked: options.unlocked === true,
      token: Buffer.from(remote.random(TOKEN_BYTES)).toString('hex'),
    };
    const { whole } = remote.driver.sizes;
    const inParts = (size ?? 0) > whole || (await reader.hasMoreThan(whole));
    const info = inParts
      ? await putParts(remote, key, reader, { ...driverOptions, size })
      : await putWhole(remote, key, reader, driverOptions);
    requireSize(remote, info, reader.taken);
    remote.alerts.stored(key);
    return info;
  } catch (error) {
    if (!signal.aborted) remote.alerts.gaveUp(key, error);
    throw error;
  }
}

async function putWhole(
  { driver, attempts, limits, alerts }: RemoteParts,
  key: string,
  reader: PartReader,
  options: DriverPutOptions,
): Promise<ObjectInfo> {
  const { body } = await reader.take(driver.sizes.whole);
  return attempts.run(options.signal, async () => driver.putWhole(key, body, options), {
    before: async () => limits.upload.take(body.length, options.signal),
    onFailure: (failures, error) => alerts.failed(key, failures, error),
  });
}

/** Drivers compare by themselves; what they overlooked must not count as stored. */
function requireSize({ driver }: RemoteParts, info: ObjectInfo, sent: number): void {
  if (info.size === sent) return;
  throw new Failure('store.incomplete', {
    message: `${driver.description} holds ${info.size} bytes of ${info.key}, but ${sent} were sent`,
  });
}

function tooLarge({ driver }: RemoteParts, key: string, size: number | undefined): Failure {
  return new Failure('store.rejected', {
    message: `${key} has ${size} bytes, more than the ${driver.sizes.largest} that an object in ${driver.description} can have`,
  });
}
