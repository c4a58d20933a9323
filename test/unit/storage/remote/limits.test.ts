import { describe, expect, test } from 'vitest';
import { instant } from '../../../../src/domain/instant.ts';
import { Bandwidth } from '../../../../src/storage/remote/bandwidth.ts';
import { BufferBudget } from '../../../../src/storage/remote/buffer-budget.ts';
import { Gate } from '../../../../src/storage/remote/gate.ts';
import type { Clock } from '../../../../src/telemetry/effects.ts';

const NEVER = new AbortController().signal;

/** Time that passes only where somebody sleeps, one after the other. */
function steppedClock(): Clock & { advance(milliseconds: number): void } {
  let now = 1_000_000;
  return {
    now: () => instant(now),
    async sleep(milliseconds, signal) {
      signal.throwIfAborted();
      now += milliseconds;
    },
    every() {
      throw new Error('nothing here is looked at again');
    },
    advance(milliseconds) {
      now += milliseconds;
    },
  };
}

describe('a gate', () => {
  test('lets as many run as it may, first come, first served', async () => {
    const gate = new Gate(2, steppedClock());
    const order: number[] = [];
    let running = 0;
    let most = 0;
    await Promise.all(
      [1, 2, 3, 4, 5, 6].map((each) =>
        gate.run(NEVER, async () => {
          running += 1;
          most = Math.max(most, running);
          order.push(each);
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
        }),
      ),
    );
    expect(most).toBe(2);
    expect(order).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('is halved by "slow down" once in a while, never below one, and rises with successes', () => {
    const clock = steppedClock();
    const gate = new Gate(16, clock);
    for (let each = 0; each < 10; each += 1) gate.throttled();
    expect(gate.limit).toBe(8);
    for (let each = 0; each < 10; each += 1) {
      clock.advance(2000);
      gate.throttled();
    }
    expect(gate.limit).toBe(1);
    gate.succeeded();
    expect(gate.limit).toBe(2);
    for (let each = 0; each < 1000; each += 1) gate.succeeded();
    expect(gate.limit).toBe(16);
  });

  test('whoever is aborted while waiting takes no place', async () => {
    const gate = new Gate(1, steppedClock());
    await gate.enter(NEVER);
    const abort = new AbortController();
    const waiting = gate.run(abort.signal, async () => 'ran');
    const next = gate.run(NEVER, async () => 'next');
    abort.abort(new Error('told to stop'));
    await expect(waiting).rejects.toThrow('told to stop');
    gate.leave();
    expect(await next).toBe('next');
    expect(await gate.run(NEVER, async () => 'again')).toBe('again');
  });
});

describe('a bandwidth', () => {
  test('lets its bytes a second through, however they are cut', async () => {
    for (const piece of [10, 1000, 65_536]) {
      const clock = steppedClock();
      const bandwidth = new Bandwidth(10_000, clock);
      const begun = clock.now();
      for (let sent = 0; sent < 200_000; sent += piece) await bandwidth.take(piece, NEVER);
      const seconds = (clock.now() - begun) / 1000;
      expect(seconds).toBeGreaterThan(19.5);
      expect(seconds).toBeLessThan(27);
    }
  });

  test('of no limit never waits', async () => {
    const clock = steppedClock();
    const begun = clock.now();
    await new Bandwidth(undefined, clock).take(1e15, NEVER);
    expect(clock.now()).toBe(begun);
  });

  test('what was aborted does not count', async () => {
    const clock = steppedClock();
    const bandwidth = new Bandwidth(1000, clock);
    const stop = AbortSignal.abort(new Error('told to stop'));
    await expect(bandwidth.take(1_000_000, stop)).rejects.toThrow('told to stop');
    const begun = clock.now();
    await bandwidth.take(1000, NEVER);
    expect(clock.now() - begun).toBeLessThanOrEqual(1000);
  });
});

test('a budget gives what it has and no more', () => {
  const budget = new BufferBudget(10);
  expect([budget.tryTake(6), budget.tryTake(5), budget.tryTake(4)]).toEqual([true, false, true]);
  budget.give(6);
  expect(budget.tryTake(6)).toBe(true);
});
