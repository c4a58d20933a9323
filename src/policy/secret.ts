import { inspect } from 'node:util';

/**
 * A resolved secret. It prints as a placeholder wherever it ends up by accident (template strings, JSON, inspect, errors);
 * only `reveal()` gives the value, called by the adapter that needs it, at the moment it needs it.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
