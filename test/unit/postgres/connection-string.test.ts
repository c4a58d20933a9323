import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/policy/secret.ts';
import { type ConnectionParameters, parseConnectionString } from '../../../src/postgres/connection-string.ts';
import { tlsAttempts } from '../../../src/postgres/tls-attempts.ts';

const parse = (text: string, environment: Record<string, string> = {}): ConnectionParameters =>
  parseConnectionString(text, environment);
const password = ({ password }: ConnectionParameters): string | undefined =>
  password instanceof Secret ? password.reveal() : undefined;

describe('parseConnectionString', () => {
  it('reads a URI', () => {
    const read = parse(
      'postgresql://ho%40rd:p%3Ass@db1:5433/app?sslmode=verify-full&connect_timeout=3&application_name=x',
    );
    expect(read).toMatchObject({
      hosts: [{ host: 'db1', port: 5433 }],
      user: 'ho@rd',
      database: 'app',
      sslmode: 'verify-full',
      connectTimeoutMilliseconds: 3000,
    });
    expect(password(read)).toBe('p:ss');
  });

  it.each([
    [
      'postgres://db1,db2:6000/x',
      [
        { host: 'db1', port: 5432 },
        { host: 'db2', port: 6000 },
      ],
    ],
    ['postgres://[::1]:6000/', [{ host: '::1', port: 6000 }]],
    ['postgres://%2Fvar%2Frun%2Fpg/x', [{ host: '/var/run/pg', port: 5432 }]],
    ['postgres:///x?host=/tmp/s&port=7', [{ host: '/tmp/s', port: 7 }]],
    [
      'host=a,b port=7',
      [
        { host: 'a', port: 7 },
        { host: 'b', port: 7 },
      ],
    ],
    ['', [{ host: 'localhost', port: 5432 }]],
  ])('reads the hosts of %j', (text, hosts) => {
    expect(parse(text).hosts).toEqual(hosts);
  });

  it('reads keywords with quotes and escapes', () => {
    const read = parse(String.raw`host=db user = hoard password='it\'s \\ here' dbname=app`);
    expect(read).toMatchObject({ user: 'hoard', database: 'app' });
    expect(password(read)).toBe(String.raw`it's \ here`);
  });

  it('takes what is absent from the environment, then from defaults', () => {
    const read = parse('postgres://db', {
      PGUSER: 'env',
      PGPASSWORD: 'secret',
      PGSSLMODE: 'require',
      PGPORT: '99',
      PGHOST: 'other',
    });
    expect(read).toMatchObject({
      hosts: [{ host: 'db', port: 99 }],
      user: 'env',
      database: 'postgres',
      sslmode: 'require',
    });
    expect(password(read)).toBe('secret');
  });

  it('never repeats any part of the text in an error, since it holds a password', () => {
    const canary = 'hunter2canary';
    for (const text of [
      `postgres://u:${canary}%zz@h/d`,
      `postgres://u:${canary}@h:99999/d`,
      `postgres://u:x@h/d?${canary}=1`,
      `postgres://u:x@h/d?sslmode=${canary}`,
      `host=h password=${canary} nonsense`,
      `host=h ${canary}`,
    ]) {
      const message = errorText(() => parse(text));
      expect(message).not.toBe('');
      expect(message).not.toContain(canary);
    }
  });

  it('throws nothing but failures on any text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => /^(|Failure: .*)$/s.test(errorText(() => parse(`postgres://${text}`)))),
    );
  });
});

describe('tlsAttempts', () => {
  const attempts = (query: string, host = 'db'): ReturnType<typeof tlsAttempts> =>
    tlsAttempts(parse(`postgres://db/x?${query}`), host);

  it('follows libpq in what is tried, and what is verified', async () => {
    expect(await attempts('sslmode=disable')).toEqual([false]);
    expect(await attempts('sslmode=allow')).toEqual([false, { rejectUnauthorized: false }]);
    expect(await attempts('sslmode=prefer')).toEqual([{ rejectUnauthorized: false }, false]);
    expect(await attempts('sslmode=require')).toEqual([{ rejectUnauthorized: false }]);
    expect(await attempts('sslmode=verify-full')).toEqual([{}]);
    const [own] = await attempts(`sslmode=require&sslrootcert=${import.meta.filename}`);
    expect(own).toMatchObject({ ca: expect.stringContaining('tlsAttempts') });
    expect(await attempts('sslmode=require', '/tmp')).toEqual([false]);
  });

  it('refuses verify-ca without a certificate of its own, and a certificate that cannot be read', async () => {
    await expect(attempts('sslmode=verify-ca')).rejects.toThrow('needs a root certificate');
    await expect(attempts('sslmode=verify-full&sslrootcert=/nowhere/ca.pem')).rejects.toThrow(
      'sslrootcert /nowhere/ca.pem cannot be read',
    );
  });
});

function errorText(work: () => unknown): string {
  try {
    work();
    return '';
  } catch (error) {
    return inspect(error);
  }
}
