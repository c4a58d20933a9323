import { array, assert, asyncProperty, boolean, constantFrom, integer, option, record } from 'fast-check';
import { expect, test } from 'vitest';
import { Failure, isFailure } from '../../../../src/domain/failure.ts';
import { remoteStore } from '../../../../src/storage/remote/remote-store.ts';
import { bodyOf, bytesOf, collect, NEVER, pattern } from '../../../conformance/bodies.ts';
import { type Fault, MemoryDriver } from '../../../support/memory-driver.ts';
import { remoteOptions } from '../../../support/remote-options.ts';

const options = { signal: NEVER };

const fault = constantFrom<Fault>('unavailable', 'lost', 'throttled', 'denied', { cutAfter: 3 }, { cutAfter: 1000 });
/** What happens to the requests, one after the other, over and over. */
const faults = array(option(fault, { freq: 2 }), { minLength: 1, maxLength: 40 });
const key = constantFrom('a', 'a-b', 'b/c', 'b/d');
const step = record({
  operation: constantFrom('put', 'put', 'create', 'get', 'range', 'head', 'list', 'delete'),
  key,
  size: integer({ min: 0, max: 6000 }),
  known: boolean(),
  seed: integer({ min: 1, max: 1000 }),
});

function faulty(script: readonly (Fault | null)[]): MemoryDriver {
  let next = 0;
  return new MemoryDriver({
    pageSize: 2,
    deleteBatch: 2,
    piece: 500,
    fault: () => {
      next += 1;
      return script[next % script.length] ?? undefined;
    },
  });
}

test('whatever fails, what is reported is true: nothing lost, mixed, or stored that is not', async () => {
  await assert(
    asyncProperty(faults, array(step, { maxLength: 25 }), async (script, steps) => {
      const driver = faulty(script);
      const store = remoteStore(driver, remoteOptions());
      const held = (name: string): Buffer | undefined => {
        const found = driver.objects.get(name);
        return found && Buffer.from(found.bytes);
      };
      for (const { operation, key: name, size, known, seed } of steps) {
        const before = held(name);
        const body = Buffer.from(pattern(size, seed));
        const ifAbsent = operation === 'create';
        try {
          switch (operation) {
            case 'put':
            case 'create': {
              const info = await store.put(name, bodyOf(body), { ...options, ifAbsent, ...(known && { size }) });
              expect(info).toMatchObject({ key: name, size });
              expect(held(name)?.equals(body)).toBe(true);
              if (ifAbsent) expect(before).toBeUndefined();
              break;
            }
            case 'get':
              expect((await bytesOf(await store.get(name, options))).equals(before ?? Buffer.from('?'))).toBe(true);
              break;
            case 'range': {
              const range = { offset: seed, length: size };
              const found = await bytesOf(await store.get(name, { ...options, range }));
              expect(found.equals(before?.subarray(seed, seed + size) ?? Buffer.from('?'))).toBe(true);
              expect(found.length).toBe(size);
              break;
            }
            case 'head':
              expect((await store.head(name, options))?.size).toBe(before?.length);
              break;
            case 'list':
              expect((await collect(store.list('', options))).flat().map((info) => info.key)).toEqual(
                [...driver.objects.keys()].toSorted(),
              );
              break;
            case 'delete': {
              const [result] = await store.deleteMany([name, 'b/d', name], options);
              if (result?.kind === 'removed') expect(held(name)).toBeUndefined();
            }
          }
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          const after = held(name);
          if (isFailure(error, 'store.exists', 'store.incomplete')) expect(after).toEqual(before);
          if (isFailure(error, 'store.exists')) expect(before).toBeDefined();
          if (isFailure(error, 'store.not-found')) expect(before).toBeUndefined();
          // What was refused or given up has happened as a whole or not at all.
          const possible = operation === 'delete' ? [before, undefined] : [before, body];
          expect(possible.some((each) => (each === undefined ? after === undefined : after?.equals(each)))).toBe(true);
        }
      }
      expect([driver.running, driver.openBodies]).toEqual([0, 0]);
    }),
    { numRuns: 150 },
  );
});

test('of many creators of one name at most one is told that it won, and its body is there', async () => {
  await assert(
    asyncProperty(
      faults,
      array(integer({ min: 0, max: 4000 }), { minLength: 2, maxLength: 6 }),
      async (script, sizes) => {
        const driver = faulty(script);
        const store = remoteStore(driver, remoteOptions());
        const bodies = sizes.map((size, index) => Buffer.from(pattern(size + index, index + 1)));
        const outcomes = await Promise.allSettled(
          bodies.map(async (body) => store.put('a', bodyOf(body), { ...options, ifAbsent: true })),
        );
        const winners = bodies.filter((_, index) => outcomes[index]?.status === 'fulfilled');
        expect(winners.length).toBeLessThanOrEqual(1);
        const there = driver.objects.get('a');
        if (winners[0] !== undefined) expect(Buffer.from(there?.bytes ?? []).equals(winners[0])).toBe(true);
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected' && isFailure(outcome.reason, 'store.exists')) expect(there).toBeDefined();
        }
      },
    ),
    { numRuns: 100 },
  );
});
