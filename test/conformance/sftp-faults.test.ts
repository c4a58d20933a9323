import { describe } from 'vitest';
import { remoteStore } from '../../src/storage/remote/remote-store.ts';
import { createTransferLimits } from '../../src/storage/remote/transfer-limits.ts';
import { createSftpDirectory, openSftpDriver } from '../../src/storage/sftp/sftp-driver.ts';
import { hasSshd, startSshd } from '../../support/servers/sshd.ts';
import { faultConformance } from './faults.ts';
import type { FaultyBackend } from './faulty-backend.ts';
import { declaredSftp, sftpContext } from './sftp-declared.ts';
import { conformanceUnderAttack } from './under-attack.ts';

const where = hasSshd() ? '' : ': openssh-server is not installed';

describe.skipIf(!hasSshd())(`SFTP on OpenSSH${where}`, () => {
  const start = async (): Promise<FaultyBackend> => {
    const server = await startSshd();
    const context = sftpContext(server);
    await createSftpDirectory(declaredSftp(server, 'faults'), context);
    return {
      port: server.port,
      kill: () => server.kill(),
      restart: () => server.restart(),
      open: async (port) => {
        const driver = await openSftpDriver(declaredSftp(server, 'faults', { port }), context);
        return remoteStore(driver, {
          ...context,
          limits: createTransferLimits(undefined, context.clock),
          uploadRetries: 3,
        });
      },
      remove: async () => server[Symbol.asyncDispose](),
    };
  };
  faultConformance('a directory', 'tcp', start);
  conformanceUnderAttack('a directory', 'tcp', start);
});
