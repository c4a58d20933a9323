import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { isCephInstalled, startCeph } from '../../support/servers/ceph.ts';
import type { BenchBackend } from './backend.ts';
import { CEPH_FOR_MANY, cephFill } from './ceph-fill.ts';

const BUCKET = 'bench';

/** Beside it: @aws-sdk/client-s3. */
export const s3: BenchBackend = {
  missing: () => (isCephInstalled() ? undefined : 'radosgw, ceph-mon and ceph-osd are not installed'),
  async serve() {
    const server = await startCeph({ settings: CEPH_FOR_MANY });
    await server.makeBucket(BUCKET);
    const { endpoint, region, accessKey, secretKey } = server;
    return {
      at: { endpoint, region, accessKey, secretKey },
      fill: cephFill(server, BUCKET),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
  declare: ({ endpoint, region = '' }) => ({
    type: 's3',
    bucket: BUCKET,
    region,
    endpoint,
    forcePathStyle: true,
    dualStack: false,
    credentials: {
      accessKeyId: { kind: 'env', name: 'accessKey' },
      secretAccessKey: { kind: 'env', name: 'secretKey' },
      sessionToken: undefined,
    },
    serverSideEncryption: undefined,
    kmsKeyId: undefined,
    storageClass: undefined,
    objectLock: undefined,
    partSize: undefined,
    connectTimeout: undefined,
    readTimeout: undefined,
    userAgent: undefined,
    tls: { verify: true, ca: undefined },
    proxy: undefined,
  }),
  async plain({ endpoint = '', region = '', accessKey = '', secretKey = '' }) {
    const client = new S3Client({
      endpoint,
      region,
      forcePathStyle: true,
      credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
      // Ceph 16 does not know the newer headers.
      requestChecksumCalculation: 'WHEN_REQUIRED',
    });
    return {
      put: (key, body) => client.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: body })),
      async get(key) {
        const { Body: body } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
        if (body === undefined) throw new Error('no body');
        return body.transformToWebStream();
      },
    };
  },
};
