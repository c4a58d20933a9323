/**
 * A compression of stored objects and chunks. The codec of an object is known from its name's last extension, so a repository
 * may hold a mix. A frame is complete in itself; pack files hold frames back to back, each addressed by offset and length.
 */
export interface Codec {
  readonly name: CodecName;
  /** One buffer to one frame. For chunks: at most a few MiB. Runs off the main thread. */
  encode(plain: Uint8Array): Promise<Uint8Array>;
  /**
   * One whole frame back. `object.corrupt` where it is cut, damaged, has trailing data, or would give anything but `plainSize` bytes;
   * never allocates more than `plainSize` for the result (a bomb is refused).
   */
  decode(frame: Uint8Array, plainSize: number): Promise<Uint8Array>;
  /** A stream to one frame, in bounded memory. */
  encodeStream(plain: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /**
   * One frame to a stream, in bounded memory. Throws `object.corrupt` where the frame is cut or damaged or is followed by other data. `none`
   * and `snappy` cannot notice every cut by themselves: the caller holds the size or hash of the content against what comes out.
   */
  decodeStream(frame: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

/** What manifests call them. */
export const CODEC_NAMES = ['zstd', 'snappy', 'lzma', 'none'] as const;
export type CodecName = (typeof CODEC_NAMES)[number];

/** Extension of stored names, without the dot. Uncompressed objects have `raw`, so that every name says what it is. */
export const CODEC_EXTENSION: Readonly<Record<CodecName, string>> = {
  zstd: 'zst',
  snappy: 'sz',
  lzma: 'xz',
  none: 'raw',
};
