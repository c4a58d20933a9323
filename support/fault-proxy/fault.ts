/** How often a fault strikes: at most `count` times, each time with the probability `chance` (1 where it is not given). */
interface Often {
  readonly count?: number;
  readonly chance?: number;
}

/** `up`: from the client to the server. */
type Direction = 'up' | 'down';

/** Below any protocol. A connection is struck, or not, when its first byte after the injection comes by. */
export type ConnectionFault = Often &
  (
    | { readonly kind: 'latency'; readonly milliseconds: number }
    | { readonly kind: 'rate'; readonly direction: Direction; readonly bytesPerSecond: number; readonly after?: number }
    /** RST after so many bytes in the direction. */
    | { readonly kind: 'reset'; readonly direction: Direction; readonly after: number }
    /** A regular end (FIN) after so many bytes in the direction. */
    | { readonly kind: 'cut'; readonly direction: Direction; readonly after: number }
    /** Nothing moves any more, until the fault is taken away. */
    | { readonly kind: 'black-hole' }
    /** Connections are reset as soon as they are there. */
    | { readonly kind: 'refuse' }
  );

/** Which requests; all where it is not given. */
interface Requests extends Often {
  readonly match?: (method: string, path: string) => boolean;
}

type RequestFault = Requests &
  /** The server sees nothing of it: 429 and 503 bursts, refused credentials, a 200 with an error in its body. */
  (
    | {
        readonly kind: 'answer';
        readonly status: number;
        readonly headers?: Readonly<Record<string, string>>;
        readonly body?: string;
      }
    /** The server does all of it, and the client never hears of it. */
    | { readonly kind: 'lose-answer' }
    /** The answer's body ends (FIN) or breaks (RST) after so many bytes of it. Bodies that are not longer are left alone. */
    | { readonly kind: 'truncate-answer'; readonly after: number }
    | { readonly kind: 'reset-answer'; readonly after: number }
    /** The client's body breaks, for both sides, after so many bytes of it. */
    | { readonly kind: 'reset-request'; readonly after: number }
  );

export type Fault = ConnectionFault | RequestFault;

const CONNECTION_KINDS = ['latency', 'rate', 'reset', 'cut', 'black-hole', 'refuse'] as const;

export function isConnectionFault(fault: Fault): fault is ConnectionFault {
  return CONNECTION_KINDS.some((kind) => kind === fault.kind);
}

/** The fault of the moment, whether it strikes, and how often it has. */
export class FaultSource {
  readonly struck: Record<string, number> = {};
  /** Pieces of data that came by, whether there was a fault or not. */
  passed = 0;
  readonly #random: () => number;
  #fault: Fault | undefined;
  #left = 0;
  #changed = Promise.withResolvers<void>();

  constructor(seed: number) {
    this.#random = mulberry32(seed);
  }

  set(fault: Fault | undefined): void {
    this.#fault = fault;
    this.#left = fault?.count ?? Number.POSITIVE_INFINITY;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  /** Fulfilled when another fault is injected, or none. */
  get changed(): Promise<void> {
    return this.#changed.promise;
  }

  get current(): Fault | undefined {
    return this.#fault;
  }

  isStill(fault: Fault): boolean {
    return this.#fault === fault;
  }

  takeForConnection(): ConnectionFault | undefined {
    const fault = this.#fault;
    return fault !== undefined && isConnectionFault(fault) && this.strikes(fault) ? fault : undefined;
  }

  /** What may strike this request; whether it does is asked at the moment in which it would. */
  forRequest(method: string, path: string): RequestFault | undefined {
    const fault = this.#fault;
    if (fault === undefined || isConnectionFault(fault)) return undefined;
    return fault.match?.(method, path) === false ? undefined : fault;
  }

  strikes(fault: Fault): boolean {
    if (this.#fault !== fault || this.#left <= 0 || this.#random() >= (fault.chance ?? 1)) return false;
    this.#left -= 1;
    this.struck[fault.kind] = (this.struck[fault.kind] ?? 0) + 1;
    return true;
  }
}

/** A small generator with a seed, so that a run can be repeated. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
