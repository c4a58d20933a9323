import { Failure } from '../../domain/failure.ts';
import type { ObjectInfo } from '../object-store.ts';
import { isPassing } from './attempts.ts';
import type { DriverPutOptions, DriverUpload } from './driver.ts';
import { PartLanes } from './part-lanes.ts';
import type { PartReader } from './part-reader.ts';
import type { RemoteParts } from './remote-parts.ts';

/** For giving back what was sent, whatever happened to the caller's patience. */
const ABORT_MILLISECONDS = 5000;
const ABORT_TRIES = 3;

interface PartedOptions extends DriverPutOptions {
  readonly size: number | undefined;
}

/** An object in parts: none of it is visible before all of it is there, and nothing stays where it fails. */
export async function putParts(
  remote: RemoteParts,
  key: string,
  reader: PartReader,
  options: PartedOptions,
): Promise<ObjectInfo> {
  const { driver, attempts, alerts } = remote;
  const { signal } = options;
  const onFailure = (failures: number, error: Failure): void => alerts.failed(key, failures, error);
  if (options.ifAbsent) await requireAbsent(remote, key, signal);
  const upload = await attempts.run(signal, async () => driver.beginUpload(key, options), { onFailure });
  let mayBeComplete = false;
  try {
    await sendParts(remote, key, reader, upload, options);
    return await attempts.run(
      signal,
      async () => {
        try {
          return await upload.complete({ signal });
        } catch (error) {
          mayBeComplete ||= signal.aborted || isPassing(error);
          throw error;
        }
      },
      { onFailure },
    );
  } catch (error) {
    if (!mayBeComplete) await giveBack(remote, upload);
    throw error;
  }
}

/** Saves the sending of a large body where the name is taken; `complete` decides. */
async function requireAbsent({ driver, attempts }: RemoteParts, key: string, signal: AbortSignal): Promise<void> {
  const found = await attempts.run(signal, async () => driver.head(key, { signal }));
  if (found === undefined) return;
  throw new Failure('store.exists', { message: `${driver.description} already holds ${key}` });
}

async function sendParts(
  remote: RemoteParts,
  key: string,
  reader: PartReader,
  upload: DriverUpload,
  { size, signal }: PartedOptions,
): Promise<void> {
  const { driver, attempts, limits, alerts } = remote;
  await using lanes = new PartLanes(driver.sizes.parallelParts, limits.buffers, signal);
  for (let index = 0; ; index += 1) {
    const length = driver.sizes.part(index, size);
    const release = await lanes.reserve(length);
    const offset = reader.taken;
    const { body, last } = await lanes.orFailure(reader.take(length));
    if (offset + body.length > driver.sizes.largest) throw tooLarge(remote, key);
    await lanes.send(release, async (partSignal) => {
      const request = async (): Promise<void> => upload.putPart({ index, offset, last }, body, { signal: partSignal });
      await attempts.run(partSignal, request, {
        before: async () => limits.upload.take(body.length, partSignal),
        onFailure: (failures, error) => alerts.failed(key, failures, error),
      });
    });
    if (last) return await lanes.end();
  }
}

async function giveBack({ attempts }: RemoteParts, upload: DriverUpload): Promise<void> {
  const signal = AbortSignal.timeout(ABORT_MILLISECONDS);
  try {
    await attempts.run(signal, async () => upload.abort({ signal }), { tries: ABORT_TRIES });
  } catch {
    // removeAbandonedUploads finds it.
  }
}

function tooLarge({ driver }: RemoteParts, key: string): Failure {
  return new Failure('store.rejected', {
    message: `${key} is larger than the ${driver.sizes.largest} bytes that an object in ${driver.description} can have`,
  });
}
