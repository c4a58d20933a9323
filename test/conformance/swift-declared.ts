import { bytesOf } from '../../src/domain/bytes.ts';
import type { DesiredSwift } from '../../src/domain/desired-storage.ts';
import { createSecretResolver } from '../../src/policy/secret-resolver.ts';
import type { StorageContext } from '../../src/storage/storage-context.ts';
import { createSystemEffects } from '../../src/telemetry/system-effects.ts';
import { NEVER } from './bodies.ts';

/** As a policy would declare a container of a server with version 1; the key is in the environment of `swiftContext`. */
export function declaredSwift(
  authUrl: string,
  container: string,
  change: Partial<Omit<DesiredSwift, 'type'>> = {},
): DesiredSwift {
  return {
    type: 'swift',
    container,
    authUrl,
    authVersion: 1,
    credentials: { user: 'test:tester', userId: undefined, key: { kind: 'env', name: 'SWIFT_KEY' } },
    tenant: undefined,
    project: undefined,
    userDomainName: undefined,
    userDomainId: undefined,
    region: undefined,
    serviceType: undefined,
    endpointType: undefined,
    segmentSize: bytesOf(3 * 1024 ** 3),
    tls: { verify: true, ca: undefined },
    proxy: undefined,
    ...change,
  };
}

export function swiftContext(key: string): StorageContext {
  const environment = { SWIFT_KEY: key };
  const effects = createSystemEffects({ environment, reporter: { report: () => undefined }, signal: NEVER });
  return { ...effects, secrets: createSecretResolver(environment) };
}
