import type { PackReference } from '../domain/observed.ts';
import { packName } from '../domain/observed.ts';

/** Chunks of a backup come from few packs at a time; a key costs one request and one private-key operation to find again. */
const KEPT = 256;

/** Session keys of packs that are being read, each opened once. */
export class PackKeys {
  readonly #keys = new Map<string, Promise<Uint8Array>>();

  /** The key of a pack; `open` finds it where it is not known. */
  get(pack: PackReference, open: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const name = packName(pack);
    const known = this.#keys.get(name);
    if (known) return known;
    const opening = open();
    this.#keys.set(name, opening);
    // What failed is tried again: a damaged answer may come whole the next time.
    opening.catch(() => this.#keys.delete(name));
    const [oldest] = this.#keys.keys();
    if (this.#keys.size > KEPT && oldest !== undefined) this.#keys.delete(oldest);
    return opening;
  }
}
