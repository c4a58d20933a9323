import type { Storage } from '@google-cloud/storage';
import type { DesiredGcs } from '../../domain/desired-storage.ts';
import { Failure, isFailure } from '../../domain/failure.ts';
import { describeSecretReference } from '../../policy/secret-resolver.ts';
import { orAbort } from '../abortable.ts';
import type { HttpAgents } from '../http/agents.ts';
import { failureOfNetwork } from '../http/network-failure.ts';
import type { StorageContext } from '../storage-context.ts';
import { keyFileClient } from './gcs-key-file.ts';
import { record, text } from './gcs-object.ts';
import type { GcsSdk } from './gcs-sdk.ts';

/** Who asks, and where: the endpoint may depend on the key (other universes than googleapis.com). */
export interface GcsAccount {
  /** Where the credentials come from, for people. */
  readonly description: string;
  authorize(signal: AbortSignal): Promise<{ readonly endpoint: string; readonly headers: Record<string, string> }>;
  /** Forgets tokens and credentials: the next request reads the key again, which somebody may have replaced. */
  forget(): void;
}

export function gcsAccount(storage: DesiredGcs, context: StorageContext, agents: HttpAgents, sdk: GcsSdk): GcsAccount {
  const { keyFile } = storage;
  const description = keyFile === undefined ? 'the application default credentials' : describeSecretReference(keyFile);
  let current: Promise<Storage> | undefined;

  // Shared by all requests: one that is told to stop must not take the others with it.
  const open = async (): Promise<Storage> => {
    const transporter = new sdk.gaxios.Gaxios({
      agent: (url: URL) => (url.protocol === 'http:' ? agents.http : agents.https),
    });
    // The library tries to get a token four times by itself; retries have one place, and it is not here.
    transporter.interceptors.request.add({
      resolved: async (config) => Object.assign(config, { retryConfig: { retry: 0, noResponseRetries: 0 } }),
    });
    const options = {
      ...(storage.project !== undefined && { projectId: storage.project }),
      ...(storage.endpoint !== undefined && { apiEndpoint: storage.endpoint }),
      retryOptions: { autoRetry: false, maxRetries: 0 },
    };
    if (keyFile === undefined) return new sdk.Storage({ ...options, clientOptions: { transporter } });
    const key = (await context.secrets.resolve(keyFile, new AbortController().signal)).reveal();
    const authClient = keyFileClient(key, description, transporter, sdk);
    return new sdk.Storage({ ...options, authClient, universeDomain: authClient.universeDomain });
  };

  return {
    description,
    forget: () => {
      current = undefined;
    },
    async authorize(signal) {
      current ??= open();
      const opening = current;
      try {
        const client = await orAbort(opening, signal);
        const headers = await orAbort(client.authClient.getRequestHeaders(), signal);
        return { endpoint: client.apiEndpoint, headers: Object.fromEntries(headers) };
      } catch (error) {
        // A client that has failed once keeps nothing worth having.
        if (current === opening) current = undefined;
        signal.throwIfAborted();
        throw isFailure(error) ? error : authFailure(error, description, signal);
      }
    },
  };
}

/** An answer of the token endpoint (RFC 6749, 5.2) or of none. */
function authFailure(error: unknown, credentials: string, signal: AbortSignal): unknown {
  const response = record(record(error)['response']);
  const status = Number(response['status']);
  const message = error instanceof Error ? error.message : String(error);
  const code = text(record(response['data'])['error']);
  if (code !== undefined || status === 400 || status === 401 || status === 403) {
    const why = text(record(response['data'])['error_description']) ?? message;
    return new Failure('store.denied', {
      message: `Google refused the credentials from ${credentials}: ${code ?? status} (${why})`,
      // A token is asked for with times of this host's clock.
      hint: /iat|exp|short-lived|timeframe/i.test(why)
        ? 'set the clock of this host'
        : 'check that the service account and its key still exist and are enabled',
      cause: error,
    });
  }
  if (status >= 500 || status === 429) {
    return new Failure(status === 429 ? 'store.throttled' : 'store.unavailable', {
      message: `Google's token endpoint answered ${status}`,
      cause: error,
    });
  }
  if (/default credentials/i.test(message)) {
    return new Failure('store.denied', {
      message: 'there are no application default credentials for Google Cloud Storage',
      hint: 'declare storage.credentials.keyFile, set GOOGLE_APPLICATION_CREDENTIALS, or run on a machine with a service account',
      cause: error,
    });
  }
  return failureOfNetwork(ownFailure(error) ?? error, {
    operation: 'get a token',
    store: 'Google Cloud Storage',
    signal,
  });
}

/** What our agents said of a proxy or a stalled connection, below what the library has wrapped it in. */
function ownFailure(error: unknown): Failure | undefined {
  for (let at = error; at instanceof Error; at = at.cause) if (isFailure(at)) return at;
  return undefined;
}
