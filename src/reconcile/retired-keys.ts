import type { DesiredRepository } from '../domain/desired.ts';
import { type DeclaredKeys, type RetiredNeed, retiredNeeds } from '../domain/key-needs.ts';
import type { ObservedRepository } from '../domain/observed.ts';
import { readDeclaredKeys } from '../repository/declared-keys.ts';
import type { SiteContext } from './open-site.ts';

// More would push what else a status says off the screen; hoard keys list names all.
const MOST_NAMED = 10;

/** What is worth knowing of the keys of the backups and the WAL in repositories; the recipients of each are read once. */
export type KeyNotes = (
  repository: DesiredRepository,
  observed: Pick<ObservedRepository, 'backups' | 'walRecipients'>,
) => Promise<readonly string[]>;

export function createKeyNotes({ effects, secrets }: SiteContext): KeyNotes {
  const { clock, signal } = effects;
  const read = new Map<string, Promise<readonly DeclaredKeys[]>>();
  return async ({ name, encryption }, observed) => {
    const recipients = read.get(name) ?? readDeclaredKeys(encryption, { secrets, clock, signal }, ['recipient']);
    read.set(name, recipients);
    const declared = await recipients;
    const unreadable = declared.flatMap(({ failure }) => (failure === undefined ? [] : [failure.message]));
    return [
      ...unreadable.map((reason) => `a recipient of repository "${name}" cannot be encrypted to: ${reason}`),
      ...retiredNeeds(observed, declared).map((need) => retiredNote(name, need)),
      ...observed.walRecipients
        .filter(({ keyIds }) => keyIds === undefined)
        .map(
          (set) =>
            `whom ${describeWal(set)} in "${name}" are encrypted to could not be read: whether a retired key is needed is not known; keep the private keys of all former recipients`,
        ),
    ];
  };
}

function retiredNote(repository: string, { keys, backups, wal }: RetiredNeed): string {
  const rest = backups.length - MOST_NAMED;
  const named = [
    ...backups.slice(0, MOST_NAMED - 1),
    ...backups
      .slice(MOST_NAMED - 1, MOST_NAMED)
      .map((id) => (rest > 0 ? `${id} and ${rest} more (hoard keys list)` : id)),
    ...(wal === undefined ? [] : [describeWal(wal)]),
  ].join(', ');
  const noun = keys.length === 1 ? 'the retired key' : 'one of the retired keys';
  return (
    `only ${noun} ${keys.map((key) => key.toUpperCase()).join(', ')} opens in "${repository}": ${named}; ` +
    'keep its private key as long as they are kept'
  );
}

const describeWal = ({ files, first, last }: NonNullable<RetiredNeed['wal']>): string =>
  files === 1 ? `WAL ${first}` : `${files} WAL files from ${first} to ${last}`;
