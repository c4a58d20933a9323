import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FailureCode, isFailure } from '../../../src/domain/failure.ts';
import { systemIdentifier } from '../../../src/domain/observed.ts';
import { segmentName, segmentNumber, segmentSize, segmentStart } from '../../../src/domain/segment.ts';
import { timelineId } from '../../../src/domain/timeline.ts';
import { checkSegment } from '../../../src/postgres/wal-check.ts';
import { parseWalPageHeader } from '../../../src/postgres/wal-page.ts';
import { SERVER_BYTES } from './server-bytes.ts';

const real = (major: number): { name: string; size: number; head: Buffer } => {
  const bytes = SERVER_BYTES.get(major);
  if (!bytes) throw new Error(`no bytes of ${major}`);
  return { name: bytes.name, size: bytes.size, head: Buffer.from(bytes.head, 'hex') };
};

describe('parseWalPageHeader', () => {
  it.each([13, 15, 16, 18])('reads the first page of a segment of PostgreSQL %i', (major) => {
    const { head, size } = real(major);
    const page = parseWalPageHeader(head);
    expect(page).toMatchObject({ major, timeline: 1, pageAddress: BigInt(size) * 2n });
    expect(page.long).toMatchObject({ segmentSize: size, blockSize: 8192 });
  });

  it('accepts the magic number of a later release without knowing which', () => {
    const { head } = real(18);
    head.writeUInt16LE(0xd11a, 0);
    expect(parseWalPageHeader(head).major).toBeUndefined();
  });

  it.each([
    ['zeros (a segment prepared for later use)', () => Buffer.alloc(48)],
    ['a magic number older than 13', () => Buffer.from('01d1060001000000', 'hex')],
    ['too few bytes', () => real(18).head.subarray(0, 30)],
  ])('refuses %s', (_, bytes) => {
    expect(codeOf(() => parseWalPageHeader(bytes()))).toBe('postgres.format');
  });

  it('throws nothing but postgres.format on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 48 }), (bytes) => {
        const code = codeOf(() => parseWalPageHeader(bytes));
        expect([undefined, 'postgres.format']).toContain(code);
      }),
    );
  });
});

describe('checkSegment', () => {
  it.each([13, 15, 16, 18])('accepts a segment of PostgreSQL %i under its name', (major) => {
    const segment = real(major);
    const facts = checkSegment({ ...segment, identity: undefined });
    expect(facts).toMatchObject({ major, timeline: 1, segmentSize: segment.size });
    expect(checkSegment({ ...segment, identity: facts })).toEqual(facts);
    expect(checkSegment({ ...segment, name: `${segment.name}.partial`, identity: facts })).toEqual(facts);
  });

  it('accepts the parent timeline in the first segment of a new one, but no later one', () => {
    const segment = real(18);
    expect(checkSegment({ ...segment, name: '000000020000000000000002', identity: undefined }).timeline).toBe(1);
    segment.head.writeUInt32LE(3, 4);
    expect(codeOf(() => checkSegment({ ...segment, name: '000000020000000000000002', identity: undefined }))).toBe(
      'wal.mismatch',
    );
  });

  it('refuses every other name, size and cluster', () => {
    const segment = real(18);
    const identity = checkSegment({ ...segment, identity: undefined });
    const check = (change: Partial<Parameters<typeof checkSegment>[0]>): FailureCode | undefined =>
      codeOf(() => checkSegment({ ...segment, identity, ...change }));
    expect(check({ name: '000000010000000000000003' })).toBe('wal.mismatch');
    expect(check({ name: '000000010000000100000002' })).toBe('wal.mismatch');
    expect(check({ name: '0000000100000000000000FF1' })).toBe('wal.mismatch');
    expect(check({ size: segment.size - 1 })).toBe('wal.mismatch');
    expect(check({ size: segment.size * 2 })).toBe('wal.mismatch');
    expect(check({ head: Buffer.alloc(64) })).toBe('wal.mismatch');
    expect(check({ identity: { ...identity, systemIdentifier: systemIdentifier('1') } })).toBe('site.foreign-cluster');
    expect(check({ identity: { ...identity, segmentSize: segmentSize(1024 * 1024) } })).toBe('wal.mismatch');
  });

  it('accepts a segment of any size and place only under its own name', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 30 }),
        fc.nat(1 << 30),
        fc.nat(1 << 30),
        fc.integer({ min: 1, max: 0xffff_ffff }),
        (power, at, other, tli) => {
          const size = segmentSize(2 ** power);
          const timeline = timelineId(tli);
          const { head } = real(18);
          head.writeUInt32LE(tli, 4);
          head.writeUInt32LE(size, 32);
          head.writeBigUInt64LE(segmentStart(segmentNumber(at), size), 8);
          const name = segmentName({ timeline, number: segmentNumber(other) }, size);
          expect(codeOf(() => checkSegment({ name, head, size, identity: undefined }))).toBe(
            at === other ? undefined : 'wal.mismatch',
          );
          const own = segmentName({ timeline, number: segmentNumber(at) }, size);
          expect(checkSegment({ name: own, head, size, identity: undefined }).segmentSize).toBe(size);
        },
      ),
    );
  });
});

function codeOf(work: () => unknown): FailureCode | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (isFailure(error)) return error.code;
    throw error;
  }
}
