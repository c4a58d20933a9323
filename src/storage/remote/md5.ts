import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Body } from './driver.ts';

/** Hashed in less than 2 ms: as long as nothing else of this process goes on. */
const SLICE = 1024 * 1024;

/**
 * What stores compare a body with. In slices, between which other transfers go on: 16 MiB at once would leave every connection idle for 30 ms, and
 * four transfers would hash in turn instead of sending.
 */
export async function md5Of({ pieces }: Body): Promise<Buffer> {
  const hash = createHash('md5');
  let hashed = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += SLICE) {
      if (hashed >= SLICE) {
        await setImmediate();
        hashed = 0;
      }
      const slice = piece.subarray(at, at + SLICE);
      hash.update(slice);
      hashed += slice.length;
    }
  }
  return hash.digest();
}
