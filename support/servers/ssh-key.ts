import ssh2 from 'ssh2';

export interface SshKeyPair {
  readonly private: string;
  readonly public: string;
}

/** A new key pair in the form of OpenSSH. */
export function newSshKey(type: 'ed25519' | 'rsa' = 'ed25519', passphrase?: string): SshKeyPair {
  const { generateKeyPairSync, parseKey } = ssh2.utils;
  const generate = (): SshKeyPair => {
    if (type === 'rsa') return generateKeyPairSync('rsa', { bits: 2048 });
    if (passphrase === undefined) return generateKeyPairSync('ed25519');
    return generateKeyPairSync('ed25519', { passphrase, cipher: 'aes256-cbc', rounds: 16 });
  };
  let key = generate();
  // One in 200 of the keys that ssh2 1.17 makes it cannot read itself (those of ssh-keygen it can).
  while (parseKey(key.private, passphrase) instanceof Error) key = generate();
  return key;
}
