import type { DesiredSftp } from '../../domain/desired-storage.ts';
import { Failure } from '../../domain/failure.ts';
import { describeSecretReference } from '../../policy/secret-resolver.ts';

/** What ssh2 says where the server has no host key of the kinds that were asked for. It has no codes. */
export const isNoCommonHostKey = (error: unknown): boolean =>
  error instanceof Error && /no matching host key (format|algorithm)/i.test(error.message);

/** A Failure for a connection that was reached but did not become an SFTP session; ssh2 tells the reasons apart by words only. */
export function connectFailure(error: unknown, storage: DesiredSftp): unknown {
  if (error instanceof Failure) return error;
  const { host, port, credentials } = storage;
  const { username, password, privateKey, passphrase } = credentials;
  const why = error instanceof Error ? error.message : String(error);
  const described = (what: string, reference: typeof password): string[] =>
    reference === undefined ? [] : [`${what} from ${describeSecretReference(reference)}`];
  if (/authentication methods failed/i.test(why)) {
    const offered = [...described('the private key', privateKey), ...described('the password', password)].join(' and ');
    return new Failure('store.denied', {
      message: `the SFTP server ${host} refused the user "${username}" with ${offered || 'no credentials'}`,
      hint: 'check the user name, the authorized_keys file and what the server allows (its log says why it refused)',
      cause: error,
    });
  }
  if (/privateKey|passphrase|OpenSSH key|decrypt|integrity/i.test(why)) {
    const used = [...described('the private key', privateKey), ...described('the passphrase', passphrase)].join(
      ' and ',
    );
    return new Failure('store.denied', {
      message: `cannot use ${used}: ${why.replace(/^.*?: /, '')}`,
      hint: 'check that it is a private key in OpenSSH or PEM form, and that its passphrase is declared and right',
      cause: error,
    });
  }
  if (/sftp|subsystem|channel open/i.test(why) && /unable to|refused|failure/i.test(why)) {
    return new Failure('store.denied', {
      message: `the SSH server ${host} does not offer SFTP to the user "${username}": ${why}`,
      hint: 'add "Subsystem sftp internal-sftp" to its configuration, and allow it to the user',
      cause: error,
    });
  }
  return new Failure('store.unavailable', {
    message: `the connection to the SFTP server ${host} at port ${port} broke off: ${why}`,
    cause: error,
  });
}
