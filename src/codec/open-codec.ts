import type { DesiredRepository } from '../domain/desired.ts';
import { Failure } from '../domain/failure.ts';
import { CODEC_EXTENSION, type Codec } from './codec.ts';
import { plainCodec } from './plain.ts';
import { zstdCodec } from './zstd.ts';

/** zstd's own default: 3 (limits: 500 MB/s a core, and no higher level pays for its time on database pages). */
const DEFAULT_LEVEL = 3;
/** `zstd --ultra -22`. */
const HIGHEST_LEVEL = 22;

export type Compression = DesiredRepository['compression'];

/** The codec that a repository writes with. Throws `policy.unsupported` for one that this version does not have. */
export function openCodec(compression: Compression): Codec {
  const { algorithm, level = DEFAULT_LEVEL } = compression;
  if (algorithm === 'none') return plainCodec;
  if (algorithm !== 'zstd') {
    throw new Failure('policy.unsupported', {
      message: `compression by ${algorithm} is declared, which this version cannot do yet`,
      hint: 'use spec.compression.algorithm zstd or none',
    });
  }
  if (Number.isInteger(level) && level >= 1 && level <= HIGHEST_LEVEL) return zstdCodec(level);
  throw new Failure('value.invalid', { message: `not a zstd level: ${level} (1 to ${HIGHEST_LEVEL})` });
}

/** The codec to read an object by the last extension of its name (without the dot) with; undefined for an unknown one. */
export function codecOfExtension(extension: string): Codec | undefined {
  switch (extension) {
    case CODEC_EXTENSION.zstd:
      return zstdCodec(DEFAULT_LEVEL);
    case CODEC_EXTENSION.none:
      return plainCodec;
    default:
      return undefined;
  }
}
