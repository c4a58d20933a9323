import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isFailure } from '../../../src/domain/failure.ts';
import { openDocument, sealDocument } from '../../../src/repository/document.ts';

const sealed = Buffer.from(
  sealDocument('site', { systemIdentifier: '7000000000000000001', walSegmentSize: 16_777_216, ä: 'ö' }),
);

/** The same document as another version would have written it. */
function withVersion(version: string): Buffer {
  const body = sealed.toString().replace('"1.0"', `"${version}"`).split('\n').slice(0, -3).join('\n');
  const text = `${body}\n`;
  return Buffer.from(`${text}  "checksum": "${createHash('sha256').update(text).digest('hex')}"\n}\n`);
}

describe('a sealed document', () => {
  it('reads back and is plain JSON for everybody else', () => {
    const fields = openDocument('site', sealed, 'site.json');
    expect(fields.text('systemIdentifier')).toBe('7000000000000000001');
    expect(fields.text('ä')).toBe('ö');
    expect(JSON.parse(sealed.toString())).toMatchObject({ formatVersion: '1.0', kind: 'site' });
  });

  it('has the checksum that `head -n -2 | sha256sum` gives', () => {
    const lines = sealed.toString().split('\n');
    const head = `${lines.slice(0, -3).join('\n')}\n`;
    expect(lines.at(-3)).toBe(`  "checksum": "${createHash('sha256').update(head).digest('hex')}"`);
  });

  it('refuses every changed bit, every cut and everything appended', () => {
    for (let index = 0; index < sealed.length; index += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const damaged = Buffer.from(sealed);
        damaged[index] = (damaged[index] ?? 0) ^ (1 << bit);
        expect(() => openDocument('site', damaged, 'site.json')).toThrow('damaged');
      }
      expect(() => openDocument('site', sealed.subarray(0, index), 'site.json')).toThrow('damaged');
    }
    expect(() => openDocument('site', Buffer.concat([sealed, Buffer.from('\n')]), 'site.json')).toThrow('damaged');
  });

  it('reads unknown minor versions, refuses unknown major ones by name', () => {
    expect(openDocument('site', withVersion('1.7'), 'site.json').integer('walSegmentSize')).toBe(16_777_216);
    for (const version of ['2.0', '0.9', '1', 'one.two', '']) {
      try {
        openDocument('site', withVersion(version), 'site.json');
        expect.unreachable();
      } catch (error) {
        expect(isFailure(error, 'repository.foreign')).toBe(true);
      }
    }
  });

  it('refuses a document of another kind', () => {
    expect(() => openDocument('lease', sealed, 'x')).toThrow('has "kind" "site", not one of lease');
  });
});
