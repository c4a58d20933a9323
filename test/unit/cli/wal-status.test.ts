import { describe, expect, it } from 'vitest';
import { walFailureStatus } from '../../../src/cli/wal-status.ts';
import { FAILURES } from '../../../src/domain/failure.ts';

describe('the exit status of a failed WAL command', () => {
  it.each(Object.entries(FAILURES))('fits what PostgreSQL makes of it (%s)', (_code, { exit }) => {
    for (const standby of [true, false]) {
      const push = walFailureStatus(exit, { verb: 'push', standby });
      expect(push).toBeGreaterThanOrEqual(1);
      expect(push).toBeLessThanOrEqual(125);
      expect(walFailureStatus(exit, { verb: 'fetch', standby })).toBe(standby ? 1 : 255);
      expect(walFailureStatus(exit, { verb: 'list', standby })).toBe(exit);
    }
  });

  it('leaves success alone', () => {
    for (const verb of ['push', 'fetch', 'list', undefined])
      expect(walFailureStatus(0, { verb, standby: false })).toBe(0);
  });
});
