import { createHmac, timingSafeEqual } from 'node:crypto';

/** A line of a known_hosts file that is about the host in question (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
export interface KnownKey {
  readonly kind: 'key' | 'revoked';
  readonly type: string;
  readonly key: Buffer;
}

/**
 * The keys that `text` has for a host, plain or hashed, by pattern, as `[host]:port` where the port is not 22. As with ssh, entries for the
 * bare name count for another port where there are none for the port. `@cert-authority` lines are left out: certificates are not accepted.
 */
export function knownKeys(text: string, host: string, port: number): readonly KnownKey[] {
  const lines = text.split(/\r?\n/).flatMap(parseLine);
  const keysOf = (name: string): readonly KnownKey[] =>
    lines.filter((line) => matches(line.hosts, name)).map((line) => line.known);
  const bare = host.toLowerCase();
  if (port === 22) return keysOf(bare);
  const exact = keysOf(`[${bare}]:${port}`);
  return exact.some(({ kind }) => kind === 'key') ? exact : [...exact, ...keysOf(bare)];
}

interface Line {
  readonly hosts: string;
  readonly known: KnownKey;
}

function parseLine(line: string): readonly Line[] {
  if (/^\s*(#|$)/.test(line)) return [];
  const [, marker, hosts, type, key] = /^\s*(?:(@\S+)\s+)?(\S+)\s+(\S+)\s+([A-Za-z0-9+/=]+)/.exec(line) ?? [];
  if (hosts === undefined || type === undefined || key === undefined) return [];
  if (marker !== undefined && marker !== '@revoked') return [];
  return [{ hosts, known: { kind: marker === undefined ? 'key' : 'revoked', type, key: Buffer.from(key, 'base64') } }];
}

function matches(hosts: string, name: string): boolean {
  if (hosts.startsWith('|1|')) return matchesHash(hosts, name);
  const patterns = hosts.toLowerCase().split(',');
  const hits = (pattern: string): boolean => wildcard(pattern).test(name);
  if (patterns.some((pattern) => pattern.startsWith('!') && hits(pattern.slice(1)))) return false;
  return patterns.some((pattern) => !pattern.startsWith('!') && hits(pattern));
}

/** `|1|salt|HMAC-SHA1(salt, name)`, both in base64. */
function matchesHash(hosts: string, name: string): boolean {
  const [, , salt = '', hash = ''] = hosts.split('|');
  const expected = Buffer.from(hash, 'base64');
  const found = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  return expected.length === found.length && timingSafeEqual(expected, found);
}

const wildcard = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  );
