import type { DesiredSwift } from '../../domain/desired-storage.ts';
import { Failure } from '../../domain/failure.ts';
import type { HttpAgents } from '../http/agents.ts';
import type { StorageContext } from '../storage-context.ts';
import { authV1 } from './auth-v1.ts';
import { authV2 } from './auth-v2.ts';
import { authV3 } from './auth-v3.ts';
import { answerFailure, dropped, networkFailure, type Place } from './errors.ts';
import type { Login } from './login.ts';
import { send } from './request.ts';
import { textOf } from './response-body.ts';

const PROTOCOLS = { 1: authV1, 2: authV2, 3: authV3 } as const;

// A service catalogue of many regions has some hundred kilobytes.
const MOST = 8 * 1024 * 1024;

/** Asks for a token. The key is resolved now: one that was rotated while hoard runs is seen. */
export async function logIn(
  storage: DesiredSwift,
  around: {
    readonly agents: HttpAgents;
    readonly context: StorageContext;
    readonly place: Place;
    readonly signal: AbortSignal;
  },
): Promise<Login> {
  const { agents, context, place, signal } = around;
  const doing = { operation: 'authenticate' };
  const protocol = PROTOCOLS[storage.authVersion];
  const key = await context.secrets.resolve(storage.credentials.key, signal);
  const { body, ...request } = protocol.request(storage, key.reveal());
  const bytes = body === undefined ? undefined : Buffer.from(body);
  try {
    const response = await send(agents, {
      ...request,
      ...(bytes && { body: { pieces: [bytes], length: bytes.length } }),
      signal,
    });
    if (response.status === 401 || response.status === 403) {
      await dropped(response);
      throw refused(storage, place);
    }
    if (response.status === 404) {
      await dropped(response);
      throw noService(storage, place);
    }
    // Version 3 answers 201, 2 and 1 answer 200 or 204; a list of versions (300) means that authUrl lacks its version.
    if (response.status < 200 || response.status > 299) throw await answerFailure(response, place, doing);
    return protocol.read(storage, response.headers, await textOf(response.message, MOST));
  } catch (error) {
    throw networkFailure(error, place, doing, signal);
  }
}

function refused(storage: DesiredSwift, place: Place): Failure {
  const { user, userId } = storage.credentials;
  return new Failure('store.denied', {
    message: `${storage.authUrl} refused user ${user ?? userId ?? ''} with the key of ${place.credentials}`,
    hint: 'check user, key, and for authVersion 3 the domains of user and project in the policy',
  });
}

function noService(storage: DesiredSwift, place: Place): Failure {
  return new Failure('store.absent', {
    message: `${place.store}: authUrl answers that there is no authentication of version ${storage.authVersion}`,
    hint: 'check authUrl and authVersion in the policy',
  });
}
