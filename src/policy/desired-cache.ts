import { createHash, randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { deserialize, serialize } from 'node:v8';
import type { Desired } from '../domain/desired.ts';
import type { LoadedPolicies } from './load-policies.ts';
import { type PolicyFiles, readPolicyFiles } from './text/policy-files.ts';

/**
 * loadPolicies for commands that run for every WAL segment: parsing and checking cost several times what the command itself does, and
 * give the same for the same files. The files are read every time; what they say is kept under a hash over their content and places and over
 * the program. Only policies without errors are kept. The cache may be lost or removed at any time; whatever is wrong with it, the
 * policies are loaded as usual. Secrets are not in it: what is declared holds references.
 */
export async function loadPoliciesCached(
  start: string,
  cache: { readonly directory: string; readonly version: string },
): Promise<Pick<LoadedPolicies, 'desired' | 'diagnostics'>> {
  const files = await readPolicyFiles(start);
  const key = await keyOf(files, cache.version);
  const place = path.join(cache.directory, `${hashOf([path.resolve(start)]).slice(0, 32)}.desired`);
  const kept = files.unreadable.length === 0 ? await read(cache.directory, place, key) : undefined;
  if (kept !== undefined) return { desired: kept, diagnostics: [] };
  const { checkPolicies } = await import('./load-policies.ts');
  const loaded = checkPolicies(files.sources, files.unreadable);
  if (loaded.desired !== undefined) await keep(cache.directory, place, key, loaded.desired);
  return loaded;
}

async function keyOf({ sources }: PolicyFiles, version: string): Promise<string> {
  const places = sources.flatMap(({ file, text }) => [path.resolve(file), text]);
  return hashOf([version, await programStamp(), ...places]);
}

/** Each part with its length, so that no two lists give the same bytes. */
function hashOf(parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:${part}`);
  return hash.digest('hex');
}

/** What makes Desired of policies: in a checkout the program changes without its version. */
async function programStamp(): Promise<string> {
  const own = fileURLToPath(new URL('.', import.meta.url));
  const stamps = [own, path.join(own, '../domain'), path.join(own, '../../schema')].map(async (folder) => {
    const names = await readdir(folder, { recursive: true });
    const times = await Promise.all(names.map(async (name) => (await stat(path.join(folder, name))).mtimeMs));
    return `${names.length} ${Math.max(...times)}`;
  });
  return (await Promise.all(stamps)).join('\n');
}

const HEAD_LENGTH = 129;

async function read(directory: string, place: string, key: string): Promise<Desired | undefined> {
  try {
    if (!(await isOurs(directory))) return undefined;
    const bytes = await readFile(place);
    const [keptKey, sum] = bytes.toString('latin1', 0, HEAD_LENGTH).split('\n');
    const body = bytes.subarray(HEAD_LENGTH + 1);
    if (keptKey !== key || sum !== createHash('sha256').update(body).digest('hex')) return undefined;
    return deserialize(body) as Desired;
  } catch {
    // Not there, or not readable: then it is made anew.
    return undefined;
  }
}

async function keep(directory: string, place: string, key: string, desired: Desired): Promise<void> {
  const temporary = `${place}.${randomBytes(6).toString('hex')}`;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if (!(await isOurs(directory))) return;
    const body = serialize(desired);
    const head = `${key}\n${createHash('sha256').update(body).digest('hex')}\n`;
    await writeFile(temporary, Buffer.concat([Buffer.from(head), body]), { mode: 0o600, flag: 'wx' });
    await rename(temporary, place);
  } catch {
    // A cache that cannot be written (no home directory, a full disk) only costs time.
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

/** What is kept decides where WAL goes, so nobody else may be able to write it. */
async function isOurs(directory: string): Promise<boolean> {
  const info = await lstat(directory);
  return info.isDirectory() && info.uid === userInfo().uid && (info.mode & 0o022) === 0;
}
