import type { Storage } from '@google-cloud/storage';
import type { gaxios, JWT } from 'google-auth-library';

/** The parts of Google's libraries that are used; they load when the first store of this kind is opened. */
export interface GcsSdk {
  readonly Storage: typeof Storage;
  readonly JWT: typeof JWT;
  readonly gaxios: typeof gaxios;
}

export async function loadGcsSdk(): Promise<GcsSdk> {
  const [storage, auth] = await Promise.all([import('@google-cloud/storage'), import('google-auth-library')]);
  return { Storage: storage.Storage, JWT: auth.JWT, gaxios: auth.gaxios };
}
