import { describe, expect, it } from 'vitest';
import { type Instant, instant } from '../../../src/domain/instant.ts';
import { createBarReporter } from '../../../src/telemetry/bar-reporter.ts';
import { createLineReporter } from '../../../src/telemetry/line-reporter.ts';
import type { Reporter } from '../../../src/telemetry/reporter.ts';

const MIB = 1024 * 1024;

function manualClock(): { now(): Instant; advance(milliseconds: number): void } {
  let at = 1_000_000;
  return {
    now: () => instant(at),
    advance: (milliseconds) => {
      at += milliseconds;
    },
  };
}

const progress = (reporter: Reporter, task: string, doneBytes: number): void =>
  reporter.report({ kind: 'progress', task, doneBytes, totalBytes: undefined });

describe('createLineReporter', () => {
  it('writes starts, ends and notes at once and thins progress to a line per five seconds', () => {
    const lines: string[] = [];
    const clock = manualClock();
    const reporter = createLineReporter({ write: (line) => lines.push(line), clock });
    reporter.report({ kind: 'started', task: 'b', title: 'backup of orders', totalBytes: 100 * MIB });
    for (let second = 1; second <= 12; second += 1) {
      clock.advance(1000);
      progress(reporter, 'b', second * 5 * MIB);
    }
    reporter.report({ kind: 'note', level: 'warning', message: 'the disk is nearly full' });
    reporter.report({ kind: 'alert', alert: 'upload a', raised: true, message: 'cannot store a' });
    reporter.report({ kind: 'alert', alert: 'upload a', raised: false, message: 'stored a at last' });
    reporter.report({ kind: 'finished', task: 'b', summary: '60 MiB in 12s' });
    expect(lines).toEqual([
      'backup of orders: started',
      'backup of orders: 25%, 25 MiB of 100 MiB, 5 MiB/s, 15s left',
      'backup of orders: 50%, 50 MiB of 100 MiB, 5 MiB/s, 10s left',
      'warning: the disk is nearly full',
      'alert: cannot store a',
      'stored a at last',
      'backup of orders: 60 MiB in 12s',
    ]);
  });

  it('names every task that moved in one line', () => {
    const lines: string[] = [];
    const clock = manualClock();
    const reporter = createLineReporter({ write: (line) => lines.push(line), clock });
    reporter.report({ kind: 'started', task: 'a', title: 'backup a', totalBytes: undefined });
    reporter.report({ kind: 'started', task: 'b', title: 'backup b', totalBytes: undefined });
    clock.advance(1000);
    progress(reporter, 'a', MIB);
    clock.advance(5000);
    progress(reporter, 'b', 6 * MIB);
    expect(lines.at(-1)).toBe('backup a: 1 MiB, 1 MiB/s; backup b: 6 MiB, 1 MiB/s');
  });

  it('moves no cursor and uses no colour', () => {
    const lines: string[] = [];
    const reporter = createLineReporter({ write: (line) => lines.push(line), clock: manualClock() });
    reporter.report({ kind: 'started', task: 'a', title: 'a', totalBytes: 1 });
    reporter.report({ kind: 'waiting', task: 'a', message: 'for WAL' });
    reporter.report({ kind: 'failed', task: 'a', message: 'no' });
    expect(lines.join('\n')).not.toContain('\u001b');
  });
});

/** What a terminal of `rows` lines shows after the given output: enough of an emulator for the sequences that are used. */
function screenOf(output: string): readonly string[] {
  const lines = [''];
  let row = 0;
  // oxlint-disable-next-line no-control-regex -- escape sequences are the subject here
  for (const token of output.match(/\u001b\[\d*[A-Za-z]|\r|\n|[^\u001b\r\n]+/g) ?? []) {
    // oxlint-disable-next-line no-control-regex -- as above
    const up = /^\u001b\[(\d+)A$/.exec(token);
    if (up) row -= Number(up[1]);
    else if (token === '\u001b[0J') lines.length = row + 1;
    else if (token === '\n') {
      row += 1;
      lines[row] ??= '';
    } else if (token === '\r') lines[row] = '';
    else if (!token.startsWith('\u001b')) lines[row] += token;
    if (row < 0) throw new Error('the cursor left the screen');
  }
  return lines;
}

describe('createBarReporter', () => {
  const setUp = (size = { columns: 100, rows: 24 }, color = false) => {
    let written = '';
    const clock = manualClock();
    const terminal = { write: (text: string) => void (written += text), size: () => size, color };
    return {
      reporter: createBarReporter({ terminal, clock }),
      clock,
      size,
      screen: () => screenOf(written),
      raw: () => written,
    };
  };

  it('redraws several tasks in place, with percent, rate and time left', () => {
    const { reporter, clock, screen } = setUp();
    reporter.report({ kind: 'started', task: 'a', title: 'backup a', totalBytes: 100 * MIB });
    reporter.report({ kind: 'started', task: 'b', title: 'backup b', totalBytes: undefined });
    clock.advance(1000);
    progress(reporter, 'a', 10 * MIB);
    clock.advance(1000);
    progress(reporter, 'b', 4 * MIB);
    expect(screen()).toEqual([
      'backup a                      █░░░░░░░░░░░░░░░░░░  10%  10 MiB of 100 MiB, 10 MiB/s, 9s left',
      'backup b  4 MiB, 2 MiB/s',
      '',
    ]);
  });

  it('keeps ends and notes above the bars that still run, and leaves nothing of the bars behind', () => {
    const { reporter, screen } = setUp();
    reporter.report({ kind: 'started', task: 'a', title: 'backup a', totalBytes: undefined });
    reporter.report({ kind: 'started', task: 'b', title: 'backup b', totalBytes: undefined });
    reporter.report({ kind: 'finished', task: 'a', summary: 'done' });
    expect(screen()).toEqual(['backup a: done', 'backup b  0 B', '']);
    reporter.report({ kind: 'note', level: 'info', message: 'a note' });
    reporter.report({ kind: 'alert', alert: 'upload a', raised: true, message: 'cannot store a' });
    reporter.clear();
    expect(screen()).toEqual(['backup a: done', 'a note', 'alert: cannot store a', '']);
    reporter.report({ kind: 'waiting', task: 'b', message: 'waiting for WAL' });
    expect(screen().at(-2)).toBe('backup b  waiting for WAL');
    reporter.report({ kind: 'waiting', task: 'lease', message: 'waiting for the lease' });
    expect(screen().slice(-3)).toEqual(['waiting for the lease', 'backup b  waiting for WAL', '']);
  });

  it('draws ten times a second at most', () => {
    const { reporter, clock, raw } = setUp();
    reporter.report({ kind: 'started', task: 'a', title: 'a', totalBytes: undefined });
    const before = raw().split('\n').length;
    for (let index = 0; index < 1000; index += 1) {
      clock.advance(1);
      progress(reporter, 'a', index);
    }
    expect(raw().split('\n').length - before).toBeLessThanOrEqual(10);
  });

  it('never fills a line or the screen, also after the window has become narrow', () => {
    const { reporter, clock, size, screen } = setUp({ columns: 120, rows: 6 });
    for (let task = 0; task < 9; task += 1) {
      reporter.report({
        kind: 'started',
        task: `${task}`,
        title: `backup of a site with a rather long name ${task}`,
        totalBytes: 1000 * MIB,
      });
    }
    for (const columns of [120, 61, 59, 30, 12]) {
      size.columns = columns;
      clock.advance(1000);
      progress(reporter, '0', columns * MIB);
      const lines = screen();
      expect(lines.length).toBeLessThanOrEqual(size.rows);
      for (const line of lines) expect(line.length).toBeLessThan(columns);
    }
  });

  it('uses colour only where it was asked to', () => {
    for (const color of [false, true]) {
      const { reporter, clock, raw } = setUp({ columns: 100, rows: 24 }, color);
      reporter.report({ kind: 'started', task: 'a', title: 'a', totalBytes: 10 * MIB });
      clock.advance(1000);
      progress(reporter, 'a', 5 * MIB);
      expect(raw().includes('\u001b[32m')).toBe(color);
    }
  });
});
