import type { WebStream } from 'openpgp';

/** What the openpgp package reads. Pieces are asked for one at a time: back-pressure goes through. */
export const toWebStream = (bytes: AsyncIterable<Uint8Array>): WebStream<Uint8Array> => ReadableStream.from(bytes);
