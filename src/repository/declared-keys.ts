import type { Key, Subkey } from 'openpgp';
import type { DesiredEncryption } from '../domain/desired.ts';
import { Failure } from '../domain/failure.ts';
import type { DeclaredKeys, KeyFacts, KeyRole } from '../domain/key-needs.ts';
import type { SecretReference } from '../domain/secret-reference.ts';
import { describeSecretReference, type SecretResolver } from '../policy/secret-resolver.ts';
import type { Clock } from '../telemetry/effects.ts';
import { type KeyTexts, keyTexts } from './key-texts.ts';

interface KeyContext {
  readonly secrets: SecretResolver;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** What was found of one reference, as far as it was read before something was wrong. */
interface Found {
  readonly keys: readonly KeyFacts[];
  readonly failure?: Failure | undefined;
  readonly locked?: readonly Failure[];
}

/**
 * The keys that a repository declares for these roles, in the order of the declaration. Never throws for one that cannot be read or used: it
 * says so. Private keys are unlocked, to see whether they open, and forgotten.
 */
export async function readDeclaredKeys(
  encryption: DesiredEncryption | undefined,
  context: KeyContext,
  roles: readonly KeyRole[] = ['recipient', 'signing', 'trusted-signer', 'private-key'],
): Promise<readonly DeclaredKeys[]> {
  if (encryption === undefined) return [];
  const texts = keyTexts(context.secrets, context.signal);
  const now = new Date(context.clock.now());
  const { recipients, signing, trustedSigners, privateKey, passphrase } = encryption;
  const works: readonly (readonly [KeyRole, SecretReference, () => Promise<Found>])[] = [
    ...recipients.map((each) => ['recipient', each, () => readRecipient(each, texts, now)] as const),
    ...(signing ? [['signing', signing.key, () => readSigning(signing, texts, now)] as const] : []),
    ...trustedSigners.map((each) => ['trusted-signer', each, () => readSigner(each, texts, now)] as const),
    ...(privateKey
      ? [['private-key', privateKey, () => readPrivate({ key: privateKey, passphrase }, texts)] as const]
      : []),
  ];
  return Promise.all(
    works
      .filter(([role]) => roles.includes(role))
      .map(async ([role, reference, read]) => ({
        role,
        where: describeSecretReference(reference),
        ...(await asFound(read, context.signal)),
      })),
  );
}

async function asFound(
  read: () => Promise<Found>,
  signal: AbortSignal,
): Promise<Pick<DeclaredKeys, 'keys' | 'failure' | 'locked'>> {
  try {
    const { failure, ...found } = await read();
    return { ...found, failure };
  } catch (error) {
    return { keys: [], failure: failureOf(error, signal) };
  }
}

function failureOf(error: unknown, signal: AbortSignal): Failure {
  signal.throwIfAborted();
  if (error instanceof Failure && error.class !== 'bug') return error;
  throw error;
}

async function readRecipient(reference: SecretReference, { textOf }: KeyTexts, now: Date): Promise<Found> {
  const [{ readPublicKeys }, { encryptionKeyOf }] = await Promise.all([
    import('../codec/openpgp/read-keys.ts'),
    import('../codec/openpgp/key-fitness.ts'),
  ]);
  const source = await textOf(reference);
  return judged(await readPublicKeys(source), async (key) => encryptionKeyOf(key, source, now));
}

/** Also a signer that has expired is trusted for what was signed before. */
async function readSigner(reference: SecretReference, { textOf }: KeyTexts, now: Date): Promise<Found> {
  const [{ readPublicKeys }, { signingKeyOf }] = await Promise.all([
    import('../codec/openpgp/read-keys.ts'),
    import('../codec/openpgp/key-fitness.ts'),
  ]);
  const source = await textOf(reference);
  const { keys } = await judged(await readPublicKeys(source), async (key) => signingKeyOf(key, source, now));
  return { keys };
}

async function readSigning(
  declared: Parameters<KeyTexts['locked']>[0],
  { locked }: KeyTexts,
  now: Date,
): Promise<Found> {
  const [{ unlockKeys }, { signingKeyOf }] = await Promise.all([
    import('../codec/openpgp/unlock-key.ts'),
    import('../codec/openpgp/key-fitness.ts'),
  ]);
  const source = await locked(declared);
  const keys = await unlockKeys(source);
  // As where something is signed: the first one of the file.
  return judged(keys.slice(0, 1), async (key) => signingKeyOf(key, source, now));
}

async function readPrivate(declared: Parameters<KeyTexts['locked']>[0], { locked }: KeyTexts): Promise<Found> {
  const [{ unlockKeys }, { decryptingFactsOf }] = await Promise.all([
    import('../codec/openpgp/unlock-key.ts'),
    import('../codec/openpgp/key-facts.ts'),
  ]);
  const stillLocked: Failure[] = [];
  const keys = await unlockKeys(await locked(declared), (why) => stillLocked.push(why));
  return {
    keys: await Promise.all(keys.map(decryptingFactsOf)),
    ...(stillLocked.length > 0 && { locked: stillLocked }),
  };
}

/** Also what is not fit is named: a recipient that has expired still opens what was encrypted to it. */
async function judged<K extends Key>(keys: readonly K[], partOf: (key: K) => Promise<Key | Subkey>): Promise<Found> {
  const { factsOf } = await import('../codec/openpgp/key-facts.ts');
  let failure: Failure | undefined;
  const facts: KeyFacts[] = [];
  for (const key of keys) {
    try {
      facts.push(await factsOf(key, await partOf(key)));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      failure ??= error;
      facts.push(await factsOf(key, undefined));
    }
  }
  return { keys: facts, failure };
}
