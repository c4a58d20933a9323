import type { Socket } from 'node:net';

/** When a connection that has a request under way counts as stalled. */
export interface StallLimits {
  /** Nothing at all in either direction for so long. */
  readonly silenceMilliseconds: number;
  /** Over so much time in which something moved, less than `bytesPerSecond`. */
  readonly windowMilliseconds: number;
  readonly bytesPerSecond: number;
}

/** What a retried request would see again is not a stall of the network; these values are far from anything that works. */
export const STALL_LIMITS: StallLimits = {
  silenceMilliseconds: 60_000,
  windowMilliseconds: 60_000,
  bytesPerSecond: 1024,
};

const TICKS = 12;
/** S3 and others send white space now and then while they put a large object together: such an answer gets more patience. */
const SHORT_ANSWER = 2048;
const SHORT_ANSWER_WINDOWS = 5;

/** Time is counted in ticks: a process that was suspended has missed nothing. */
interface Progress {
  moved: number;
  readonly received: number;
  silentTicks: number;
  movingTicks: number;
  movedInWindow: number;
}

/**
 * Ends connections that have a request under way and do not move: an error of code ESTALLED, on the connection and so on its request.
 * What counts is what the network took or gave; a reader of ours that is slow stalls nothing.
 */
export class StallWatch {
  readonly #limits: StallLimits;
  readonly #busy: () => Iterable<Socket>;
  readonly #timer: NodeJS.Timeout;
  readonly #tick: number;
  #progress = new Map<object, Progress>();

  /** `busy` gives the connections that have a request under way now. */
  constructor(limits: StallLimits, busy: () => Iterable<Socket>) {
    this.#limits = limits;
    this.#busy = busy;
    this.#tick = Math.min(limits.silenceMilliseconds, limits.windowMilliseconds) / TICKS;
    this.#timer = setInterval(() => this.#look(), this.#tick);
    this.#timer.unref();
  }

  /** Another request begins on a connection that is kept alive. */
  begins(socket: object): void {
    this.#progress.delete(socket);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = new Map<Socket, Progress>();
    for (const socket of this.#busy()) {
      // Until it is connected, another deadline holds.
      if (socket.destroyed || socket.connecting) continue;
      const progress = this.#progress.get(socket) ?? startOf(socket);
      now.set(socket, progress);
      const stall = socket.isPaused() ? undefined : this.#judge(socket, progress);
      if (stall !== undefined) socket.destroy(stall);
    }
    this.#progress = now;
  }

  #judge(socket: Socket, progress: Progress): Error | undefined {
    const { silenceMilliseconds, windowMilliseconds, bytesPerSecond } = this.#limits;
    const { received, sent, queued } = trafficOf(socket);
    const moved = received + sent;
    const step = moved - progress.moved;
    progress.moved = moved;
    progress.silentTicks = step === 0 ? progress.silentTicks + 1 : 0;
    if (progress.silentTicks * this.#tick >= silenceMilliseconds) {
      return stalled(`nothing moved for ${silenceMilliseconds / 1000} s`);
    }
    if (step === 0) return undefined;
    progress.movingTicks += 1;
    progress.movedInWindow += step;
    const short = received - progress.received < SHORT_ANSWER && queued === 0;
    const elapsed = progress.movingTicks * this.#tick;
    if (elapsed < windowMilliseconds * (short ? SHORT_ANSWER_WINDOWS : 1)) return undefined;
    if (progress.movedInWindow < (bytesPerSecond * elapsed) / 1000) {
      return stalled(`only ${progress.movedInWindow} bytes moved in ${elapsed / 1000} s`);
    }
    progress.movingTicks = 0;
    progress.movedInWindow = 0;
    return undefined;
  }
}

function startOf(socket: Socket): Progress {
  const { received, sent } = trafficOf(socket);
  return { moved: received + sent, received, silentTicks: 0, movingTicks: 0, movedInWindow: 0 };
}

interface Traffic {
  readonly received: number;
  /** As far as the operating system has taken it. */
  readonly sent: number;
  /** Waits in this process to be sent. */
  readonly queued: number;
}

/**
 * As the handle of the connection counts it. With TLS that is the one below: the upper one tells of a large write only when all of it
 * has gone, which on a slow line would look like a stall. Node documents none of the three names; without them the socket's own counts
 * have to do, which see less.
 */
function trafficOf(socket: Socket): Traffic {
  const upper: unknown = Reflect.get(socket, '_handle');
  const handle = property(upper, '_parent') ?? upper;
  const received = property(handle, 'bytesRead');
  const written = property(handle, 'bytesWritten');
  const queued = property(handle, 'writeQueueSize');
  if (typeof received !== 'number' || typeof written !== 'number' || typeof queued !== 'number') {
    return { received: socket.bytesRead, sent: socket.bytesWritten, queued: socket.writableLength };
  }
  return { received, sent: written - queued, queued };
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function stalled(what: string): Error {
  return Object.assign(new Error(`the connection stalled: ${what}`), { code: 'ESTALLED' });
}
