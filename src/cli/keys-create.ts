import path from 'node:path';
import { type Command, Option } from 'commander';
import type { KeyAlgorithm } from '../codec/openpgp/generate-key-pair.ts';
import { parseDuration } from '../domain/duration.ts';
import { EXIT, Failure } from '../domain/failure.ts';
import { formatInstant } from '../domain/instant.ts';
import type { SecretReference } from '../domain/secret-reference.ts';
import type { NewKeyReport } from '../policy/generated/new-key-report.ts';
import type { CommandContext } from './context.ts';
import { outputFormat } from './global-options.ts';
import { keyFilesIn, writeKeyFiles } from './new-key-files.ts';
import type { DeclareCommand } from './run-program.ts';
import { explainExits } from './usage.ts';

interface CreateOptions {
  readonly type: 'curve25519' | 'rsa';
  readonly bits?: '3072' | '4096';
  readonly out?: string;
  readonly passphraseEnv?: string;
  readonly passphraseFile?: string;
  /** False with --no-passphrase. */
  readonly passphrase: boolean;
  readonly expires?: string;
}

export const declareKeysCreate: DeclareCommand = (parent, context, run) => {
  const command: Command = parent
    .command('create')
    .description(
      'makes an OpenPGP key pair, which GnuPG 2.2 and newer read too, in NAME.pub.asc and NAME.key.asc; never over a file that is there',
    )
    .argument('[name]', 'of the files, and the owner that GnuPG shows; left out: hoard', 'hoard')
    .addOption(new Option('--type <type>', 'kind of key').choices(['curve25519', 'rsa']).default('curve25519'))
    .addOption(new Option('--bits <bits>', 'size of an RSA key; left out: 4096').choices(['3072', '4096']))
    .option('--out <directory>', 'where the files go; left out: the working directory')
    .addOption(
      new Option('--passphrase-env <name>', 'an environment variable that holds the passphrase').conflicts(
        'passphraseFile',
      ),
    )
    .option('--passphrase-file <path>', 'a file that holds the passphrase and nothing else')
    .option('--no-passphrase', 'leave the private key unprotected, without asking for a passphrase on a terminal')
    .option(
      '--expires <duration>',
      'the key expires after this long; left out: never, since backups must open for years',
    )
    .action((name: string, options: CreateOptions) => run(createKey(context, name, options)));
  explainExits(command, { [EXIT.credentials]: 'the passphrase could not be read' });
};

async function createKey(context: CommandContext, name: string, options: CreateOptions): Promise<number> {
  const format = outputFormat(context, ['human', 'json']);
  // It becomes a file's name and an OpenPGP user id.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name)) {
    throw new Failure('usage.invalid', {
      message: `"${name}" cannot be the name of a key`,
      hint: 'use letters, digits, dots, underscores and hyphens; --out says where the files go',
    });
  }
  const algorithm = algorithmOf(options);
  const validFor = options.expires === undefined ? undefined : parseDuration(options.expires);
  const source = passphraseSource(context, options);
  const passphrase = await readPassphrase(context, options, source);
  const { generateKeyPair } = await import('../codec/openpgp/generate-key-pair.ts');
  const { unlockKeys } = await import('../codec/openpgp/unlock-key.ts');
  const now = new Date(context.effects.clock.now());
  const files = keyFilesIn(path.resolve(context.workingDirectory, options.out ?? '.'), name);
  const { fingerprint, expires } = await writeKeyFiles(files, async () => {
    const pair = await generateKeyPair({ owner: name, algorithm, passphrase, validFor, now });
    // One that its own passphrase does not open is found now, not when somebody has to restore.
    await unlockKeys({ text: pair.privateKey, where: 'the new key', passphrase });
    context.effects.signal.throwIfAborted();
    return pair;
  });
  if (passphrase === undefined) {
    context.output.message(
      `WARNING: THE PRIVATE KEY IS NOT PROTECTED: whoever can read ${files.privateKeyFile} can open every backup that is encrypted to it. Give a passphrase with --passphrase-env or --passphrase-file.`,
    );
  }
  const document: NewKeyReport = {
    formatVersion: '1.0',
    owner: name,
    fingerprint,
    algorithm: algorithm.type === 'rsa' ? `rsa${algorithm.bits}` : algorithm.type,
    expires: expires === undefined ? null : formatInstant(expires),
    protected: passphrase !== undefined,
    ...files,
  };
  if (format === 'json') {
    await context.output.document(document);
  } else {
    const { renderNewKeyHuman } = await import('../report/new-key-human.ts');
    const { color } = context.terminal;
    await context.output.result(renderNewKeyHuman(document, { color, passphrase: source }));
  }
  return EXIT.done;
}

function algorithmOf({ type, bits }: CreateOptions): KeyAlgorithm {
  if (type === 'rsa') return { type, bits: bits === '3072' ? 3072 : 4096 };
  if (bits === undefined) return { type };
  throw new Failure('usage.invalid', {
    message: '--bits is for RSA keys',
    hint: 'add --type rsa, or leave --bits out: the curve has one size',
  });
}

function passphraseSource(
  { workingDirectory }: CommandContext,
  { passphraseEnv, passphraseFile, passphrase }: CreateOptions,
): SecretReference | undefined {
  const source: SecretReference | undefined =
    passphraseEnv !== undefined
      ? { kind: 'env', name: passphraseEnv }
      : passphraseFile !== undefined
        ? { kind: 'file', path: path.resolve(workingDirectory, passphraseFile) }
        : undefined;
  if (source === undefined || passphrase) return source;
  throw new Failure('usage.invalid', { message: '--no-passphrase contradicts the passphrase that is given' });
}

/** Undefined: the key is to be without one. */
async function readPassphrase(
  { secrets, effects, terminal }: CommandContext,
  options: CreateOptions,
  source: SecretReference | undefined,
): Promise<string | undefined> {
  if (source !== undefined) return (await secrets.resolve(source, effects.signal)).reveal();
  if (!options.passphrase || !terminal.interactive) return undefined;
  const typed = await terminal.askHidden('Passphrase of the private key (empty: none): ');
  if (typed === '') return undefined;
  if (typed === (await terminal.askHidden('The same once more: '))) return typed;
  throw new Failure('usage.invalid', { message: 'the two passphrases differ; nothing was written' });
}
