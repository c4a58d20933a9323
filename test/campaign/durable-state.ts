import { lstatSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** A line of the log that power-loss-hook.mjs writes. */
export type Change = readonly [what: string, path: string, more?: number | string];

type Entry =
  | { readonly kind: 'file'; readonly inode: number }
  | { readonly kind: 'directory'; readonly folder: Folder };

interface Folder {
  /** As programs see it. */
  readonly now: Map<string, Entry>;
  /** As it is on the disk for certain. */
  readonly disk: Map<string, Entry>;
}

const emptyFolder = (): Folder => ({ now: new Map(), disk: new Map() });

/**
 * What a power cut leaves of a directory tree. A name is certain once the directory that holds it was synced, content once the file was;
 * of every other change of a name `keep` says whether it reached the disk by itself.
 */
export class DurableState {
  readonly #root: Folder = emptyFolder();
  readonly #synced = new Set<number>();

  /** Everything that is in `directory` at the beginning counts as durable. */
  constructor(directory: string) {
    this.#load(directory, this.#root);
  }

  #load(directory: string, folder: Folder): void {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const file = path.join(directory, entry.name);
      const loaded: Entry = entry.isDirectory()
        ? { kind: 'directory', folder: emptyFolder() }
        : { kind: 'file', inode: lstatSync(file).ino };
      if (loaded.kind === 'directory') this.#load(file, loaded.folder);
      else this.#synced.add(loaded.inode);
      folder.now.set(entry.name, loaded);
      folder.disk.set(entry.name, loaded);
    }
  }

  play([what, file, more]: Change, keep: () => boolean): void {
    switch (what) {
      case 'create':
        // A name that is used again is another file.
        this.#synced.delete(Number(more));
        this.#name(file, { kind: 'file', inode: Number(more) }, keep());
        break;
      case 'link':
        this.#name(file, { kind: 'file', inode: Number(more) }, keep());
        break;
      case 'mkdir':
        this.#name(file, { kind: 'directory', folder: emptyFolder() }, keep());
        break;
      case 'rename': {
        const moved = this.#parent(file)?.now.get(path.basename(file));
        const kept = keep();
        if (moved !== undefined) this.#name(String(more), moved, kept);
        this.#name(file, undefined, kept);
        break;
      }
      case 'unlink':
      case 'rmdir':
        this.#name(file, undefined, keep());
        break;
      case 'sync':
        this.#synced.add(Number(more));
        break;
      case 'syncdir':
        this.#syncFolder(file);
        break;
      default:
        throw new Error(`the log has a change of an unknown kind: ${what}`);
    }
  }

  /** Files that are certain, with their inodes; `whole` is false where the content is not. */
  *files(
    folder: Folder = this.#root,
    below = '',
  ): Generator<{ readonly file: string; readonly inode: number; readonly whole: boolean }> {
    for (const [name, entry] of folder.disk) {
      const file = path.join(below, name);
      if (entry.kind === 'directory') yield* this.files(entry.folder, file);
      else yield { file, inode: entry.inode, whole: this.#synced.has(entry.inode) };
    }
  }

  #name(file: string, entry: Entry | undefined, kept: boolean): void {
    const folder = this.#parent(file);
    const name = path.basename(file);
    for (const side of kept ? ([folder?.now, folder?.disk] as const) : ([folder?.now] as const)) {
      if (entry === undefined) side?.delete(name);
      else side?.set(name, entry);
    }
  }

  #syncFolder(file: string): void {
    const folder = file === '' ? this.#root : this.#folder(file);
    if (folder === undefined) return;
    folder.disk.clear();
    for (const [name, entry] of folder.now) folder.disk.set(name, entry);
  }

  #parent(file: string): Folder | undefined {
    const parent = path.dirname(file);
    return parent === '.' ? this.#root : this.#folder(parent);
  }

  #folder(file: string): Folder | undefined {
    let folder: Folder | undefined = this.#root;
    for (const name of file.split('/')) {
      const entry: Entry | undefined = folder?.now.get(name);
      folder = entry?.kind === 'directory' ? entry.folder : undefined;
    }
    return folder;
  }
}
