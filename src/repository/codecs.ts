import { CODEC_EXTENSION, type Codec, type CodecName } from '../codec/codec.ts';
import { codecOfExtension } from '../codec/open-codec.ts';
import { Failure } from '../domain/failure.ts';

/** The codec that an object was written with. `policy.unsupported` where this version cannot read it; `where` names the object. */
export function openCodecOf(name: CodecName | undefined, where: string): Codec {
  const codec = name && codecOfExtension(CODEC_EXTENSION[name]);
  if (codec) return codec;
  throw new Failure('policy.unsupported', {
    message: `${where} is stored in a way that this version of hoard cannot read`,
    hint: 'use the version of hoard that stored it, or a newer one',
  });
}
