import type { DesiredAzure } from '../../src/domain/desired-storage.ts';
import { createSecretResolver } from '../../src/policy/secret-resolver.ts';
import type { StorageContext } from '../../src/storage/storage-context.ts';
import { createSystemEffects } from '../../src/telemetry/system-effects.ts';
import type { AzuriteServer } from '../../support/servers/azurite.ts';
import { NEVER } from './bodies.ts';

/** As a policy would declare a container of the server; the key is in the environment of `azureContext`. */
export function declaredAzure(
  server: AzuriteServer,
  container: string,
  change: Partial<DesiredAzure> = {},
): DesiredAzure {
  return {
    type: 'azure',
    account: server.account,
    container,
    cloud: 'public',
    endpoint: server.endpoint,
    credentials: { kind: 'account-key', accountKey: { kind: 'env', name: 'AZURE_KEY' } },
    tls: { verify: true, ca: undefined },
    proxy: undefined,
    ...change,
  };
}

/** The environment is read at each use, so a test may change it. */
export function azureContext(server: AzuriteServer, environment: Record<string, string> = {}): StorageContext {
  environment['AZURE_KEY'] ??= server.accountKey;
  const effects = createSystemEffects({ environment, reporter: { report: () => undefined }, signal: NEVER });
  return { ...effects, secrets: createSecretResolver(environment) };
}
