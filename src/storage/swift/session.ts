import type { DesiredSwift } from '../../domain/desired-storage.ts';
import { Failure } from '../../domain/failure.ts';
import { describeSecretReference } from '../../policy/secret-resolver.ts';
import { createHttpAgents, type HttpAgents } from '../http/agents.ts';
import type { Body } from '../remote/driver.ts';
import type { StorageContext } from '../storage-context.ts';
import { type Doing, dropped, networkFailure, type Place } from './errors.ts';
import { logIn } from './log-in.ts';
import type { Login } from './login.ts';
import { type HttpRequest, type HttpResponse, send } from './request.ts';
import { shared } from './shared.ts';

interface SwiftRequest extends Doing {
  readonly method: HttpRequest['method'];
  /** Below the account: `/container/key`, encoded, with its query; '' is the account. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body;
  readonly signal: AbortSignal;
}

/** An account of Swift: adds the token to requests, and gets one where there is none or where it is not accepted any more. */
export interface SwiftSession {
  readonly place: Place;
  /** The answer, whatever its status, except 401: that is `store.denied` once a new token did not help. */
  call(request: SwiftRequest): Promise<HttpResponse>;
  /** As `call`, for what lies beside the account (`/info`), which needs no token. */
  callBeside(path: string, request: Omit<SwiftRequest, 'path'>): Promise<HttpResponse>;
  close(): Promise<void>;
}

export async function openSession(storage: DesiredSwift, context: StorageContext): Promise<SwiftSession> {
  return new Session(storage, context, await createHttpAgents(storage, context));
}

class Session implements SwiftSession {
  readonly place: Place;
  readonly #agents: HttpAgents;
  readonly #closing = new AbortController();
  readonly #logIn: (signal: AbortSignal) => Promise<Login>;
  #login: Login | undefined;

  constructor(storage: DesiredSwift, context: StorageContext, agents: HttpAgents) {
    this.#agents = agents;
    this.place = {
      store: `swift ${storage.container} at ${storage.authUrl}`,
      container: storage.container,
      credentials: describeSecretReference(storage.credentials.key),
    };
    // One authentication for all that wait for it, which none of them can abort for the others.
    this.#logIn = shared(async () => {
      this.#login = await logIn(storage, { agents, context, place: this.place, signal: this.#closing.signal });
      return this.#login;
    });
  }

  async call(request: SwiftRequest): Promise<HttpResponse> {
    const first = this.#login ?? (await this.#logIn(request.signal));
    const response = await this.#send(request, first);
    if (response.status !== 401) return response;
    // Tokens live for hours; a backup may take longer. Another request may have got a new one meanwhile.
    await dropped(response);
    if (this.#login === first) this.#login = undefined;
    const second = await this.#send(request, this.#login ?? (await this.#logIn(request.signal)));
    if (second.status !== 401) return second;
    await dropped(second);
    throw new Failure('store.denied', {
      message: `${this.place.store} does not accept the token that it has just given for the key of ${this.place.credentials}`,
      hint: 'check that authUrl and the object store belong together, and the clocks of their servers',
    });
  }

  async callBeside(path: string, request: Omit<SwiftRequest, 'path'>): Promise<HttpResponse> {
    const { storageUrl } = this.#login ?? (await this.#logIn(request.signal));
    const url = new URL(storageUrl);
    // `/v1/AUTH_x` of Swift, `/swift/v1` of Ceph: what is beside the account is beside the version.
    url.pathname = url.pathname.replace(/\/v1(\.0)?(\/.*)?$/, '') + path;
    return this.#sendTo(url, request, {});
  }

  async close(): Promise<void> {
    this.#closing.abort(new Failure('interrupted', { message: 'the store was closed' }));
    this.#agents.close();
  }

  #send(request: SwiftRequest, login: Login): Promise<HttpResponse> {
    // Joined as text: URL would take a path of dots for steps.
    const url = new URL(login.storageUrl.href + request.path);
    return this.#sendTo(url, request, { 'X-Auth-Token': login.token });
  }

  async #sendTo(
    url: URL,
    request: Omit<SwiftRequest, 'path'>,
    headers: Readonly<Record<string, string>>,
  ): Promise<HttpResponse> {
    const { method, body, signal } = request;
    signal.throwIfAborted();
    try {
      return await send(this.#agents, { method, url, headers: { ...request.headers, ...headers }, body, signal });
    } catch (error) {
      throw networkFailure(error, this.place, request, signal);
    }
  }
}
