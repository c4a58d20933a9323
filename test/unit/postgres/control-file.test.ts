import { describe, expect, it } from 'vitest';
import { isFailure } from '../../../src/domain/failure.ts';
import { formatLsn } from '../../../src/domain/lsn.ts';
import { parseControlFile } from '../../../src/postgres/control-file.ts';
import { crc32c } from '../../../src/postgres/crc32c.ts';
import { SERVER_BYTES } from './server-bytes.ts';

const control = (major: number): Buffer => Buffer.from(SERVER_BYTES.get(major)?.control ?? '', 'hex');

describe('parseControlFile', () => {
  it.each([
    [13, 1300, 202007201, 16, false],
    [15, 1300, 202209061, 16, true],
    [16, 1300, 202307071, 64, true],
    [18, 1800, 202506291, 16, true],
  ])('reads the control file of PostgreSQL %i', (major, controlVersion, catalogVersion, mebibytes, checksums) => {
    const file = parseControlFile(control(major));
    expect(file).toMatchObject({
      controlVersion,
      catalogVersion,
      checksums,
      state: 'in production',
      timeline: 1,
      blockSize: 8192,
    });
    expect(file.segmentSize).toBe(mebibytes * 1024 * 1024);
    expect(formatLsn(file.redo)).toBe(major === 16 ? '0/8000028' : '0/2000028');
    expect(file.checkpoint).toBeGreaterThan(file.redo);
    expect(file.systemIdentifier).toMatch(/^77\d{17}$/);
  });

  it.each([13, 18])('notices one changed bit anywhere before the CRC (PostgreSQL %i)', (major) => {
    const bytes = control(major);
    const end = major === 18 ? 292 : 288;
    for (let at = 0; at < end; at += 7) {
      // The version decides the layout: changing it is another error.
      if (at >= 8 && at < 12) continue;
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      expect(() => parseControlFile(damaged)).toThrow('does not fit its CRC');
    }
  });

  it('refuses other layouts and cut files by name', () => {
    const other = control(15);
    other.writeUInt32LE(942, 8);
    expect(() => parseControlFile(other)).toThrow('version 942');
    const big = control(15);
    big.writeUInt32BE(1300, 8);
    expect(() => parseControlFile(big)).toThrow('big-endian');
    const failure = catchError(() => parseControlFile(control(15).subarray(0, 200)));
    expect(isFailure(failure, 'postgres.format')).toBe(true);
  });
});

describe('crc32c', () => {
  // RFC 3720, B.4.
  it.each([
    [Buffer.alloc(32), 0x8a9136aa],
    [Buffer.alloc(32, 0xff), 0x62a8ab43],
    [Buffer.from('123456789'), 0xe3069283],
  ])('agrees with the published values', (bytes, sum) => {
    expect(crc32c(bytes)).toBe(sum);
  });
});

function catchError(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}
