// Preloaded into a process under test: writes down each change below a directory and each fsync when it has ended, so that what a power cut
// would leave can be worked out afterwards. Keeps a link to every file whose last name goes. Plain JavaScript, no dependency.
//
// POWER_LOSS_DIRECTORY  the directory that is watched
// POWER_LOSS_LOG        gets a line of JSON for each: [what, path, second path or inode]
// POWER_LOSS_GRAVEYARD  gets the files that were unlinked, by inode
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';

const { POWER_LOSS_DIRECTORY: directory, POWER_LOSS_LOG: log, POWER_LOSS_GRAVEYARD: graveyard } = process.env;
if (directory && log && graveyard) {
  const root = path.resolve(directory);
  const { appendFileSync, linkSync, statSync } = fs;
  const isWatched = (file) => typeof file === 'string' && `${path.resolve(file)}/`.startsWith(`${root}/`);
  const relative = (file) => path.relative(root, path.resolve(file));
  const note = (...line) => appendFileSync(log, `${JSON.stringify(line)}\n`);

  const bury = (file) => {
    try {
      linkSync(file, path.join(graveyard, String(statSync(file).ino)));
    } catch {
      // Not there, or buried before under another name.
    }
  };

  const promises = fs.promises;
  const { open, link, rename, unlink, mkdir, rmdir } = promises;
  promises.open = async (file, ...rest) => {
    const handle = await open(file, ...rest);
    if (!isWatched(file)) return handle;
    const found = statSync(file);
    if (!found.isDirectory() && /[wa]/.test(String(rest[0]))) note('create', relative(file), found.ino);
    for (const name of ['sync', 'datasync']) {
      const original = handle[name];
      handle[name] = async () => {
        await original.call(handle);
        if (found.isDirectory()) note('syncdir', relative(file));
        else note('sync', relative(file), found.ino);
      };
    }
    return handle;
  };
  promises.link = async (from, to) => {
    await link(from, to);
    if (isWatched(to)) note('link', relative(to), statSync(to).ino);
  };
  promises.rename = async (from, to) => {
    await rename(from, to);
    if (isWatched(to)) note('rename', relative(from), relative(to));
  };
  promises.unlink = async (file) => {
    const watched = isWatched(file);
    if (watched) bury(file);
    await unlink(file);
    if (watched) note('unlink', relative(file));
  };
  promises.mkdir = async (folder, ...rest) => {
    const made = await mkdir(folder, ...rest);
    if (isWatched(folder)) note('mkdir', relative(folder));
    return made;
  };
  promises.rmdir = async (folder, ...rest) => {
    await rmdir(folder, ...rest);
    if (isWatched(folder)) note('rmdir', relative(folder));
  };
  syncBuiltinESMExports();
}
