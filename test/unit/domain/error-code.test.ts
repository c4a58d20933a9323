import { describe, expect, it } from 'vitest';
import { errorCode, isOutOfSpace } from '../../../src/domain/error-code.ts';
import { restoreFailure } from '../../../src/restore/restore-error.ts';
import { localFailure } from '../../../src/storage/local/errors.ts';
import { translatingFileErrors } from '../../../src/wal/local-file.ts';

const systemError = (code: unknown): Error => Object.assign(new Error('write failed'), { code, syscall: 'write' });

describe('errorCode', () => {
  it('is that of an error of Node, and nothing else', () => {
    expect(errorCode(systemError('ENOENT'))).toBe('ENOENT');
    for (const other of [systemError(7), new Error('none'), 'ENOENT', undefined])
      expect(errorCode(other)).toBeUndefined();
  });
});

describe('a full disk or quota', () => {
  // EDQUOT comes by its number: libuv has no name for it.
  it.each(['ENOSPC', 'Unknown system error -122', 'Unknown system error -69'])(
    '%s is store.full everywhere',
    async (code) => {
      const error = systemError(code);
      expect(isOutOfSpace(error)).toBe(true);
      const full = expect.objectContaining({ code: 'store.full' });
      expect(localFailure(error, 'write x')).toEqual(full);
      expect(restoreFailure(error, '/data')).toEqual(full);
      await expect(translatingFileErrors('write x', () => Promise.reject(error))).rejects.toEqual(full);
    },
  );

  it('is nothing else', () => {
    for (const other of [systemError('EIO'), new Error('none'), undefined]) expect(isOutOfSpace(other)).toBe(false);
  });
});
