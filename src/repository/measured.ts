import { createHash } from 'node:crypto';

/** How many bytes passed, and what they were. */
interface Measure {
  size: number;
  readonly hash: ReturnType<typeof createHash>;
}

export const newMeasure = (): Measure => ({ size: 0, hash: createHash('sha256') });

/** To be asked once, at the end. */
export const summed = ({ size, hash }: Measure): { readonly size: number; readonly sha256: string } => ({
  size,
  sha256: hash.digest('hex'),
});

export async function* measured(bytes: AsyncIterable<Uint8Array>, into: Measure): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    into.size += piece.byteLength;
    into.hash.update(piece);
    yield piece;
  }
}
