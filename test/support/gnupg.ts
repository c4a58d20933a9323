import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { giveToServer, unprivileged } from '../../support/unprivileged.ts';

/** Why GnuPG cannot be tested with; empty where it can. */
export const missingGnuPg = existsSync('/usr/bin/gpg') ? '' : ': gnupg is not installed';

export interface GpgResult {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A key ring of its own, with the agent that belongs to it. */
export class GnuPg implements Disposable {
  // The path of the agent's socket is limited to 107 bytes, so not in a folder of the test.
  readonly home = mkdtempSync('/tmp/gpg-');

  constructor() {
    giveToServer(this.home);
  }

  /** As the user that servers run as. */
  run(args: readonly string[], input?: Uint8Array): GpgResult {
    return this.#start('/usr/bin/gpg', ['--batch', '--quiet', '--no-tty', ...args], input);
  }

  /** The standard output of what has to succeed. */
  succeed(args: readonly string[], input?: Uint8Array): Buffer {
    const { status, stdout, stderr } = this.run(args, input);
    if (status !== 0) throw new Error(`gpg ${args.join(' ')} ended with ${status}: ${stderr}`);
    return stdout;
  }

  /** A new key that signs, with a subkey that is encrypted to. Gives the fingerprint. */
  newKey(owner: string, algorithms: readonly [sign: string, encrypt: string], passphrase = ''): string {
    const unlock = ['--pinentry-mode', 'loopback', '--passphrase', passphrase];
    this.succeed([...unlock, '--quick-gen-key', owner, algorithms[0], 'sign', '0']);
    const listed = this.succeed(['--with-colons', '--list-keys', `=${owner}`]).toString();
    const fingerprint = /^fpr:*([0-9A-F]{40}):/m.exec(listed)?.[1] ?? '';
    this.succeed([...unlock, '--quick-add-key', fingerprint, algorithms[1], 'encr', '0']);
    return fingerprint;
  }

  publicKey(fingerprint: string): string {
    return this.succeed(['--armor', '--export', fingerprint]).toString();
  }

  privateKey(fingerprint: string, passphrase = ''): string {
    const unlock = ['--pinentry-mode', 'loopback', '--passphrase', passphrase];
    return this.succeed([...unlock, '--armor', '--export-secret-keys', fingerprint]).toString();
  }

  [Symbol.dispose](): void {
    this.#start('/usr/bin/gpgconf', ['--kill', 'gpg-agent']);
    rmSync(this.home, { recursive: true, force: true });
  }

  #start(program: string, all: readonly string[], input?: Uint8Array): GpgResult {
    const { command, args, ...ids } = unprivileged(program, all);
    const { status, stdout, stderr, error } = spawnSync(command, args, {
      ...ids,
      env: { ...process.env, GNUPGHOME: this.home, LC_ALL: 'C' },
      input: input ?? Buffer.alloc(0),
      maxBuffer: 256 * 1024 * 1024,
    });
    if (error) throw error;
    return { status, stdout, stderr: stderr.toString() };
  }
}
