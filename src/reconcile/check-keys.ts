import { type CheckStep, failed, passed, warned } from '../domain/check.ts';
import type { DesiredRepository } from '../domain/desired.ts';
import { Failure } from '../domain/failure.ts';
import { formatInstant, type Instant } from '../domain/instant.ts';
import type { DeclaredKeys, KeyFacts, KeyRole } from '../domain/key-needs.ts';
import { readDeclaredKeys } from '../repository/declared-keys.ts';
import type { SiteContext } from './open-site.ts';

// Time enough to make a key, give it to whoever restores, and roll the policy out.
const EXPIRY_WARNING_MILLISECONDS = 30 * 24 * 3_600_000;

/** Proves the keys that a repository declares by reading and unlocking them; nothing where no encryption is declared. */
export async function checkKeys(
  { encryption }: Pick<DesiredRepository, 'encryption'>,
  { effects, secrets }: SiteContext,
): Promise<readonly CheckStep[]> {
  if (encryption === undefined) return [];
  const { clock, signal } = effects;
  const declared = await readDeclaredKeys(encryption, { secrets, clock, signal });
  const of = (role: KeyRole): readonly DeclaredKeys[] => declared.filter((each) => each.role === role);
  const signers = of('trusted-signer');
  return [
    ...of('recipient').map((each) => judge('recipient', each, 'can be encrypted to')),
    ...of('signing').map((each) => checkSigning(each, signers)),
    ...signers.map((each) => judge('trusted-signer', each, 'is trusted for what it signed')),
    ...of('private-key').map((each) => checkPrivate(each, of('recipient'))),
    ...of('private-key').flatMap(({ locked = [] }) =>
      locked.map(({ message }) =>
        warned('private-key', message, 'what only this key opens is not restored on this host'),
      ),
    ),
    ...declared.filter(({ role }) => role !== 'private-key').flatMap((each) => checkExpiry(each, clock.now())),
  ];
}

function judge(name: string, { keys, failure, where }: DeclaredKeys, does: string): CheckStep {
  if (failure) return failed(name, failure);
  return passed(name, `${keys.map(describeFacts).join(', ')} of ${where} ${does}`);
}

function checkSigning(signing: DeclaredKeys, signers: readonly DeclaredKeys[]): CheckStep {
  const trusted = new Set(signers.flatMap(({ keys }) => keys.map(({ fingerprint }) => fingerprint)));
  const isTold = signers.length > 0 && signers.every(({ keys }) => keys.length > 0);
  const [key] = signing.keys;
  if (signing.failure === undefined && key && isTold && !trusted.has(key.fingerprint)) {
    return failed(
      'signing-key',
      new Failure('key.unusable', {
        message: `${describeFacts(key)} of ${signing.where} signs, and is none of the trusted signers: no restore would read what is written now`,
        hint: 'add its public key to spec.encryption.trustedSigners',
      }),
    );
  }
  return judge('signing-key', signing, 'signs');
}

function checkPrivate(own: DeclaredKeys, recipients: readonly DeclaredKeys[]): CheckStep {
  // The same policies are used where nothing is restored, and the key is not there for a reason.
  if (own.failure?.code === 'secret.unavailable') {
    return warned('private-key', own.failure.message, 'without it, nothing that is encrypted is restored on this host');
  }
  if (own.failure) return failed('private-key', own.failure);
  const parts = new Set(own.keys.flatMap((key) => key.parts));
  const names = own.keys.map(describeFacts).join(', ');
  const opened = recipients.flatMap(({ keys }) => keys).filter((key) => key.parts.some((part) => parts.has(part)));
  if (opened.length > 0) return passed('private-key', `${names} of ${own.where} opens what is written now`);
  if (recipients.some(({ keys }) => keys.length === 0)) {
    return warned('private-key', `${names} of ${own.where} can be used; whether it is a recipient's is not known`);
  }
  return failed(
    'private-key',
    new Failure('key.missing', {
      message: `${names} of ${own.where} belongs to no recipient: what is written now cannot be restored with it`,
      hint: 'declare the private key of one of the recipients; the file may hold retired ones beside it',
    }),
  );
}

function checkExpiry({ keys, where }: DeclaredKeys, now: Instant): readonly CheckStep[] {
  return keys.flatMap((key) => {
    if (key.expires === undefined || key.expires > now + EXPIRY_WARNING_MILLISECONDS) return [];
    const day = formatInstant(key.expires).slice(0, 10);
    return [
      warned(
        'key-expiry',
        `${describeFacts(key)} of ${where} ${key.expires > now ? 'expires' : 'expired'} on ${day}`,
        'extend it (gpg --quick-set-expire) or declare a new one: nothing is written with a key that has expired, what was written stays readable',
      ),
    ];
  });
}

function describeFacts({ fingerprint, owner }: KeyFacts): string {
  return `key ${fingerprint.toUpperCase()}${owner === undefined ? '' : ` (${owner})`}`;
}
