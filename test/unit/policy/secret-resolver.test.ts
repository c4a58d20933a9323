import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Failure, isFailure } from '../../../src/domain/failure.ts';
import type { SecretReference } from '../../../src/domain/secret-reference.ts';
import { createSecretResolver } from '../../../src/policy/secret-resolver.ts';

const SECRET = 'Tr0ub4dor-canary';
const ENVIRONMENT = { PATH: process.env['PATH'], GOOD: SECRET, EMPTY: '', URI: 'postgres://u:p%40ss@h/db' };

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-secrets-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function resolve(reference: SecretReference, signal = new AbortController().signal): Promise<string> {
  return (await createSecretResolver(ENVIRONMENT).resolve(reference, signal)).reveal();
}

async function failure(reference: SecretReference): Promise<Failure> {
  const error: unknown = await resolve(reference).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isFailure(error, 'secret.unavailable')) throw new Error('expected secret.unavailable', { cause: error });
  expect(inspect(error, { depth: 9 })).not.toContain(SECRET);
  return error;
}

function file(name: string, content: string): SecretReference {
  writeFileSync(path.join(folder, name), content);
  return { kind: 'file', path: path.join(folder, name) };
}

const exec = (...command: string[]): SecretReference => ({ kind: 'exec', command });

describe('the secret resolver', () => {
  it('reads the environment', async () => {
    expect(await resolve({ kind: 'env', name: 'GOOD' })).toBe(SECRET);
    expect((await failure({ kind: 'env', name: 'MISSING' })).message).toBe(
      'environment variable MISSING is not set, but a secret is read from it',
    );
    expect((await failure({ kind: 'env', name: 'EMPTY' })).message).toBe(
      'environment variable EMPTY is empty, but a secret is read from it',
    );
    expect((await failure({ kind: 'env', name: 'toString' })).message).toContain('is not set');
  });

  it('reads files without the newline at their end', async () => {
    expect(await resolve(file('a', `${SECRET}\n`))).toBe(SECRET);
    expect(await resolve(file('b', `${SECRET}\r\n`))).toBe(SECRET);
    expect(await resolve(file('c', `line 1\nline 2\n\n`))).toBe('line 1\nline 2\n');
    expect((await failure(file('d', '\n'))).message).toContain('is empty');
    expect((await failure({ kind: 'file', path: path.join(folder, 'none') })).message).toMatch(
      /none does not exist, but/,
    );
    expect((await failure({ kind: 'file', path: folder })).message).toContain('is a directory');
    expect((await failure(file('large', 'x'.repeat(1024 * 1024 + 1)))).message).toContain(
      'is larger than 1048576 bytes',
    );
  });

  it.skipIf(process.getuid?.() === 0)('names a file that may not be read', async () => {
    const reference = file('locked', SECRET);
    chmodSync(path.join(folder, 'locked'), 0);
    expect((await failure(reference)).message).toContain('may not be read by this user');
  });

  it('runs commands without a shell', async () => {
    expect(await resolve(exec('printf', '%s\\n', '$HOME; echo x'))).toBe('$HOME; echo x');
    expect(await resolve(exec('printenv', 'GOOD'))).toBe(SECRET);
    expect((await failure(exec('/no/such/program'))).message).toBe(
      'command /no/such/program does not exist, but a secret is read from it',
    );
  });

  it('repeats neither arguments nor output of a command that fails', async () => {
    const error = await failure(exec('sh', '-c', `echo ${SECRET} >&2; echo ${SECRET}; exit 3`));
    expect(error.message).toBe('command sh ended with status 3, but a secret is read from it');
    expect((await failure(exec('sh', '-c', 'kill -9 $$'))).message).toContain('was ended by SIGKILL');
    expect((await failure(exec('sh', '-c', 'yes'))).message).toContain('printed more than 1048576 bytes');
  });

  it('gives no standard input and stops when told to', async () => {
    expect((await failure(exec('cat'))).message).toContain('is empty');
    const controller = new AbortController();
    const waiting = resolve(exec('sleep', '30'), controller.signal);
    const reason = new Failure('interrupted', { message: 'stopped' });
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(resolve({ kind: 'env', name: 'GOOD' }, controller.signal)).rejects.toBe(reason);
  });

  it('ends a command that takes too long', async () => {
    const impatient = createSecretResolver(ENVIRONMENT, 200);
    await expect(impatient.resolve(exec('sh', '-c', 'sleep 2; true'), new AbortController().signal)).rejects.toThrow(
      'command sh did not end within 0.2 seconds',
    );
  });

  it('knows what must be scrubbed, with the passwords inside URLs', async () => {
    const resolver = createSecretResolver(ENVIRONMENT);
    expect([...resolver.known()]).toEqual([]);
    await resolver.resolve({ kind: 'env', name: 'URI' }, new AbortController().signal);
    expect([...resolver.known()]).toEqual(['postgres://u:p%40ss@h/db', 'p%40ss', 'p@ss']);
  });

  it('gives values that print as a placeholder', async () => {
    const secret = await createSecretResolver(ENVIRONMENT).resolve(
      { kind: 'env', name: 'GOOD' },
      new AbortController().signal,
    );
    expect(`${secret.toString()} ${JSON.stringify({ secret })} ${inspect([secret])}`).not.toContain(SECRET);
  });
});
