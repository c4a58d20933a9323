import { Failure, isFailure } from '../domain/failure.ts';
import { type ChunkRequest, type ReadChunk, readChunks } from '../repository/chunk-reader.ts';
import { describeRepository, type SiteRepository } from '../repository/site-repository.ts';
import { isStorageProblem } from './storage-problem.ts';

/**
 * As readChunks, from several repositories that hold the same backup: a chunk that is damaged in the first (which has been read twice by
 * then) is taken from the others, and a repository that fails altogether is not asked again. `note` is told in words. When none
 * has a chunk, the first one's failure is thrown, with what the others said.
 */
export async function* readChunksFromAny<Request extends ChunkRequest>(
  repositories: readonly [SiteRepository, ...SiteRepository[]],
  requests: AsyncIterable<Request>,
  note: (message: string) => void,
  signal: AbortSignal,
): AsyncGenerator<ReadChunk<Request>> {
  const source = new Backlog(requests);
  let [first, ...others] = repositories;
  try {
    for (;;) {
      try {
        for await (const read of readChunks(first, source, signal)) {
          source.settle(read.request);
          yield read;
        }
        return;
      } catch (error) {
        signal.throwIfAborted();
        const [next] = others;
        if (source.failed || !isStorageProblem(error) || !next) throw error;
        note(error.message);
        if (!isFailure(error, 'object.corrupt')) [first, ...others] = [next, ...others.slice(1)];
      }
      for (const request of source.pending()) {
        const read = await readFromEach([first, ...others], request, signal);
        source.settle(request);
        yield read;
      }
    }
  } finally {
    await source.close();
  }
}

async function readFromEach<Request extends ChunkRequest>(
  repositories: readonly SiteRepository[],
  request: Request,
  signal: AbortSignal,
): Promise<ReadChunk<Request>> {
  const problems: string[] = [];
  for (const repo of repositories) {
    try {
      for await (const read of readChunks(repo, [request], signal)) return read;
    } catch (error) {
      signal.throwIfAborted();
      if (!isStorageProblem(error)) throw error;
      problems.push(`${describeRepository(repo)}: ${error.message}`);
    }
  }
  throw new Failure('object.corrupt', {
    message: `no repository can give the chunk ${request.chunk.sha256.slice(0, 12)}… of "${request.file}": ${problems.join('; ')}`,
    hint: 'restore another backup, best one that was taken before the pack of the damaged chunk was written',
  });
}

/** Requests that can be read on by one reader after another: it knows which ones were handed out and have not been answered. */
class Backlog<Request> implements AsyncIterable<Request> {
  readonly #iterator: AsyncIterator<Request>;
  readonly #pending = new Set<Request>();
  /** The requests themselves could not be made: no repository can help. */
  failed = false;

  constructor(requests: AsyncIterable<Request>) {
    this.#iterator = requests[Symbol.asyncIterator]();
  }

  /** Without `return`: a reader that fails must not close the source for the next one. */
  [Symbol.asyncIterator](): AsyncIterator<Request> {
    return {
      next: async () => {
        try {
          const step = await this.#iterator.next();
          if (step.done !== true) this.#pending.add(step.value);
          return step;
        } catch (error) {
          this.failed = true;
          throw error;
        }
      },
    };
  }

  settle(request: Request): void {
    this.#pending.delete(request);
  }

  pending(): readonly Request[] {
    return [...this.#pending];
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}
