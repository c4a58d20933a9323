import { Failure } from '../../domain/failure.ts';
import { mapBounded } from '../bounded.ts';
import { failureOfStatus } from '../http/status.ts';
import type { DeleteResult } from '../object-store.ts';
import { answerFailure, dropped, networkFailure } from './errors.ts';
import type { SwiftInfo } from './info.ts';
import { field, items, numberField, parsed, textField } from './json.ts';
import { objectPath } from './objects.ts';
import { textOf } from './response-body.ts';
import type { SwiftSession } from './session.ts';

/** Removes names of one container, absent ones included. Whether the container is there is not looked at. */
export async function removeNames(
  session: SwiftSession,
  container: string,
  names: readonly string[],
  around: { readonly info: SwiftInfo; readonly signal: AbortSignal },
): Promise<readonly DeleteResult[]> {
  const { info, signal } = around;
  const most = info.maxBulkDelete;
  // A bulk delete of one is a detour.
  if (most === undefined || names.length === 1)
    return mapBounded(names, AT_ONCE, signal, (name) => removeOne(session, container, name, signal));
  const size = Math.min(most, BULK);
  const batches = Array.from({ length: Math.ceil(names.length / size) }, (_, index) =>
    names.slice(index * size, (index + 1) * size),
  );
  const results = await mapBounded(batches, BULKS_AT_ONCE, signal, (batch) =>
    removeBulk(session, container, batch, signal),
  );
  return results.flat();
}

// Swift removes two at a time by default and sends a blank every ten seconds: more names could look like a connection that stands still.
const BULK = 250;
const BULKS_AT_ONCE = 4;
const AT_ONCE = 16;

async function removeOne(
  session: SwiftSession,
  container: string,
  name: string,
  signal: AbortSignal,
): Promise<DeleteResult> {
  const doing = { operation: 'delete', key: name };
  try {
    const response = await session.call({ method: 'DELETE', path: objectPath(container, name), ...doing, signal });
    if (response.status !== 404 && (response.status < 200 || response.status > 299))
      throw await answerFailure(response, session.place, doing);
    await dropped(response);
    return { key: name, kind: 'removed' };
  } catch (error) {
    signal.throwIfAborted();
    // Refused credentials, or no network at all: it will be the same for the others.
    if (!(error instanceof Failure)) throw error;
    return { key: name, kind: 'failed', error };
  }
}

// A thousand names with their errors, and a blank now and then that keeps the connection alive.
const MOST = 16 * 1024 * 1024;

/** https://docs.openstack.org/swift/latest/api/bulk-delete.html: always 200; what happened is in the body. */
async function removeBulk(
  session: SwiftSession,
  container: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly DeleteResult[]> {
  const { place } = session;
  const doing = { operation: `delete ${names.length} objects` };
  const lines = Buffer.from(names.map((name) => `${objectPath(container, name)}\n`).join(''));
  const response = await session.call({
    method: 'POST',
    path: '?bulk-delete',
    headers: { 'Content-Type': 'text/plain', Accept: 'application/json' },
    body: { pieces: [lines], length: lines.length },
    ...doing,
    signal,
  });
  if (response.status !== 200) throw await answerFailure(response, place, doing);
  try {
    const answer = parsed(await textOf(response.message, MOST));
    const errors = new Map(items(field(answer, 'Errors')).flatMap(errorOf));
    const done = (numberField(answer, 'Number Deleted') ?? 0) + (numberField(answer, 'Number Not Found') ?? 0);
    // It stops at the first sign of trouble with the cluster: then nobody knows which names it has reached.
    if (done + errors.size !== names.length) {
      const status = textField(answer, 'Response Status') ?? 'no status';
      throw new Failure('store.unavailable', {
        message: `${place.store} has removed only ${done} of ${names.length} objects: ${status}`,
      });
    }
    return names.map((name) => {
      const status = errors.get(objectPath(container, name));
      if (status === undefined) return { key: name, kind: 'removed' };
      const about = {
        operation: 'delete',
        store: place.store,
        key: name,
        credentials: place.credentials,
        message: status,
      };
      return { key: name, kind: 'failed', error: failureOfStatus(Number.parseInt(status, 10), about) };
    });
  } catch (error) {
    throw networkFailure(error, place, doing, signal);
  }
}

/** `["/container/key", "409 Conflict"]`, the name encoded. */
function errorOf(entry: unknown): readonly (readonly [string, string])[] {
  const [name, status] = items(entry);
  return typeof name === 'string' && typeof status === 'string' ? [[name, status]] : [];
}
