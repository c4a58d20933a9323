import { Failure } from '../domain/failure.ts';

/**
 * Reads one JSON object that came from a store: nothing in it is trusted. Every error is `object.corrupt` and names the
 * object and the field. Fields that are not asked for are ignored: a newer minor version may have added them.
 */
export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #where: string;

  /** `where` names the object in messages, for example `backup.json of 20261122T020000Z-1f2e3d4c`. */
  constructor(value: unknown, where: string) {
    this.#where = where;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) this.#refuse('is not a JSON object');
    this.#values = { ...value };
  }

  text(name: string, maximum = 65_536): string {
    const value = this.#values[name];
    if (typeof value !== 'string') return this.#refuse(`has no text "${name}"`);
    if (value.length > maximum) return this.#refuse(`has a "${name}" of ${value.length} characters`);
    return value;
  }

  /** A whole number from `minimum` to `maximum`. */
  integer(name: string, minimum = 0, maximum = Number.MAX_SAFE_INTEGER): number {
    const value = this.#values[name];
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) return this.#refuse(`has no whole number "${name}"`);
    if (value < minimum || value > maximum)
      return this.#refuse(`has "${name}" ${value}, outside ${minimum} to ${maximum}`);
    return value;
  }

  boolean(name: string): boolean {
    const value = this.#values[name];
    return typeof value === 'boolean' ? value : this.#refuse(`has no true or false "${name}"`);
  }

  sha256(name: string): string {
    const value = this.text(name, 64);
    return /^[0-9a-f]{64}$/.test(value) ? value : this.#refuse(`has a "${name}" that is not a SHA-256`);
  }

  oneOf<T extends string>(name: string, allowed: readonly T[]): T {
    const value = this.text(name);
    return (
      allowed.find((each) => each === value) ??
      this.#refuse(`has "${name}" "${value.slice(0, 40)}", not one of ${allowed.join(', ')}`)
    );
  }

  /** A text that `parse` turns into a value; what `parse` throws becomes the cause. */
  parsed<T>(name: string, parse: (text: string) => T): T {
    const value = this.text(name);
    return this.#attempt(name, () => parse(value));
  }

  /** A whole number that `parse` turns into a value. */
  counted<T>(name: string, parse: (value: number) => T): T {
    const value = this.integer(name);
    return this.#attempt(name, () => parse(value));
  }

  object(name: string): Fields {
    return new Fields(this.#values[name], `${this.#where}: "${name}"`);
  }

  list(name: string, maximum: number): readonly unknown[] {
    const value: unknown = this.#values[name];
    if (!Array.isArray(value)) return this.#refuse(`has no list "${name}"`);
    if (value.length > maximum) return this.#refuse(`has ${value.length} entries in "${name}", more than ${maximum}`);
    return value;
  }

  objects(name: string, maximum: number): readonly Fields[] {
    return this.list(name, maximum).map((each, index) => new Fields(each, `${this.#where}: "${name}"[${index}]`));
  }

  /** An object whose every value is text. */
  texts(name: string, maximum: number): Readonly<Record<string, string>> {
    const inner = this.object(name);
    const names = Object.keys(inner.#values);
    if (names.length > maximum) return this.#refuse(`has ${names.length} entries in "${name}", more than ${maximum}`);
    return Object.fromEntries(names.map((each) => [each, inner.text(each)]));
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  /** Says that the values, each fine by itself, do not fit together. */
  refuse(what: string, cause?: unknown): never {
    throw new Failure('object.corrupt', {
      message: `${this.#where} ${what}`,
      ...(cause === undefined ? {} : { cause }),
    });
  }

  #refuse(what: string): never {
    return this.refuse(what);
  }

  #attempt<T>(name: string, parse: () => T): T {
    try {
      return parse();
    } catch (error) {
      return this.refuse(
        `has a "${name}" that cannot be read: ${error instanceof Error ? error.message : String(error)}`,
        error,
      );
    }
  }
}
