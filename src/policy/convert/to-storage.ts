import { parseBytes } from '../../domain/bytes.ts';
import type {
  DesiredAzure,
  DesiredProxy,
  DesiredS3,
  DesiredSftp,
  DesiredStorage,
  DesiredSwift,
} from '../../domain/desired-storage.ts';
import { parseDuration } from '../../domain/duration.ts';
import { unreachable } from '../../domain/failure.ts';
import type {
  AzureStorage,
  Proxy,
  S3Storage,
  SftpStorage,
  Storage,
  SwiftStorage,
  Tls,
} from '../generated/documents.ts';
import { DEFAULTS } from './defaults.ts';
import { optional, optionalPath, type ResolvePath, toOptionalSecret, toSecret } from './reference.ts';

export function toStorage(storage: Storage, resolve: ResolvePath): DesiredStorage {
  switch (storage.type) {
    case 'local':
      return { type: 'local', directory: resolve(storage.directory) };
    case 's3':
      return toS3(storage, resolve);
    case 'gcs':
      return {
        type: 'gcs',
        bucket: storage.bucket,
        project: storage.project,
        endpoint: storage.endpoint,
        keyFile: toOptionalSecret(storage.credentials?.keyFile, resolve),
        ...toNetwork(storage, resolve),
      };
    case 'azure':
      return toAzure(storage, resolve);
    case 'swift':
      return toSwift(storage, resolve);
    case 'sftp':
      return toSftp(storage, resolve);
    default:
      return unreachable(storage);
  }
}

function toNetwork(
  storage: { readonly tls?: Tls; readonly proxy?: Proxy },
  resolve: ResolvePath,
): {
  readonly tls: { readonly verify: boolean; readonly ca: string | undefined };
  readonly proxy: DesiredProxy | undefined;
} {
  return {
    tls: { verify: storage.tls?.verify ?? DEFAULTS.tls.verify, ca: optionalPath(storage.tls?.ca, resolve) },
    proxy: optional(storage.proxy, ({ type, host, port, username, password }) => ({
      type,
      host,
      port,
      username,
      password: toOptionalSecret(password, resolve),
    })),
  };
}

function toS3(storage: S3Storage, resolve: ResolvePath): DesiredS3 {
  return {
    type: 's3',
    bucket: storage.bucket,
    region: storage.region,
    endpoint: storage.endpoint,
    forcePathStyle: storage.forcePathStyle ?? DEFAULTS.s3.forcePathStyle,
    dualStack: storage.dualStack ?? DEFAULTS.s3.dualStack,
    credentials: optional(storage.credentials, (credentials) => ({
      accessKeyId: toSecret(credentials.accessKeyId, resolve),
      secretAccessKey: toSecret(credentials.secretAccessKey, resolve),
      sessionToken: toOptionalSecret(credentials.sessionToken, resolve),
    })),
    serverSideEncryption: storage.serverSideEncryption,
    kmsKeyId: storage.kmsKeyId,
    storageClass: storage.storageClass,
    objectLock: optional(storage.objectLock, (lock) => ({ mode: lock.mode, for: parseDuration(lock.for) })),
    partSize: optional(storage.partSize, parseBytes),
    connectTimeout: optional(storage.connectTimeout, parseDuration),
    readTimeout: optional(storage.readTimeout, parseDuration),
    userAgent: storage.userAgent,
    ...toNetwork(storage, resolve),
  };
}

function toAzure(storage: AzureStorage, resolve: ResolvePath): DesiredAzure {
  const { accountKey, sasToken } = storage.credentials ?? {};
  return {
    type: 'azure',
    account: storage.account,
    container: storage.container,
    cloud: storage.cloud ?? DEFAULTS.azure.cloud,
    endpoint: storage.endpoint,
    credentials:
      optional(accountKey, (key) => ({ kind: 'account-key' as const, accountKey: toSecret(key, resolve) })) ??
      optional(sasToken, (token) => ({ kind: 'sas-token' as const, sasToken: toSecret(token, resolve) })),
    ...toNetwork(storage, resolve),
  };
}

function toSwift(storage: SwiftStorage, resolve: ResolvePath): DesiredSwift {
  const { user, userId, key } = storage.credentials;
  return {
    type: 'swift',
    container: storage.container,
    authUrl: storage.authUrl,
    authVersion: storage.authVersion ?? DEFAULTS.swift.authVersion,
    credentials: { user, userId, key: toSecret(key, resolve) },
    tenant: optional(storage.tenant, ({ name, id }) => ({ name, id })),
    project: optional(storage.project, ({ name, id, domainName, domainId }) => ({ name, id, domainName, domainId })),
    userDomainName: storage.userDomainName,
    userDomainId: storage.userDomainId,
    region: storage.region,
    serviceType: storage.serviceType,
    endpointType: storage.endpointType,
    segmentSize: optional(storage.segmentSize, parseBytes) ?? DEFAULTS.swift.segmentSize,
    ...toNetwork(storage, resolve),
  };
}

function toSftp(storage: SftpStorage, resolve: ResolvePath): DesiredSftp {
  const { username, password, privateKey, passphrase } = storage.credentials;
  return {
    type: 'sftp',
    host: storage.host,
    port: storage.port ?? DEFAULTS.sftp.port,
    directory: storage.directory,
    hostKeys: storage.hostKey === undefined ? [] : [storage.hostKey].flat(),
    knownHosts: optionalPath(storage.knownHosts, resolve),
    credentials: {
      username,
      password: toOptionalSecret(password, resolve),
      privateKey: toOptionalSecret(privateKey, resolve),
      passphrase: toOptionalSecret(passphrase, resolve),
    },
  };
}
