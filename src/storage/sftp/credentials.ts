import type { DesiredSftp } from '../../domain/desired-storage.ts';
import type { SecretResolver } from '../../policy/secret-resolver.ts';

export interface Login {
  readonly username: string;
  readonly password: string | undefined;
  readonly privateKey: string | undefined;
  readonly passphrase: string | undefined;
}

/** Read anew for each connection, so that a rotated secret is seen. */
export async function resolveLogin(
  credentials: DesiredSftp['credentials'],
  secrets: SecretResolver,
  signal: AbortSignal,
): Promise<Login> {
  const read = async (reference: DesiredSftp['credentials']['password']): Promise<string | undefined> =>
    reference && (await secrets.resolve(reference, signal)).reveal();
  return {
    username: credentials.username,
    password: await read(credentials.password),
    privateKey: await withNewline(read(credentials.privateKey)),
    passphrase: await read(credentials.passphrase),
  };
}

/** Reading a secret takes the newline off, and a key in PEM ends with one. */
async function withNewline(text: Promise<string | undefined>): Promise<string | undefined> {
  const found = await text;
  return found === undefined ? undefined : `${found}\n`;
}
