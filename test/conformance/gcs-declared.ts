import type { DesiredGcs } from '../../src/domain/desired-storage.ts';
import { createSecretResolver } from '../../src/policy/secret-resolver.ts';
import type { StorageContext } from '../../src/storage/storage-context.ts';
import { createSystemEffects } from '../../src/telemetry/system-effects.ts';
import type { GcsServer } from '../../support/servers/gcs/gcs-server.ts';
import { NEVER } from './bodies.ts';

/** As a policy would declare a bucket of the server; the key is in the environment of `gcsContext`. */
export function declaredGcs(
  server: Pick<GcsServer, 'endpoint'>,
  bucket: string,
  change: Partial<DesiredGcs> = {},
): DesiredGcs {
  return {
    type: 'gcs',
    bucket,
    project: 'hoard-test',
    endpoint: server.endpoint,
    keyFile: { kind: 'env', name: 'GCS_KEY' },
    tls: { verify: true, ca: undefined },
    proxy: undefined,
    ...change,
  };
}

/** The environment is read at each use, so a test may change it. */
export function gcsContext(
  server: Pick<GcsServer, 'keyFile'>,
  environment: Record<string, string> = {},
): StorageContext {
  environment['GCS_KEY'] ??= server.keyFile;
  const effects = createSystemEffects({ environment, reporter: { report: () => undefined }, signal: NEVER });
  return { ...effects, secrets: createSecretResolver(environment) };
}
