import { Failure, isFailure } from '../../domain/failure.ts';
import type { ObjectInfo } from '../object-store.ts';
import type { Body, DriverPutOptions } from '../remote/driver.ts';
import { writing } from './files.ts';
import { writeBody } from './pipeline.ts';
import type { SftpPlace } from './place.ts';
import { isSameFile, publish } from './publish.ts';
import { objectPath } from './root.ts';
import type { Session } from './session.ts';
import { namingFullness } from './space.ts';
import { translating } from './status.ts';
import { openTemp, removeTemp, settleTemp, tempPath } from './temp-file.ts';

/** StoreDriver.putWhole: written and synced under a hidden name, then given its own in one step. */
export async function putWhole(
  place: SftpPlace,
  key: string,
  body: Body,
  options: DriverPutOptions,
): Promise<ObjectInfo> {
  const target = objectPath(place.root, key);
  const { signal, ifAbsent, token } = options;
  const temp = tempPath(place, token);
  const session = await place.connection.session(signal);
  return translating(`write ${target}`, async () => {
    let publishing = false;
    try {
      const written = await writeTemp(session, place, { temp, target, body }, options);
      if (written.size !== body.length) throw wrongSize(target, written.size, body.length);
      signal.throwIfAborted();
      publishing = true;
      await publish(session, place, { temp, target, ifAbsent }, signal);
      if (ifAbsent) removeTemp(session, temp);
      return { key, ...written };
    } catch (error) {
      // Once it may have been linked, the other name is what tells a repeated put that the object is its own.
      if (!publishing || signal.aborted || isFailure(error, 'store.exists', 'value.invalid', 'store.absent'))
        removeTemp(session, temp);
      throw error;
    }
  });
}

async function writeTemp(
  session: Session,
  place: SftpPlace,
  { temp, target, body }: { readonly temp: string; readonly target: string; readonly body: Body },
  { signal, ifAbsent }: DriverPutOptions,
): Promise<{ readonly size: number; readonly storedAt: number }> {
  return namingFullness(session, place.root.directory, async () => {
    const { handle, repeated } = await openTemp(session, place, temp, signal);
    return writing(session, handle, signal, async () => {
      const published = repeated && ifAbsent && (await isSameFile(session, temp, target, signal));
      if (!published) await writeBody(session, handle, body, 0, signal);
      return settleTemp(session, handle, signal);
    });
  });
}

export const wrongSize = (path: string, found: number, expected: number): Failure =>
  new Failure('store.incomplete', {
    message: `the server has ${found} bytes of ${path}, where ${expected} were sent`,
    hint: 'use a server that keeps what a file holds when it is opened for writing again, as OpenSSH does and rclone 1.60 does not',
  });
