import type { IncomingMessage } from 'node:http';

/** What goes wrong with one request. */
export type Fault =
  /** Answered with this status before anything is done. */
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: string }
  /** The connection is cut once so many bytes of the request's body have come; what came of a resumable upload is kept. */
  | { readonly kind: 'cut-request'; readonly after: number }
  /** The connection is cut after so many bytes of the answer's body. */
  | { readonly kind: 'cut-answer'; readonly after: number }
  /** Everything is done, and nobody hears of it. */
  | { readonly kind: 'lose-answer' }
  /** One byte of the request's body arrives changed. */
  | { readonly kind: 'flip-byte' };

interface Waiting {
  readonly fault: Fault;
  readonly matches: (method: string, url: string) => boolean;
  left: number;
}

/** Faults for the next requests that fit; each is used up. */
export class Faults {
  readonly #waiting: Waiting[] = [];

  /** For the next `times` requests of this method whose path and query fit. */
  next(fault: Fault, method: string, url: RegExp, times = 1): void {
    this.#waiting.push({ fault, matches: (asked, path) => asked === method && url.test(path), left: times });
  }

  take({ method = '', url = '' }: IncomingMessage): Fault | undefined {
    const found = this.#waiting.find((each) => each.left > 0 && each.matches(method, url));
    if (found !== undefined) found.left -= 1;
    return found?.fault;
  }

  clear(): void {
    this.#waiting.length = 0;
  }
}
