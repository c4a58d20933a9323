import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ServerHostKeyAlgorithm } from 'ssh2';
import type { DesiredSftp } from '../../domain/desired-storage.ts';
import { errorCode } from '../../domain/error-code.ts';
import { Failure } from '../../domain/failure.ts';
import { type KnownKey, knownKeys } from './known-hosts.ts';

/** Which host keys are taken for those of the declared host. */
export interface HostKeyRule {
  /** What to negotiate, one after the other: a server has keys of several kinds and shows the one that is asked for. */
  readonly attempts: readonly (readonly ServerHostKeyAlgorithm[])[];
  /** Why a key is not accepted; undefined where it is. */
  refusal(key: Buffer): Failure | undefined;
}

const ED25519: readonly ServerHostKeyAlgorithm[] = ['ssh-ed25519'];
const ECDSA: readonly ServerHostKeyAlgorithm[] = ['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'];
const RSA: readonly ServerHostKeyAlgorithm[] = ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'];
const ALL = [ED25519, ECDSA, RSA];

/** Reads the known_hosts file anew: one that was mended counts at the next connection. */
export async function hostKeyRule(
  storage: DesiredSftp,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<HostKeyRule> {
  const { host, port, hostKeys } = storage;
  if (hostKeys.length > 0) return pinned(host, hostKeys);
  const own = [join(environment['HOME'] ?? homedir(), '.ssh/known_hosts'), '/etc/ssh/ssh_known_hosts'];
  const files = storage.knownHosts === undefined ? own : [storage.knownHosts];
  const texts = await Promise.all(files.map(async (file) => readKnown(file, storage.knownHosts !== undefined)));
  const known = texts.flatMap((text) => knownKeys(text, host, port));
  return fromFile(port === 22 ? host : `[${host}]:${port}`, files[0] ?? '', known);
}

function pinned(host: string, hostKeys: readonly string[]): HostKeyRule {
  // ssh-keygen -l prints no padding; other tools do.
  const accepted = new Set(hostKeys.map((text) => text.replace(/=+$/, '')));
  return {
    attempts: ALL,
    refusal: (key) =>
      accepted.has(fingerprint(key))
        ? undefined
        : new Failure('store.denied', {
            message: `the host key of ${host} is ${fingerprint(key)}, which is none of the declared hostKeys: the server has changed, or somebody stands in between`,
            hint: 'ask the server\'s administrator for "ssh-keygen -l" of its host keys; if they have changed on purpose, declare the new fingerprint',
          }),
  };
}

function fromFile(host: string, file: string, known: readonly KnownKey[]): HostKeyRule {
  const types = new Set(known.filter(({ kind }) => kind === 'key').map(({ type }) => type));
  const wanted = ALL.filter((family) => family.some((algorithm) => types.has(algorithm)));
  return {
    // The kinds that are known first, as ssh does it: a server with a new kind of key beside the known one is the same server.
    attempts: [[...wanted, ...ALL.filter((family) => !wanted.includes(family))].flat()],
    refusal(key) {
      const same = known.filter((entry) => entry.key.equals(key));
      const found = fingerprint(key);
      if (same.some(({ kind }) => kind === 'revoked')) {
        return denied(
          `the host key ${found} of ${host} is marked as revoked in ${file}`,
          'do not use this server until its administrator has given it a new key',
        );
      }
      if (same.length > 0) return undefined;
      if (types.size === 0) {
        return denied(
          `the host ${host} with the key ${found} is not in ${file}`,
          `compare the fingerprint with the server's, then add it: ssh-keyscan, or hostKeys: ["${found}"] in the policy`,
        );
      }
      return denied(
        `the host key of ${host} has changed: it is ${found}, and ${file} has another one. The server has a new key, or somebody stands in between`,
        `ask the server's administrator; if the key has changed on purpose, remove the old one: ssh-keygen -R '${host}' -f ${file}, and add the new one`,
      );
    },
  };
}

const denied = (message: string, hint: string): Failure => new Failure('store.denied', { message, hint });

/** As `ssh-keygen -l` prints it. */
const fingerprint = (key: Buffer): string =>
  `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;

async function readKnown(file: string, required: boolean): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (!required && errorCode(error) === 'ENOENT') return '';
    throw new Failure('store.denied', {
      message: `cannot read the known hosts in ${file}`,
      hint: 'make the file readable for the user that runs hoard, or declare hostKeys',
      cause: error,
    });
  }
}
