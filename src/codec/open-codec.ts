import type { DesiredRepository } from '../domain/desired.ts';
import { Failure, unreachable } from '../domain/failure.ts';
import { CODEC_EXTENSION, CODEC_NAMES, type Codec, type CodecName } from './codec.ts';
import { plainCodec } from './plain.ts';
import { snappyCodec } from './snappy.ts';
import { xzCodec } from './xz.ts';
import { zstdCodec } from './zstd.ts';

interface Levels {
  readonly least: number;
  readonly most: number;
  readonly usual: number;
}

export type Compression = DesiredRepository['compression'];

/** -7 (`zstd --fast=7`) to `zstd --ultra -22`. Its own default: 3 (500 MB/s a core, and no higher level pays for its time on database pages). */
const ZSTD_LEVELS: Levels = { least: -7, most: 22, usual: 3 };
/**
 * The presets of `xz`. 0, as 6 takes ten times the processor time on database pages (2.5 against 24 MB/s, so that a busy server's WAL would wait)
 * and makes them no smaller in chunks of 1 MiB; text gets 18 % smaller for 4.5 times the time.
 */
const LZMA_LEVELS: Levels = { least: 0, most: 9, usual: 0 };

/** The codec that a repository writes with. */
export function openCodec({ algorithm, level }: Compression): Codec {
  switch (algorithm) {
    case 'zstd':
      return zstdCodec(checked(algorithm, level, ZSTD_LEVELS));
    case 'lzma':
      return xzCodec(checked(algorithm, level, LZMA_LEVELS));
    case 'snappy':
    case 'none':
      if (level === undefined) return readerOf(algorithm);
      throw new Failure('value.invalid', { message: `${algorithm} has no levels, and ${level} is given` });
    default:
      return unreachable(algorithm);
  }
}

function checked(algorithm: CodecName, level: number | undefined, { least, most, usual }: Levels): number {
  if (level === undefined) return usual;
  if (Number.isInteger(level) && level >= least && level <= most) return level;
  throw new Failure('value.invalid', { message: `not a level of ${algorithm}: ${level} (${least} to ${most})` });
}

/** The codec to read an object by the last extension of its name (without the dot) with; undefined for an unknown one. */
export function codecOfExtension(extension: string): Codec | undefined {
  const name = CODEC_NAMES.find((each) => CODEC_EXTENSION[each] === extension);
  return name && readerOf(name);
}

/** What was written at any level is read alike. */
function readerOf(name: CodecName): Codec {
  switch (name) {
    case 'zstd':
      return zstdCodec(ZSTD_LEVELS.usual);
    case 'lzma':
      return xzCodec(LZMA_LEVELS.usual);
    case 'snappy':
      return snappyCodec;
    case 'none':
      return plainCodec;
    default:
      return unreachable(name);
  }
}
