import { Failure } from '../domain/failure.ts';
import type { Codec } from './codec.ts';

/** No compression: a "frame" is the content itself. Only `decode` can notice a cut; everything else is left to the hash of the content. */
export const plainCodec: Codec = {
  name: 'none',
  encode: (plain) => Promise.resolve(plain),
  decode: async (frame, plainSize) => {
    if (frame.length === plainSize) return frame;
    throw new Failure('object.corrupt', {
      message: `an uncompressed frame has ${frame.length} bytes, not ${plainSize}`,
    });
  },
  encodeStream: (plain) => plain,
  decodeStream: (frame) => frame,
};
