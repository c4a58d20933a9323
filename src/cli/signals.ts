import { EXIT, Failure } from '../domain/failure.ts';

export interface SignalSource {
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  off(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
}

export interface Interruption {
  readonly signal: AbortSignal;
  /** The exit status that the first signal asks for; undefined while there was none. */
  status(): number | undefined;
  dispose(): void;
}

// Ctrl-C reaches every process of the terminal's group, and a launcher (ours, npm's) passes its own copy on: copies that come this
// close together are one wish.
const SAME_WISH_MILLISECONDS = 300;

/** The first SIGINT or SIGTERM aborts the work, so that it ends cleanly (lease given back, temporary files removed); a second ends at once. */
export function listenForSignals(args: {
  readonly source: SignalSource;
  readonly now: () => number;
  readonly exit: (status: number) => void;
}): Interruption {
  const controller = new AbortController();
  let first: { readonly status: number; readonly at: number } | undefined;

  const handle = (name: string, status: number): void => {
    const at = args.now();
    if (first === undefined) {
      first = { status, at };
      controller.abort(new Failure('interrupted', { message: `stopped by ${name}` }));
    } else if (at - first.at > SAME_WISH_MILLISECONDS) {
      args.exit(status);
    }
  };
  const onInterrupt = (): void => handle('SIGINT', EXIT.interrupted);
  const onTerminate = (): void => handle('SIGTERM', EXIT.terminated);
  args.source.on('SIGINT', onInterrupt);
  args.source.on('SIGTERM', onTerminate);

  return {
    signal: controller.signal,
    status: () => first?.status,
    dispose() {
      args.source.off('SIGINT', onInterrupt);
      args.source.off('SIGTERM', onTerminate);
    },
  };
}
