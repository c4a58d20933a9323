import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { listenForSignals } from '../../../src/cli/signals.ts';

function setUp() {
  const source = new EventEmitter();
  const exits: number[] = [];
  let at = 0;
  const interruption = listenForSignals({ source, now: () => at, exit: (status) => exits.push(status) });
  const send = (signal: 'SIGINT' | 'SIGTERM', milliseconds: number): void => {
    at = milliseconds;
    source.emit(signal);
  };
  return { source, exits, interruption, send };
}

describe('listenForSignals', () => {
  it('aborts at the first signal and remembers its exit status', () => {
    const { interruption, send, exits } = setUp();
    expect(interruption.status()).toBeUndefined();
    send('SIGTERM', 0);
    expect(interruption.signal.reason).toMatchObject({ code: 'interrupted', message: 'stopped by SIGTERM' });
    expect(interruption.status()).toBe(143);
    expect(exits).toEqual([]);
  });

  it('takes copies of one Ctrl-C that come from the terminal and from launchers for one wish', () => {
    const { send, exits } = setUp();
    send('SIGINT', 0);
    send('SIGINT', 5);
    send('SIGINT', 290);
    expect(exits).toEqual([]);
  });

  it('ends at once at the second', () => {
    const { send, exits } = setUp();
    send('SIGINT', 0);
    send('SIGTERM', 1000);
    expect(exits).toEqual([143]);
  });

  it('lets go of the process when disposed', () => {
    const { source, interruption } = setUp();
    interruption.dispose();
    expect(source.listenerCount('SIGINT') + source.listenerCount('SIGTERM')).toBe(0);
  });
});
