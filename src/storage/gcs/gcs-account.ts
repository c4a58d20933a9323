import type { Storage } from '@google-cloud/storage';
import type { DesiredGcs } from '../../domain/desired-storage.ts';
import { isFailure } from '../../domain/failure.ts';
import { describeSecretReference } from '../../policy/secret-resolver.ts';
import { orAbort } from '../abortable.ts';
import type { HttpAgents } from '../http/agents.ts';
import type { StorageContext } from '../storage-context.ts';
import { authFailure } from './gcs-auth-failure.ts';
import { keyFileClient } from './gcs-key-file.ts';
import type { GcsSdk } from './gcs-sdk.ts';

/** Who asks, and where: the endpoint may depend on the key (other universes than googleapis.com). */
export interface GcsAccount {
  /** Where the credentials come from, for people. */
  readonly description: string;
  authorize(signal: AbortSignal): Promise<GcsAuthorization>;
}

export interface GcsAuthorization {
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  /** To be called when they were refused: the next request reads the key again, which somebody may have replaced. */
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

  // Only that one: another request may have made a new one meanwhile.
  const forget = (failed: Promise<Storage>): void => {
    if (current === failed) current = undefined;
  };

  return {
    description,
    async authorize(signal) {
      current ??= open();
      const opening = current;
      try {
        const client = await orAbort(opening, signal);
        const headers = await orAbort(client.authClient.getRequestHeaders(), signal);
        return { endpoint: client.apiEndpoint, headers: Object.fromEntries(headers), forget: () => forget(opening) };
      } catch (error) {
        forget(opening);
        signal.throwIfAborted();
        throw isFailure(error) ? error : authFailure(error, description, signal);
      }
    },
  };
}
