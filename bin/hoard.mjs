#!/usr/bin/env node
// The launcher: plain JavaScript that Node 20 and older read too. It finds a Node that can run hoard, then runs the sources in a
// checkout (Node strips the types) or dist/ in the published package.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { constants, homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const NEEDED_NODE = 24;
const root = fileURLToPath(new URL('..', import.meta.url));
const [group, verb] = commandWords(process.argv.slice(2));

// A fresh checkout brings what it lacks, as npm start and npm test do; PostgreSQL's calls never wait for that.
const isOld = Number.parseInt(process.versions.node, 10) < NEEDED_NODE;
const brought = join(root, 'support/node/node_modules/.bin/node');
const bring = join(root, 'scripts/ensure.mjs');
const lacks = !existsSync(join(root, 'node_modules')) || (isOld && !existsSync(brought));
if (group !== 'wal' && lacks && existsSync(bring)) {
  const { ensureInstalled } = await import(pathToFileURL(bring).href);
  ensureInstalled({ servers: false });
}

if (isOld) {
  if (existsSync(brought)) {
    runAgain(brought);
  } else {
    fail(`hoard needs Node ${NEEDED_NODE} or newer, and this is Node ${process.versions.node}`, [
      'install a newer Node; in a checkout, npm start and npm test bring one along',
    ]);
  }
} else {
  const entry = group === 'wal' ? 'wal' : 'main';
  const source = join(root, 'src', `${entry}.ts`);
  const program = existsSync(source) ? source : join(root, 'dist', `${entry}.js`);
  try {
    // Not the default under the world-writable temporary directory: another user could prepare compiled code there.
    module.enableCompileCache(join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'hoard', 'compile'));
    await import(pathToFileURL(program).href);
  } catch (error) {
    // Whatever it is: an exception that nobody catches ends with 1, which wal fetch must not.
    if (error?.code === 'ERR_MODULE_NOT_FOUND') {
      const missing = error.message.split(' imported from ')[0].replace('Cannot find', 'there is no');
      fail(`hoard cannot start: ${missing}`, [`run npm ci in ${root}`]);
    } else {
      fail(`hoard cannot start: ${error?.stack ?? error}`, []);
    }
  }
}

/** Runs this launcher under another Node, with our signals forwarded and its exit status as ours. */
function runAgain(node) {
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`hoard cannot start ${node}: ${error.message}`, []));
  child.on('exit', (code, signal) => {
    const status = code ?? 128 + (constants.signals[signal] ?? 0);
    // PostgreSQL takes an archive_command status above 125 for its own end and hides the failure from pg_stat_archiver.
    process.exit(group === 'wal' && verb === 'push' && status > 125 ? 1 : status);
  });
}

/**
 * A start that failed is no answer to "is there such a segment": 255 stops an archive recovery, where 1 would end it early and lose
 * commits. A standby, which 255 would stop too, asks again after 1.
 */
function fail(message, hints) {
  process.stderr.write(`error: ${message}\n${hints.map((hint) => `hint: ${hint}\n`).join('')}`);
  process.exitCode = group === 'wal' && verb === 'fetch' && !existsSync('standby.signal') ? 255 : 1;
}

/** The words of the command line that are neither flags nor the values of global flags. */
function commandWords(args) {
  const words = [];
  for (let index = 0; index < args.length; index += 1) {
    if (['-f', '--policies', '--output'].includes(args[index])) index += 1;
    else if (!args[index].startsWith('-')) words.push(args[index]);
  }
  return words;
}
