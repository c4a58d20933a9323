import type { DesiredConnection } from '../../src/domain/desired.ts';
import { createSecretResolver } from '../../src/policy/secret-resolver.ts';
import type { PostgresContext } from '../../src/postgres/connect.ts';
import type { SiteRepository } from '../../src/repository/site-repository.ts';

/** The same repository, as if its store could not keep two creators apart. */
export function withoutConditionalCreate(repo: SiteRepository): SiteRepository {
  const { store } = repo;
  return {
    ...repo,
    store: {
      capabilities: store.capabilities,
      conditionalCreateLimit: async () => 0,
      description: store.description,
      put: (...args) => store.put(...args),
      get: (...args) => store.get(...args),
      head: (...args) => store.head(...args),
      list: (...args) => store.list(...args),
      deleteMany: (...args) => store.deleteMany(...args),
      removeAbandonedUploads: (...args) => store.removeAbandonedUploads(...args),
      close: () => store.close(),
    },
  };
}

/** A connection to a test server, as a policy declares it, and what opens it. */
export function connectionTo(port: number): {
  readonly connection: DesiredConnection;
  readonly context: (signal: AbortSignal) => PostgresContext;
} {
  const connection: DesiredConnection = {
    kind: 'parameters',
    host: '127.0.0.1',
    port,
    user: 'postgres',
    database: 'postgres',
    password: undefined,
    sslmode: 'disable',
    sslrootcert: undefined,
    slot: undefined,
  };
  return {
    connection,
    context: (signal) => ({ secrets: createSecretResolver({}), effects: { environment: {}, signal } }),
  };
}
