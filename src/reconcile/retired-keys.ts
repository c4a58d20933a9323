import type { DesiredRepository } from '../domain/desired.ts';
import { type DeclaredKeys, type RetiredNeed, retiredNeeds } from '../domain/key-needs.ts';
import type { ObservedRepository } from '../domain/observed.ts';
import { readDeclaredKeys } from '../repository/declared-keys.ts';
import type { SiteContext } from './open-site.ts';

// More would push what else a status says off the screen; hoard keys list names all.
const MOST_NAMED = 10;

/** What is worth knowing of the keys of the backups in repositories; the recipients of each are read once. */
export type KeyNotes = (
  repository: DesiredRepository,
  observed: Pick<ObservedRepository, 'backups'>,
) => Promise<readonly string[]>;

export function createKeyNotes({ effects, secrets }: SiteContext): KeyNotes {
  const { clock, signal } = effects;
  const read = new Map<string, Promise<readonly DeclaredKeys[]>>();
  return async ({ name, encryption }, { backups }) => {
    const recipients = read.get(name) ?? readDeclaredKeys(encryption, { secrets, clock, signal }, ['recipient']);
    read.set(name, recipients);
    const declared = await recipients;
    const unreadable = declared.flatMap(({ failure }) => (failure === undefined ? [] : [failure.message]));
    return [
      ...unreadable.map((reason) => `a recipient of repository "${name}" cannot be encrypted to: ${reason}`),
      ...retiredNeeds(backups, declared).map((need) => retiredNote(name, need)),
    ];
  };
}

function retiredNote(repository: string, { fingerprints, backups }: RetiredNeed): string {
  const keys = fingerprints.map((fingerprint) => fingerprint.toUpperCase()).join(', ');
  const rest = backups.length - MOST_NAMED;
  const named = `${backups.slice(0, MOST_NAMED).join(', ')}${rest > 0 ? ` and ${rest} more (hoard keys list)` : ''}`;
  const noun = fingerprints.length === 1 ? 'the retired key' : 'one of the retired keys';
  return `only ${noun} ${keys} opens in "${repository}": ${named}; keep its private key as long as they are kept`;
}
