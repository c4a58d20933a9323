import { parseBytes } from '../../domain/bytes.ts';
import { type DesiredRepository, repositoryName } from '../../domain/desired.ts';
import { unreachable } from '../../domain/failure.ts';
import type { Compression, Encryption, Repository } from '../generated/documents.ts';
import { DEFAULTS } from './defaults.ts';
import { optional, type ResolvePath, toOptionalSecret, toSecret } from './reference.ts';
import { toStorage } from './to-storage.ts';

export function toRepository({ metadata, spec }: Repository, resolve: ResolvePath): DesiredRepository {
  return {
    name: repositoryName(metadata.name),
    storage: toStorage(spec.storage, resolve),
    prefix: spec.prefix ?? '',
    compression: toCompression(spec.compression ?? {}),
    encryption: optional(spec.encryption, (encryption) => toEncryption(encryption, resolve)),
    limits: optional(spec.limits, ({ upload, download, concurrency }) => ({
      upload: optional(upload, parseBytes),
      download: optional(download, parseBytes),
      concurrency,
    })),
    notify: optional(spec.notify, ({ url }) => ({ url })),
  };
}

function toCompression(compression: Compression): DesiredRepository['compression'] {
  const algorithm = compression.algorithm ?? DEFAULTS.compression.algorithm;
  switch (algorithm) {
    case 'zstd':
      return { algorithm, level: compression.level ?? DEFAULTS.compression.zstdLevel };
    case 'lzma':
      return { algorithm, level: compression.level ?? DEFAULTS.compression.lzmaLevel };
    case 'snappy':
    case 'none':
      return { algorithm, level: undefined };
    default:
      return unreachable(algorithm);
  }
}

function toEncryption(
  { recipients, privateKey, passphrase, signing, trustedSigners = [] }: Encryption,
  resolve: ResolvePath,
): NonNullable<DesiredRepository['encryption']> {
  return {
    recipients: recipients.map((recipient) => toSecret(recipient, resolve)),
    privateKey: toOptionalSecret(privateKey, resolve),
    passphrase: toOptionalSecret(passphrase, resolve),
    signing: optional(signing, (key) => ({
      key: toSecret(key.privateKey, resolve),
      passphrase: toOptionalSecret(key.passphrase, resolve),
    })),
    trustedSigners: trustedSigners.map((signer) => toSecret(signer, resolve)),
  };
}
