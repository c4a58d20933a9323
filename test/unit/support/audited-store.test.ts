import { describe, expect, test } from 'vitest';
import { remoteStore } from '../../../src/storage/remote/remote-store.ts';
import { auditedStore } from '../../conformance/audited-store.ts';
import { bodyOf, NEVER } from '../../conformance/bodies.ts';
import { MemoryDriver } from '../../support/memory-driver.ts';
import { remoteOptions } from '../../support/remote-options.ts';

const options = { signal: NEVER };
const MIB = 1024 ** 2;

describe('what a store reported', () => {
  const make = () => {
    const clean = remoteStore(new MemoryDriver({ whole: MIB, part: MIB, parallelParts: 1 }), remoteOptions());
    return { clean, audited: auditedStore(clean) };
  };

  test('fits what is there', async () => {
    const { clean, audited } = make();
    await audited.put('a', bodyOf('first'), options);
    await audited.put('a', bodyOf('second'), options);
    await audited.put('b', bodyOf('x'), options);
    await audited.deleteMany(['b', 'c'], options);
    await expect(audited.put('a', bodyOf('third'), { ...options, ifAbsent: true })).rejects.toThrow('a');
    expect(await audited.differences(clean)).toEqual([]);
  });

  test.each([
    ['was lost', 'deleteMany', 'a was reported as stored, and is not there'],
    ['is another', 'other', 'a has another content'],
    ['is shorter', 'shorter', 'a has 1 bytes, and 5 were reported'],
    ['came back', 'back', 'b is there, and was removed or never created'],
    ['is nobody’s', 'extra', 'c is there, and nobody put it'],
  ])('does not fit an object that %s', async (_what, how, difference) => {
    const { clean, audited } = make();
    await audited.put('a', bodyOf('first'), options);
    await audited.put('b', bodyOf('x'), options);
    await audited.deleteMany(['b'], options);
    if (how === 'deleteMany') await clean.deleteMany(['a'], options);
    if (how === 'other') await clean.put('a', bodyOf('other'), options);
    if (how === 'shorter') await clean.put('a', bodyOf('x'), options);
    if (how === 'back') await clean.put('b', bodyOf('x'), options);
    if (how === 'extra') await clean.put('c', bodyOf('x'), options);
    expect(await audited.differences(clean)).toEqual([difference]);
  });

  test('says nothing of what puts left that ran at once', async () => {
    const { clean, audited } = make();
    await Promise.all(['one', 'two'].map((text) => audited.put('a', bodyOf(text), options)));
    await clean.deleteMany(['a'], options);
    expect(await audited.differences(clean)).toEqual([]);
    await audited.put('a', bodyOf('three'), options);
    await clean.deleteMany(['a'], options);
    expect(await audited.differences(clean)).toHaveLength(1);
  });
});
