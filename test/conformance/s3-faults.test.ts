import { describe } from 'vitest';
import { bytesOf } from '../../src/domain/bytes.ts';
import { remoteStore } from '../../src/storage/remote/remote-store.ts';
import { createTransferLimits } from '../../src/storage/remote/transfer-limits.ts';
import { openS3Driver } from '../../src/storage/s3/s3-driver.ts';
import { isCephInstalled, startCeph } from '../../support/servers/ceph.ts';
import { faultConformance } from './faults.ts';
import type { FaultyBackend } from './faulty-backend.ts';
import { declaredS3, s3Context } from './s3-declared.ts';
import { conformanceUnderAttack } from './under-attack.ts';

const where = isCephInstalled() ? '' : ': radosgw, ceph-mon and ceph-osd are not installed';
const ERROR = '<?xml version="1.0"?><Error><Code>InternalError</Code><Message>try again</Message></Error>';

describe.skipIf(!isCephInstalled())(`S3 on a real Ceph${where}`, () => {
  const start = async (): Promise<FaultyBackend> => {
    const ceph = await startCeph();
    await ceph.makeBucket('faults');
    const context = s3Context(ceph);
    return {
      port: Number(new URL(ceph.endpoint).port),
      kill: () => ceph.kill(),
      restart: () => ceph.restart(),
      open: async (port) => {
        const change = { endpoint: `http://127.0.0.1:${port}`, partSize: bytesOf(5 * 1024 ** 2) };
        const driver = await openS3Driver(declaredS3(ceph, 'faults', change), context);
        return remoteStore(driver, {
          ...context,
          limits: createTransferLimits(undefined, context.clock),
          uploadRetries: 3,
        });
      },
      remove: async () => ceph[Symbol.asyncDispose](),
      faults: [
        {
          name: 'a 200 with an error in its body ends no upload',
          passes: true,
          fault: {
            kind: 'answer',
            status: 200,
            headers: { 'content-type': 'application/xml' },
            body: ERROR,
            count: 2,
            match: (method, path) => method === 'POST' && path.includes('uploadId='),
          },
        },
      ],
    };
  };
  faultConformance('a bucket', 'http', start);
  conformanceUnderAttack('a bucket', 'http', start);
});
