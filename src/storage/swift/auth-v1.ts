import { type LoginProtocol, loginOf } from './login.ts';

/** TempAuth, swauth, and the gateways of Ceph: user and key in headers, token and storage URL in headers. */
export const authV1: LoginProtocol = {
  request: (storage, key) => ({
    method: 'GET',
    url: new URL(storage.authUrl),
    headers: { 'X-Auth-User': storage.credentials.user ?? storage.credentials.userId ?? '', 'X-Auth-Key': key },
    body: undefined,
  }),
  read: (_, headers) => loginOf(headers['x-auth-token'] ?? headers['x-storage-token'], headers['x-storage-url']),
};
