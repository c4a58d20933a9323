import { describe, expect, it } from 'vitest';
import type { DesiredEncryption } from '../../../src/domain/desired.ts';
import { createSecretResolver } from '../../../src/policy/secret-resolver.ts';
import { readDeclaredKeys } from '../../../src/repository/declared-keys.ts';
import { systemClock } from '../../../src/telemetry/system-effects.ts';
import { calm } from '../../support/temporary-repository.ts';
import { type TestKey, testKey } from '../../support/test-keys.ts';

const DAY = 86_400;
const ago = (days: number): Date => new Date(Date.now() - days * DAY * 1000);

const NOTHING: DesiredEncryption = {
  recipients: [],
  privateKey: undefined,
  passphrase: undefined,
  signing: undefined,
  trustedSigners: [],
};

const env = (name: string) => ({ kind: 'env', name }) as const;

const declaredKeys = (environment: Readonly<Record<string, string>>, encryption: Partial<DesiredEncryption>) =>
  readDeclaredKeys(
    { ...NOTHING, ...encryption },
    { secrets: createSecretResolver(environment), clock: systemClock, signal: calm() },
  );

const fresh = await testKey('fresh');
const locked = await testKey('locked', { passphrase: 'open sesame' });
const otherwise = await testKey('otherwise', { passphrase: 'another' });
const expired = await testKey('expired', { made: ago(10), expiresIn: 5 * DAY });

const ownersOf = ([found]: Awaited<ReturnType<typeof declaredKeys>>): readonly (string | undefined)[] | undefined =>
  found?.keys.map(({ owner }) => owner);

const both = (a: TestKey, b: TestKey, kind: 'publicKey' | 'privateKey'): string => `${a[kind]}\n${b[kind]}`;

describe('declared keys', () => {
  it('a recipient that has expired cannot be used, and still is one: what was encrypted to it is not lost', async () => {
    const found = await declaredKeys({ A: both(expired, fresh, 'publicKey') }, { recipients: [env('A')] });
    expect(ownersOf(found)).toEqual(['expired', 'fresh']);
    expect(found[0]?.failure).toMatchObject({ code: 'key.unusable', message: expect.stringContaining('expired on') });
    expect(found[0]?.keys.map(({ parts }) => parts.length)).toEqual([2, 2]);
  });

  it('a signer that has expired is still trusted for what it signed', async () => {
    const found = await declaredKeys({ A: expired.publicKey }, { trustedSigners: [env('A')] });
    expect(found).toMatchObject([{ role: 'trusted-signer', failure: undefined }]);
    expect(found[0]?.keys[0]?.expires).toBeLessThan(Date.now());
  });

  it('an expired private key opens what was encrypted to it, and signs nothing', async () => {
    const key = env('A');
    const found = await declaredKeys(
      { A: expired.privateKey },
      { privateKey: key, signing: { key, passphrase: undefined } },
    );
    expect(found).toMatchObject([
      { role: 'signing', failure: { code: 'key.unusable' } },
      { role: 'private-key', failure: undefined, keys: [{ parts: [expect.stringMatching(/^[0-9a-f]{40}$/)] }] },
    ]);
  });

  it('of several private keys in a file, those count that the passphrase opens', async () => {
    const environment = { A: both(locked, otherwise, 'privateKey'), P: 'open sesame', WRONG: 'guessed' };
    const found = await declaredKeys(environment, { privateKey: env('A'), passphrase: env('P') });
    expect(ownersOf(found)).toEqual(['locked']);
    const none = await declaredKeys(environment, { privateKey: env('A'), passphrase: env('WRONG') });
    expect(none).toMatchObject([{ keys: [], failure: { code: 'key.passphrase' } }]);
  });

  it('each is read by itself: one that is not there takes no other along', async () => {
    const found = await declaredKeys({ A: fresh.publicKey }, { recipients: [env('GONE'), env('A')] });
    expect(found).toMatchObject([{ keys: [], failure: { code: 'secret.unavailable' } }, { failure: undefined }]);
  });

  it('a private key among the recipients is refused', async () => {
    const found = await declaredKeys({ A: fresh.privateKey }, { recipients: [env('A')] });
    expect(found).toMatchObject([{ keys: [], failure: { code: 'key.unusable' } }]);
  });
});
