import { assert, asyncProperty, uint8Array } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../../../src/domain/failure.ts';
import { instant } from '../../../../src/domain/instant.ts';
import { Attempts } from '../../../../src/storage/remote/attempts.ts';
import { createTransferLimits } from '../../../../src/storage/remote/transfer-limits.ts';
import type { Clock } from '../../../../src/telemetry/effects.ts';
import { NEVER } from '../../../conformance/bodies.ts';

/** Whether a server that is back after so much time is reached, and when the request ended. */
async function outage(milliseconds: number, bytes: Uint8Array): Promise<{ reached: boolean; endedAt: number }> {
  let now = 0;
  const clock: Clock = {
    now: () => instant(now),
    sleep: async (wait) => {
      now += wait;
    },
    every: () => () => undefined,
  };
  let drawn = 0;
  const random = (count: number): Uint8Array => {
    drawn += count;
    return bytes.subarray(drawn - count, drawn);
  };
  const attempts = new Attempts({ clock, random, gate: createTransferLimits(undefined, clock).gate });
  const reached = await attempts
    .run(NEVER, async () => {
      if (now < milliseconds) throw new Failure('store.unavailable', { message: 'it is away' });
      return true;
    })
    .catch(() => false);
  return { reached, endedAt: now };
}

const drawn = uint8Array({ minLength: 14, maxLength: 14 });

describe('a server that is away', () => {
  test('for twelve seconds is always waited for', async () => {
    await assert(
      asyncProperty(drawn, async (bytes) => {
        expect((await outage(12_000, bytes)).reached).toBe(true);
      }),
    );
    expect(await outage(12_700, new Uint8Array(14))).toEqual({ reached: true, endedAt: 12_700 });
    expect(await outage(12_701, new Uint8Array(14))).toEqual({ reached: false, endedAt: 12_700 });
  });

  test('for longer than half a minute is given up in time', async () => {
    await assert(
      asyncProperty(drawn, async (bytes) => {
        const { reached, endedAt } = await outage(30_000, bytes);
        expect(reached).toBe(false);
        expect(endedAt).toBeLessThan(25_400);
      }),
    );
  });
});
