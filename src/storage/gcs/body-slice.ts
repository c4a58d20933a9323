import type { Body } from '../remote/driver.ts';

/** Bytes `start` to `end` of a body, as views of its pieces. */
export function sliceBody(body: Body, start: number, end: number): Body {
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const piece of body.pieces) {
    const from = Math.max(start - at, 0);
    const to = Math.min(end - at, piece.length);
    if (from < to) pieces.push(piece.subarray(from, to));
    at += piece.length;
  }
  return { pieces, length: end - start };
}
