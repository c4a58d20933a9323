import type { BlockBlobClient, ContainerClient } from '@azure/storage-blob';
import type { AzureContainer } from './container.ts';
import { type AzureCall, azureFailure } from './errors.ts';

/** What the operations send their requests through: errors come out as Failures, aborts with the signal's reason. */
export class AzureService {
  readonly description: string;
  readonly #container: AzureContainer;

  constructor(container: AzureContainer, description: string) {
    this.#container = container;
    this.description = description;
  }

  call(operation: string, signal: AbortSignal, key?: string): AzureCall {
    const { name, credentials } = this.#container;
    return {
      operation,
      store: this.description,
      container: name,
      credentials,
      signal,
      ...(key !== undefined && { key }),
    };
  }

  onContainer<T>(call: AzureCall, request: (client: ContainerClient) => Promise<T>): Promise<T> {
    call.signal.throwIfAborted();
    return this.#container.use(call.signal, async (client) => {
      try {
        return await request(client);
      } catch (error) {
        throw azureFailure(error, call);
      }
    });
  }

  onBlob<T>(call: AzureCall & { readonly key: string }, request: (client: BlockBlobClient) => Promise<T>): Promise<T> {
    return this.onContainer(call, (client) => request(client.getBlockBlobClient(call.key)));
  }
}
