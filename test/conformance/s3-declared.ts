import type { DesiredS3 } from '../../src/domain/desired-storage.ts';
import { createSecretResolver } from '../../src/policy/secret-resolver.ts';
import type { StorageContext } from '../../src/storage/storage-context.ts';
import { createSystemEffects } from '../../src/telemetry/system-effects.ts';
import { NEVER } from './bodies.ts';

/** Where a server is, and who may use it. */
interface S3Place {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

/** As a policy would declare a bucket of the server; the keys are in the environment of `s3Context`. */
export function declaredS3(place: S3Place, bucket: string, change: Partial<DesiredS3> = {}): DesiredS3 {
  return {
    type: 's3',
    bucket,
    region: place.region,
    endpoint: place.endpoint,
    forcePathStyle: true,
    dualStack: false,
    credentials: {
      accessKeyId: { kind: 'env', name: 'S3_ACCESS_KEY' },
      secretAccessKey: { kind: 'env', name: 'S3_SECRET_KEY' },
      sessionToken: undefined,
    },
    serverSideEncryption: undefined,
    kmsKeyId: undefined,
    storageClass: undefined,
    objectLock: undefined,
    partSize: undefined,
    connectTimeout: undefined,
    readTimeout: undefined,
    userAgent: undefined,
    tls: { verify: true, ca: undefined },
    proxy: undefined,
    ...change,
  };
}

/** The environment is read at each use, so a test may change it. */
export function s3Context(place: S3Place, environment: Record<string, string> = {}): StorageContext {
  environment['S3_ACCESS_KEY'] ??= place.accessKey;
  environment['S3_SECRET_KEY'] ??= place.secretKey;
  const effects = createSystemEffects({ environment, reporter: { report: () => undefined }, signal: NEVER });
  return { ...effects, secrets: createSecretResolver(environment) };
}
