// Preloaded into a process under test (node --import): counts the changes that it makes below a directory and, at a chosen one, ends the
// process by SIGKILL, as a power cut would: no handler, no finally, no flush. Plain JavaScript: it must not depend on anything.
//
// KILL_POINTS_DIRECTORY  the directory that is watched
// KILL_POINTS_AT         which change to die at, from 1; unset: only count
// KILL_POINTS_MOMENT     `before` the change is made or `after` it; `stop`: SIGSTOP before it, so that a SIGCONT goes on
// KILL_POINTS_LOG        a file that gets a line for each change
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';

const {
  KILL_POINTS_DIRECTORY: directory,
  KILL_POINTS_AT: at,
  KILL_POINTS_MOMENT: moment,
  KILL_POINTS_LOG: log,
} = process.env;
if (directory) {
  const append = fs.appendFileSync;
  const root = path.resolve(directory);
  let changes = 0;

  const isWatched = (target) => {
    const file = typeof target === 'string' ? target : target instanceof URL ? target.pathname : '';
    return file !== '' && (path.resolve(file) + path.sep).startsWith(root + path.sep);
  };

  /** Runs one change, and dies before or after it where it is the chosen one. */
  const change = (name, target, run) => {
    changes += 1;
    if (log) append(log, `${changes} ${name} ${path.relative(root, String(target))}\n`);
    const chosen = changes === Number(at) && moment !== 'stop';
    if (changes === Number(at) && moment === 'stop') process.kill(process.pid, 'SIGSTOP');
    if (chosen && moment === 'before') process.kill(process.pid, 'SIGKILL');
    const result = run();
    if (chosen && typeof result?.then === 'function') return result.finally(() => process.kill(process.pid, 'SIGKILL'));
    if (chosen) process.kill(process.pid, 'SIGKILL');
    return result;
  };

  const writes = (flags) => (typeof flags === 'number' ? (flags & 3) !== 0 : /[wa+]/.test(flags ?? 'r'));
  /** Which argument of each function names what it changes; for two names the second, where the result appears. */
  const CHANGES = {
    mkdir: 0,
    rm: 0,
    rmdir: 0,
    unlink: 0,
    truncate: 0,
    writeFile: 0,
    appendFile: 0,
    rename: 1,
    link: 1,
    symlink: 1,
  };

  const wrap = (owner, suffix) => {
    for (const [name, index] of Object.entries(CHANGES)) {
      const original = owner[name + suffix];
      if (!original) continue;
      owner[name + suffix] = (...args) =>
        isWatched(args[index])
          ? change(name, args[index], () => original.apply(owner, args))
          : original.apply(owner, args);
    }
  };
  wrap(fs.promises, '');
  wrap(fs, 'Sync');

  const open = fs.promises.open;
  fs.promises.open = async (file, flags, ...rest) => {
    if (!isWatched(file) || !writes(flags)) return open(file, flags, ...rest);
    const handle = await change('open', file, () => open(file, flags, ...rest));
    for (const name of ['write', 'writev', 'writeFile', 'appendFile', 'truncate', 'sync', 'datasync']) {
      const original = handle[name];
      handle[name] = (...args) => change(name, file, () => original.apply(handle, args));
    }
    return handle;
  };
  syncBuiltinESMExports();
}
