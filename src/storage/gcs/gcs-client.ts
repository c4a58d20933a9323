import type { IncomingHttpHeaders } from 'node:http';
import type { DesiredGcs } from '../../domain/desired-storage.ts';
import { Failure } from '../../domain/failure.ts';
import type { HttpAgents } from '../http/agents.ts';
import { failureOfNetwork } from '../http/network-failure.ts';
import type { Body } from '../remote/driver.ts';
import type { GcsAccount, GcsAuthorization } from './gcs-account.ts';
import { exchange, type GcsAnswer } from './gcs-exchange.ts';
import { type ErrorAnswer, failureOfAnswer, parseErrorAnswer, saysBucket, saysObject } from './gcs-failure.ts';

export interface GcsCall {
  /** For people: `read`, `write`. */
  readonly operation: string;
  readonly key?: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the endpoint, or a whole URL that the service gave. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body;
  readonly signal: AbortSignal;
  /** Statuses beside 2xx that are no failures to the caller. */
  readonly accept?: readonly number[];
}

/** A status that the caller accepts, or a success, with its JSON read. */
export interface GcsJson {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly json: unknown;
  /** What it says where it is an error. */
  readonly error: ErrorAnswer;
}

// A page of 1,000 objects has about half a MiB; nothing else is near it.
const LARGEST_JSON = 16 * 1024 * 1024;

/**
 * Single requests of the JSON API. Tokens come from Google's library; the requests go straight over our agents, because the library's
 * own request layer takes neither an agent (certificate authority, SOCKS5, stalled connections) nor an AbortSignal.
 */
export class GcsClient {
  readonly description: string;
  readonly bucketPath: string;
  readonly uploadPath: string;
  readonly #storage: DesiredGcs;
  readonly #account: GcsAccount;
  readonly #agents: HttpAgents;

  constructor(storage: DesiredGcs, account: GcsAccount, agents: HttpAgents) {
    const bucket = encodeURIComponent(storage.bucket);
    this.description = `gcs ${storage.bucket}${storage.endpoint === undefined ? '' : ` at ${storage.endpoint}`}`;
    this.bucketPath = `/storage/v1/b/${bucket}`;
    this.uploadPath = `/upload/storage/v1/b/${bucket}/o`;
    this.#storage = storage;
    this.#account = account;
    this.#agents = agents;
  }

  objectPath(key: string): string {
    return `${this.bucketPath}/o/${encodeURIComponent(key)}`;
  }

  /** An answer that is a success or accepted; everything else is thrown as a Failure. */
  async call(call: GcsCall): Promise<GcsAnswer> {
    const answer = await this.#send(call);
    if (isSuccess(answer.status) || call.accept?.includes(answer.status) === true) return answer;
    throw await this.#failure(call, answer, parseErrorAnswer(await this.#read(call, answer)));
  }

  async json(call: GcsCall): Promise<GcsJson> {
    const answer = await this.#send(call);
    const body = await this.#read(call, answer);
    const error = parseErrorAnswer(isSuccess(answer.status) ? '' : body);
    if (!isSuccess(answer.status) && call.accept?.includes(answer.status) !== true) {
      throw await this.#failure(call, answer, error);
    }
    return {
      status: answer.status,
      headers: answer.headers,
      json: isSuccess(answer.status) ? parseJson(call, body) : undefined,
      error,
    };
  }

  /** The failure that an accepted error answer of `json` stands for, where the caller finds that it is none of its own after all. */
  async failure(call: GcsCall, answer: GcsJson): Promise<Failure> {
    return this.#failure(call, answer, answer.error);
  }

  /** A network error in the middle of an answer's body, as a Failure or the signal's reason. */
  broken(call: Pick<GcsCall, 'operation' | 'key' | 'signal'>, error: unknown): unknown {
    const { operation, key, signal } = call;
    if (signal.aborted) return signal.reason;
    return failureOfNetwork(error, { operation, store: this.description, signal, ...(key !== undefined && { key }) });
  }

  async #send(call: GcsCall): Promise<GcsAnswer> {
    const authorization = await this.#account.authorize(call.signal);
    const answer = await this.#sendOnce(call, authorization);
    if (answer.status !== 401 || call.accept?.includes(401) === true) return answer;
    // A token that was revoked or that outlived its key: everything anew, once.
    answer.body.destroy();
    authorization.forget();
    return this.#sendOnce(call, await this.#account.authorize(call.signal));
  }

  async #sendOnce(call: GcsCall, { endpoint, headers }: GcsAuthorization): Promise<GcsAnswer> {
    const url = new URL(call.path, endpoint);
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    // The address of an upload session is its own permission: to a host that is not the endpoint goes no token.
    const authorization = url.origin === new URL(endpoint).origin ? headers : {};
    try {
      return await exchange(this.#agents, url, { ...call, headers: { ...authorization, ...call.headers } });
    } catch (error) {
      throw this.broken(call, error);
    }
  }

  async #read(call: GcsCall, answer: GcsAnswer): Promise<string> {
    try {
      const pieces: Uint8Array[] = [];
      let length = 0;
      for await (const piece of answer.body as AsyncIterable<Uint8Array>) {
        length += piece.length;
        if (length > LARGEST_JSON)
          throw new Failure('store.unavailable', { message: `an answer of ${this.description} is too long` });
        pieces.push(piece);
      }
      return Buffer.concat(pieces).toString('utf8');
    } catch (error) {
      throw error instanceof Failure ? error : this.broken(call, error);
    }
  }

  async #failure(call: GcsCall, answer: Pick<GcsAnswer, 'status' | 'headers'>, error: ErrorAnswer): Promise<Failure> {
    const { operation, key } = call;
    const about = {
      operation,
      store: this.description,
      credentials: this.#account.description,
      ...(key !== undefined && { key }),
    };
    if (answer.status !== 404) return failureOfAnswer(answer.status, answer.headers, error, about);
    if (key !== undefined && saysObject(error)) {
      return new Failure('store.not-found', { message: `there is no ${key} in ${this.description}` });
    }
    if (saysBucket(error)) return this.#absentBucket(call.signal);
    // Something between us and the service, or a service that is none: no proof that the object is not there.
    return new Failure('store.unavailable', {
      message: `${this.description} answered 404 to ${operation}, but not in the way of Google Cloud Storage: ${error.message}`,
      hint: 'check storage.endpoint and the proxy',
    });
  }

  /** An answer about an object said that the bucket is not there; the bucket is asked, where the account may ask. */
  async #absentBucket(signal: AbortSignal): Promise<Failure> {
    const answer = await this.#send({
      operation: 'look at the bucket',
      method: 'GET',
      path: this.bucketPath,
      query: { fields: 'name' },
      signal,
    });
    answer.body.destroy();
    if (isSuccess(answer.status)) {
      return new Failure('store.unavailable', {
        message: `${this.description} said that its bucket does not exist, and then that it does`,
      });
    }
    const project = this.#storage.project === undefined ? '' : ` --project=${this.#storage.project}`;
    return new Failure('store.absent', {
      message: `the bucket ${this.#storage.bucket} does not exist (${this.description})`,
      hint: `check the name, or make it: gcloud storage buckets create gs://${this.#storage.bucket}${project}`,
    });
  }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

function parseJson(call: GcsCall, body: string): unknown {
  if (body === '') return undefined;
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new Failure('store.unavailable', {
      message: `the answer of Google Cloud Storage to ${call.operation} is not JSON`,
      cause: error,
    });
  }
}
