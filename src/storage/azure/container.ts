import { AnonymousCredential, ContainerClient, newPipeline, StorageSharedKeyCredential } from '@azure/storage-blob';
import type { DesiredAzure } from '../../domain/desired-storage.ts';
import { isFailure } from '../../domain/failure.ts';
import type { SecretReference } from '../../domain/secret-reference.ts';
import { describeSecretReference } from '../../policy/secret-resolver.ts';
import type { HttpAgents } from '../http/agents.ts';
import type { StorageContext } from '../storage-context.ts';

// https://learn.microsoft.com/azure/storage/common/storage-account-overview and the pages of the national clouds.
const SUFFIXES = {
  public: 'core.windows.net',
  'us-government': 'core.usgovcloudapi.net',
  china: 'core.chinacloudapi.cn',
  germany: 'core.cloudapi.de',
} as const;

/** The account's address without a slash at the end; an emulator's has the account in its path. */
function accountUrl(storage: DesiredAzure): string {
  const url = storage.endpoint ?? `https://${storage.account}.blob.${SUFFIXES[storage.cloud]}`;
  return url.replace(/\/+$/, '');
}

/** One container, opened with the credentials as they are when they are first needed. */
export class AzureContainer {
  readonly url: string;
  readonly name: string;
  /** For errors: where the credentials came from. */
  readonly credentials: string;
  readonly agents: HttpAgents;
  readonly #storage: DesiredAzure;
  readonly #context: StorageContext;
  #opened: { readonly client: ContainerClient; readonly secret: string | undefined } | undefined;

  constructor(storage: DesiredAzure, context: StorageContext, agents: HttpAgents) {
    this.#storage = storage;
    this.#context = context;
    this.agents = agents;
    this.name = storage.container;
    this.url = `${accountUrl(storage)}/${encodeURIComponent(storage.container)}`;
    const reference = secretOf(storage);
    this.credentials = reference ? describeSecretReference(reference) : 'the identity of this machine or workload';
  }

  /**
   * Runs one request. A short-lived SAS or a rotated key is renewed where it is kept: credentials that are refused are read once more,
   * and where they are others by now, the request is sent again with them.
   */
  async use<T>(signal: AbortSignal, request: (client: ContainerClient) => Promise<T>): Promise<T> {
    const opened = this.#opened ?? (await this.#open(signal));
    this.#opened = opened;
    try {
      return await request(opened.client);
    } catch (error) {
      if (!isFailure(error, 'store.denied') || opened.secret === undefined) throw error;
      const renewed = await this.#open(signal);
      if (renewed.secret === opened.secret) throw error;
      this.#opened = renewed;
      return request(renewed.client);
    }
  }

  async #open(signal: AbortSignal): Promise<{ readonly client: ContainerClient; readonly secret: string | undefined }> {
    const reference = secretOf(this.#storage);
    const secret = reference && (await this.#context.secrets.resolve(reference, signal)).reveal();
    return { client: await this.#connect(secret), secret };
  }

  async #connect(secret: string | undefined): Promise<ContainerClient> {
    const { agents } = this;
    // The pipeline takes core-rest-pipeline's options, too, of which the declared type leaves out the agent.
    const options = {
      retryOptions: { maxTries: 1 },
      agent: this.url.startsWith('https:') ? agents.https : agents.http,
    };
    const { credentials } = this.#storage;
    if (credentials === undefined || secret === undefined) {
      const { machineIdentity } = await import('./machine-identity.ts');
      return new ContainerClient(this.url, newPipeline(machineIdentity(this.#storage.cloud, agents), options));
    }
    if (credentials.kind === 'sas-token') {
      const token = secret.trim().replace(/^\?/, '');
      return new ContainerClient(`${this.url}?${token}`, newPipeline(new AnonymousCredential(), options));
    }
    const key = new StorageSharedKeyCredential(this.#storage.account, secret.trim());
    return new ContainerClient(this.url, newPipeline(key, options));
  }
}

function secretOf({ credentials }: DesiredAzure): SecretReference | undefined {
  return credentials?.kind === 'account-key' ? credentials.accountKey : credentials?.sasToken;
}
