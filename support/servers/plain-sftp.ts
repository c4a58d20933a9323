import {
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import ssh2, { type Attributes, type Connection, type SFTPWrapper } from 'ssh2';
import { errorCode } from '../../src/domain/error-code.ts';
import { newSshKey } from './ssh-key.ts';

/** An SFTP server in this process over a real directory, without a single extension; the password is `secret`. It fails as it is told to. */
export interface PlainSftp extends AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  /** Cuts the connection once so many bytes have been written or read. */
  cutAfter(bytes: number): void;
  /** Answers writes with a status of the protocol. */
  refuseWrites(refusal: Refusal | undefined): void;
}

const { STATUS_CODE } = ssh2.utils.sftp;
const FLAG = { write: 0x02, create: 0x08, exclusive: 0x20 };

export async function startPlainSftp(): Promise<PlainSftp> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-plain-sftp-'));
  const key = newSshKey();
  writeFileSync(path.join(folder, 'host.pub'), key.public);
  mkdirSync(path.join(folder, 'stores'));
  const faults: Faults = { left: Number.POSITIVE_INFINITY, refusal: undefined };
  const open = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: [key.private] }, (connection) => {
    open.add(connection);
    connection.on('close', () => open.delete(connection)).on('error', () => undefined);
    connection.on('authentication', (context) => {
      if (context.method === 'password' && context.password === 'secret') context.accept();
      else context.reject(['password']);
    });
    connection.on('session', (accept) => {
      accept().on('sftp', (acceptSftp) => serve(acceptSftp(), connection, faults));
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    folder: path.join(folder, 'stores'),
    cutAfter: (bytes) => {
      faults.left = bytes;
    },
    refuseWrites: (refusal) => {
      faults.refusal = refusal;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      for (const connection of open) connection.end();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Faults {
  left: number;
  refusal: Refusal | undefined;
}

interface Refusal {
  /** 0 to 8: ssh2 sends no others. */
  readonly status: number;
  readonly message: string;
}

function serve(sftp: SFTPWrapper, connection: Connection, faults: Faults): void {
  const files = new Map<number, number>();
  const folders = new Map<number, string[]>();
  let next = 0;
  const newHandle = (): { readonly id: number; readonly handle: Buffer } => {
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE((next += 1));
    return { id: next, handle };
  };
  const idOf = (handle: Buffer): number => handle.readUInt32BE();
  /** The status of what `work` throws; what it gives back is an answer already sent. */
  const answer = (request: number, work: () => 'sent' | 'ok'): void => {
    try {
      if (work() === 'ok') sftp.status(request, STATUS_CODE.OK);
    } catch (error) {
      const code = errorCode(error);
      const missing = code === 'ENOENT' || code === 'ENOTDIR';
      sftp.status(request, missing ? STATUS_CODE.NO_SUCH_FILE : STATUS_CODE.FAILURE);
    }
  };
  const spend = (bytes: number): boolean => {
    faults.left -= bytes;
    if (faults.left > 0) return true;
    faults.left = Number.POSITIVE_INFINITY;
    connection.end();
    return false;
  };
  const ok = (work: () => unknown) => (): 'ok' => {
    work();
    return 'ok';
  };
  sftp.on('OPEN', (request, name, flags) =>
    answer(request, () => {
      const writes = (flags & FLAG.write) !== 0;
      const how = (flags & FLAG.exclusive) !== 0 ? 'wx' : writes ? 'r+' : 'r';
      if (!writes && lstatSync(name).isDirectory()) throw new Error('is a directory');
      const { id, handle } = newHandle();
      files.set(id, openSync(name, how));
      sftp.handle(request, handle);
      return 'sent';
    }),
  );
  sftp.on('CLOSE', (request, handle) =>
    answer(
      request,
      ok(() => {
        const file = files.get(idOf(handle));
        if (file !== undefined) closeSync(file);
      }),
    ),
  );
  sftp.on('WRITE', (request, handle, offset, data) => {
    if (!spend(data.length)) return;
    if (faults.refusal !== undefined) sftp.status(request, faults.refusal.status, faults.refusal.message);
    else
      answer(
        request,
        ok(() => writeSync(files.get(idOf(handle)) ?? -1, data, 0, data.length, offset)),
      );
  });
  sftp.on('READ', (request, handle, offset, length) =>
    answer(request, () => {
      // Less than was asked for, as a server may give.
      const bytes = Buffer.alloc(Math.min(length, 30_000));
      const count = readSync(files.get(idOf(handle)) ?? -1, bytes, 0, bytes.length, offset);
      if (!spend(count)) return 'sent';
      if (count === 0) sftp.status(request, STATUS_CODE.EOF);
      else sftp.data(request, bytes.subarray(0, count));
      return 'sent';
    }),
  );
  sftp.on('FSTAT', (request, handle) =>
    answer(request, () => {
      sftp.attrs(request, attributes(fstatSync(files.get(idOf(handle)) ?? -1)));
      return 'sent';
    }),
  );
  for (const event of ['STAT', 'LSTAT'] as const) {
    sftp.on(event, (request: number, name: string) =>
      answer(request, () => {
        sftp.attrs(request, attributes(lstatSync(name)));
        return 'sent';
      }),
    );
  }
  sftp.on('SETSTAT', (request, name, { atime, mtime }) =>
    answer(
      request,
      ok(() => utimesSync(name, atime, mtime)),
    ),
  );
  sftp.on('OPENDIR', (request, name) =>
    answer(request, () => {
      const { id, handle } = newHandle();
      folders.set(
        id,
        readdirSync(name).map((entry) => path.join(name, entry)),
      );
      sftp.handle(request, handle);
      return 'sent';
    }),
  );
  sftp.on('READDIR', (request, handle) =>
    answer(request, () => {
      const names = folders.get(idOf(handle))?.splice(0, 50) ?? [];
      const entries = names.map((name) => ({
        filename: path.basename(name),
        longname: path.basename(name),
        attrs: attributes(lstatSync(name)),
      }));
      if (entries.length === 0) sftp.status(request, STATUS_CODE.EOF);
      else sftp.name(request, entries);
      return 'sent';
    }),
  );
  sftp.on('MKDIR', (request, name) =>
    answer(
      request,
      ok(() => mkdirSync(name)),
    ),
  );
  sftp.on('RMDIR', (request, name) =>
    answer(
      request,
      ok(() => rmdirSync(name)),
    ),
  );
  sftp.on('REMOVE', (request, name) =>
    answer(
      request,
      ok(() => unlinkSync(name)),
    ),
  );
  sftp.on('RENAME', (request, from, to) =>
    answer(
      request,
      ok(() => {
        if (existsSync(to)) throw new Error('exists');
        renameSync(from, to);
      }),
    ),
  );
}

const attributes = (stats: ReturnType<typeof lstatSync> & object): Attributes => ({
  mode: Number(stats.mode),
  uid: Number(stats.uid),
  gid: Number(stats.gid),
  size: Number(stats.size),
  atime: Math.trunc(Number(stats.atimeMs) / 1000),
  mtime: Math.trunc(Number(stats.mtimeMs) / 1000),
});
