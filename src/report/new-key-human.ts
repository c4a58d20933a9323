import { unreachable } from '../domain/failure.ts';
import { parseInstant } from '../domain/instant.ts';
import type { SecretReference } from '../domain/secret-reference.ts';
import type { NewKeyReport } from '../policy/generated/new-key-report.ts';
import { styleFor } from './style.ts';
import { renderInstant } from './words.ts';

interface NewKeyTextOptions {
  readonly color: boolean;
  /** Where the passphrase comes from; undefined: there is none, or somebody typed it. */
  readonly passphrase: SecretReference | undefined;
}

/** What was made, what goes into the policies, and what must never lie beside the backups. */
export function renderNewKeyHuman(key: NewKeyReport, options: NewKeyTextOptions): string {
  const style = styleFor(options.color);
  const expiry =
    key.expires === null
      ? 'never expires, so that backups can be opened in ten years'
      : `expires ${renderInstant(parseInstant(key.expires))}: from then on nothing is encrypted to it, and what was stays readable`;
  return `${[
    `${style.bold(key.fingerprint.toUpperCase())}  (${key.owner}, ${key.algorithm})`,
    `  ${expiry}`,
    `  public key:  ${key.publicKeyFile}`,
    `  private key: ${key.privateKeyFile}${key.protected ? '' : '  (not protected by a passphrase)'}`,
    '',
    'Declare it, in the spec of each Repository that it is for:',
    '',
    ...snippet(key, options.passphrase),
    '',
    style.bold('Keep the private key somewhere else than the backups, and more than once:'),
    'without it, no backup that is written with it can ever be opened, by anybody. Where backups are only taken, neither it nor its',
    'passphrase is needed: leave both lines out there. GnuPG reads both files (gpg --import).',
  ].join('\n')}\n`;
}

function snippet(
  { publicKeyFile, privateKeyFile, protected: isProtected }: NewKeyReport,
  passphrase: SecretReference = { kind: 'env', name: 'HOARD_KEY_PASSPHRASE' },
): readonly string[] {
  return [
    '  encryption:',
    '    recipients:',
    `      - ${reference({ kind: 'file', path: publicKeyFile })}`,
    `    privateKey: ${reference({ kind: 'file', path: privateKeyFile })}  # only where restores run`,
    ...(isProtected ? [`    passphrase: ${reference(passphrase)}  # only where restores run`] : []),
  ];
}

function reference(secret: SecretReference): string {
  switch (secret.kind) {
    case 'env':
      return `{ fromEnv: ${scalar(secret.name)} }`;
    case 'file':
      return `{ fromFile: ${scalar(secret.path)} }`;
    case 'exec':
      return `{ fromExec: [${secret.command.map(scalar).join(', ')}] }`;
    default:
      return unreachable(secret);
  }
}

/** As YAML reads it inside braces: quoted, where it is not plain. */
const scalar = (text: string): string => (/^[A-Za-z_./][A-Za-z0-9_./-]*$/.test(text) ? text : JSON.stringify(text));
