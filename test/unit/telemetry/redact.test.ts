import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRedactor } from '../../../src/telemetry/redact.ts';

const redactorFor = (...values: readonly string[]) => createRedactor(() => values);

describe('createRedactor', () => {
  it('takes a known value out of text, wherever it stands', () => {
    expect(redactorFor('s3cr3t!').text('a s3cr3t! and "s3cr3t!"')).toBe('a [secret] and "[secret]"');
  });

  it('knows the URL-encoded and JSON-escaped forms of a value', () => {
    const { text } = redactorFor('p@ss "w/ord"');
    expect(text(`x=${encodeURIComponent('p@ss "w/ord"')}`)).toBe('x=[secret]');
    expect(text(JSON.stringify({ a: 'p@ss "w/ord"' }))).toBe('{"a":"[secret]"}');
  });

  it('takes the password of a connection string out on its own, encoded and decoded', () => {
    const { text } = redactorFor('postgresql://hoard:p%40ss-word@db1/orders');
    expect(text('login failed with p@ss-word')).toBe('login failed with [secret]');
    expect(text('login failed with p%40ss-word')).toBe('login failed with [secret]');
    expect(redactorFor("host=db1 password='qu oted'").text('qu oted')).toBe('[secret]');
    expect(redactorFor('postgresql://db1/x?user=a&password=in-query').text('in-query')).toBe('[secret]');
  });

  it('takes the user part out of any URL and passwords out of key-value strings, known or not', () => {
    const { text } = redactorFor();
    expect(text('could not connect to postgresql://u:p@ss@db1:5432/x')).toBe(
      'could not connect to postgresql://[secret]@db1:5432/x',
    );
    expect(text('host=db1 password=hunter2 port=1')).toBe('host=db1 password=[secret] port=1');
    expect(text('see https://example.com/a@b and mail me@example.com')).toBe(
      'see https://example.com/a@b and mail me@example.com',
    );
  });

  it('finds each line of a key, and a value that a file ends with a newline', () => {
    const { text } = redactorFor('-----BEGIN KEY-----\nabcdefgh\nijklmnop\n', 'from-file\n');
    expect(text('line ijklmnop')).toBe('line [secret]');
    expect(text('got "from-file"')).toBe('got "[secret]"');
  });

  it('asks for the known values at every call, since secrets are resolved late', () => {
    const known: string[] = [];
    const { text } = createRedactor(() => known);
    expect(text('late-secret')).toBe('late-secret');
    known.push('late-secret');
    expect(text('late-secret')).toBe('[secret]');
  });

  it('leaves the shape of a document alone', () => {
    const { json } = redactorFor('true', '12345');
    expect(json({ true: true, n: 12_345, list: ['x true', null] })).toEqual({
      true: true,
      n: 12_345,
      list: ['x [secret]', null],
    });
  });

  it('never lets a known value of four characters or more through', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ minLength: 4 }), { minLength: 1, maxLength: 4 }),
        fc.string(),
        fc.string(),
        (values, a, b) => {
          const { text } = createRedactor(() => values);
          for (const value of values) {
            // Parts of the placeholder itself may of course stay.
            fc.pre(!'[secret]'.includes(value.trim()) && value.trim().length >= 4);
            expect(text(a + value + b).includes(value)).toBe(false);
          }
        },
      ),
    );
  });
});
