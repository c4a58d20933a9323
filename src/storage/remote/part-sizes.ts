import { Failure } from '../../domain/failure.ts';

/**
 * How large part `index` of an object of `size` bytes is (undefined: nobody knows), where a store takes at most `count` parts of at most
 * `largestPart` bytes. Where the size is known all parts are equal, and as small as possible; where it is not they grow, so that small
 * objects need little memory and large ones still fit.
 */
export function growingParts(options: {
  readonly smallest: number;
  readonly largestPart: number;
  readonly count: number;
}): (index: number, size: number | undefined) => number {
  const { smallest, largestPart, count } = options;
  return (index, size) => {
    if (index >= count) throw tooMany(count);
    if (size === undefined) return Math.min(largestPart, smallest * 2 ** Math.floor(index / growEvery(count)));
    const needed = Math.ceil(size / count);
    return Math.min(largestPart, Math.max(smallest, ceilTo(needed, MIB)));
  };
}

const MIB = 1024 ** 2;

/** Parts of an unknown size come in this many steps, each of twice the size: 10,000 that begin with 5 MiB hold 9 TB, so that S3's 5 TiB fit. */
const STEPS = 11;
const growEvery = (count: number): number => Math.ceil(count / STEPS);

const ceilTo = (value: number, step: number): number => Math.ceil(value / step) * step;

function tooMany(count: number): Failure {
  return new Failure('store.rejected', {
    message: `the object needs more than the ${count} parts that the store allows`,
    hint: 'set a larger part size for the repository',
  });
}
