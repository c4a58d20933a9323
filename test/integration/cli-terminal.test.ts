import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../support/embedded-postgres.ts';
import { LAUNCHER, type PolicyFolder, policyFolder } from '../support/hoard-cli.ts';

const QUICKSTART = readFileSync(
  path.resolve(import.meta.dirname, '../../examples/quickstart/policies/hoard.yaml'),
  'utf8',
);

// script(1) of util-linux gives a program a terminal of its own.
const hasTerminal = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false;

let place: PolicyFolder;
let server: PostgresServer;

beforeAll(async () => {
  place = policyFolder(
    QUICKSTART.replace('window: 7d', 'prune: auto').replace('keep: { last: 2 }', 'keep: { last: 1 }'),
  );
  server = await startPostgres({
    server: 18,
    settings: {
      archive_mode: 'on',
      archive_command: `${process.execPath} ${LAUNCHER} -f ${place.policies} wal push %p`,
    },
  });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

/** What the terminal shows, escape sequences and all, and the exit status on the last line. Types `answer` when it is asked. */
function onTerminal(
  command: string,
  options: { readonly answer?: string; readonly noColor?: string } = {},
): Promise<string> {
  const line = `stty cols 100; ${process.execPath} ${LAUNCHER} -f ${place.policies} ${command}; echo "status $?"`;
  const child = spawn('script', ['-qec', line, '/dev/null'], {
    env: {
      ...process.env,
      HOARD_MAIN_URI: server.connectionUri(),
      TERM: 'xterm',
      CI: undefined,
      NO_COLOR: options.noColor,
    },
  });
  let shown = '';
  let asked = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    if (asked || !shown.includes('[y/N]')) return;
    asked = true;
    child.stdin.write(`${options.answer ?? ''}\n`);
  });
  return new Promise((resolve) => child.on('close', () => resolve(shown.replaceAll('\r\n', '\n'))));
}

// oxlint-disable-next-line no-control-regex -- escape sequences are the subject here
const COLOR = /\u001b\[\d+m/;
const CURSOR_UP = '\u001b[1A';

describe.runIf(hasTerminal)('on a terminal', () => {
  it('progress is drawn in place, in colour, and what lasts stays', async () => {
    const shown = await onTerminal('apply');
    expect(shown).toContain(CURSOR_UP);
    expect(shown).toMatch(COLOR);
    expect(shown).toMatch(/backing up main to local {2,}[█░]/);
    expect(shown).toMatch(/\nstatus 0\n$/);
  });

  it('NO_COLOR takes the colour away, and not the bars', async () => {
    const shown = await onTerminal('backup take', { noColor: '1' });
    expect(shown).toContain(CURSOR_UP);
    expect(shown).not.toMatch(COLOR);
  });

  it('a removal is asked for: anything but yes refuses it', async () => {
    for (const answer of ['', 'n', 'yesterday']) {
      const shown = await onTerminal('apply', { answer, noColor: '1' });
      expect(shown).toMatch(/Do (this|these \d+) removals?\? \[y\/N\]/);
      expect(shown).toContain('nobody approved it');
      expect(shown).toMatch(/\nstatus 4\n$/);
    }
  });

  it('and done after a yes', async () => {
    const shown = await onTerminal('apply', { answer: 'yes', noColor: '1' });
    expect(shown).toMatch(/\d actions?: \d done\n/);
    expect(shown).toMatch(/\nstatus 0\n$/);
    expect(await onTerminal('apply', { noColor: '1' })).toMatch(/^nothing to do\nstatus 0\n$/);
  });
});
