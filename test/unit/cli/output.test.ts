import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createOutput } from '../../../src/cli/output.ts';
import { createRedactor } from '../../../src/telemetry/redact.ts';

class FakeStream extends EventEmitter {
  text = '';
  full = false;
  write(text: string): boolean {
    this.text += text;
    return !this.full;
  }
}

function setUp() {
  const stdout = new FakeStream();
  const stderr = new FakeStream();
  const output = createOutput({
    stdout,
    stderr,
    redactor: createRedactor(() => ['canary']),
    beforeWrite: () => undefined,
  });
  return { stdout, stderr, output };
}

const brokenPipe = (): Error => Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });

describe('createOutput', () => {
  it('redacts results, documents and messages alike', async () => {
    const { stdout, stderr, output } = setUp();
    await output.result('a canary');
    await output.document({ canary: ['a canary', 1] });
    output.message('a canary');
    expect(stdout.text).toBe('a [secret]\n{\n  "canary": [\n    "a [secret]",\n    1\n  ]\n}\n');
    expect(stderr.text).toBe('a [secret]\n');
  });

  it('waits for a slow reader', async () => {
    const { stdout, output } = setUp();
    stdout.full = true;
    let written = false;
    const writing = output.result('much').then(() => (written = true));
    await Promise.resolve();
    expect(written).toBe(false);
    stdout.emit('drain');
    await writing;
  });

  it('is quiet when the reader of standard output goes away', async () => {
    const { stdout, output } = setUp();
    stdout.full = true;
    const writing = output.result('much');
    stdout.emit('error', brokenPipe());
    await writing;
    await output.result('more');
    expect(stdout.text).toBe('much\n');
  });

  it('does not hide another failure of standard output', () => {
    const { stdout } = setUp();
    expect(() => stdout.emit('error', Object.assign(new Error('no space'), { code: 'ENOSPC' }))).toThrow('no space');
  });
});
