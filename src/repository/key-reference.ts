import type { BackupEncryption, KeyReference } from '../domain/observed.ts';
import type { Fields } from './fields.ts';

// Version 4 keys have 20 bytes, version 6 keys 32.
const FINGERPRINT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

// Far more than anybody encrypts to.
const MAX_KEYS = 1024;

const isFingerprint = (value: unknown): value is string => typeof value === 'string' && FINGERPRINT.test(value);

export function parseFingerprints(fields: Fields, name: string): readonly string[] {
  const values = fields.list(name, MAX_KEYS);
  return values.every(isFingerprint) ? values : fields.refuse(`has a "${name}" that is not a list of key fingerprints`);
}

function parseFingerprint(fields: Fields, name: string): string {
  const value = fields.text(name, 64);
  return isFingerprint(value) ? value : fields.refuse(`has a "${name}" that is no key fingerprint`);
}

/** Of a marker. */
export function parseBackupEncryption(fields: Fields): BackupEncryption {
  const recipients = fields.objects('recipients', MAX_KEYS).map(
    (each): KeyReference => ({
      fingerprint: parseFingerprint(each, 'fingerprint'),
      encryptionKey: parseFingerprint(each, 'encryptionKey'),
    }),
  );
  return { recipients, ...(fields.has('signer') && { signer: parseFingerprint(fields, 'signer') }) };
}
