import { basename, isAbsolute, normalize, relative } from 'node:path';
import { Failure } from '../domain/failure.ts';
import type { ManifestTablespace } from '../repository/manifest-types.ts';

/** A tablespace outside the data directory, and where it goes. */
export interface PlacedTablespace {
  readonly oid: string;
  /** Where it was. */
  readonly path: string;
  /** Absolute. */
  readonly directory: string;
}

/**
 * Places every tablespace: where `mapping` says (by oid, by old path or by the last name of the old path), else where it was. Throws
 * `restore.destination` for a mapping that fits none, for two in one place, and for places that are not absolute or overlap the data directory.
 */
export function placeTablespaces(
  tablespaces: readonly ManifestTablespace[],
  mapping: ReadonlyMap<string, string>,
  dataDirectory: string,
): readonly PlacedTablespace[] {
  const used = new Set<string>();
  const placed = tablespaces.map(({ oid, path }) => {
    if (!/^[1-9]\d{0,9}$/.test(oid)) throw refuse(`the backup has a tablespace with the oid "${oid}"`);
    const key = [oid, path, basename(path)].find((candidate) => mapping.has(candidate));
    if (key !== undefined) used.add(key);
    const directory = normalize(mapping.get(key ?? '') ?? path).replace(/(.)\/$/, '$1');
    if (!isAbsolute(directory))
      throw refuse(`the directory "${directory}" for tablespace ${oid} is not an absolute path`);
    if (overlap(directory, dataDirectory)) {
      throw refuse(
        `the directory ${directory} for tablespace ${oid} and the data directory ${dataDirectory} lie in each other`,
      );
    }
    return { oid, path, directory };
  });
  const unknown = [...mapping.keys()].find((key) => !used.has(key));
  if (unknown !== undefined) {
    const known = tablespaces.map(({ oid, path }) => `${oid} (${path})`).join(', ') || 'none';
    throw refuse(`the backup has no tablespace "${unknown}"`, `its tablespaces are: ${known}`);
  }
  for (const [index, { directory, oid }] of placed.entries()) {
    const other = placed.slice(0, index).find((earlier) => overlap(earlier.directory, directory));
    if (other) throw refuse(`the tablespaces ${other.oid} and ${oid} would both go into ${directory}`);
  }
  return placed;
}

/** The same directory, or one inside the other. */
function overlap(a: string, b: string): boolean {
  const inside = (path: string): boolean => !path.startsWith('..') && !isAbsolute(path);
  return inside(relative(a, b)) || inside(relative(b, a));
}

/**
 * The text of tablespace_map. At its first start PostgreSQL makes every link in pg_tblspc anew from it (read_tablespace_map in
 * src/backend/access/transam/xlogrecovery.c), so it has to name the new places. Backslashes escape.
 */
export function tablespaceMap(placed: readonly PlacedTablespace[]): string {
  return placed.map(({ oid, directory }) => `${oid} ${directory.replaceAll(/[\\\n\r]/g, '\\$&')}\n`).join('');
}

const refuse = (
  message: string,
  hint = 'give each tablespace a directory of its own with --tablespace OID=DIRECTORY',
): Failure => new Failure('restore.destination', { message, hint });
