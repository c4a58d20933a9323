import { chooseEndpoint, type Endpoint } from './catalog.ts';
import { field, items, parsed, textField } from './json.ts';
import { identityUrl, type LoginProtocol, loginOf, unexpected } from './login.ts';

/** Keystone's Identity API 2.0, https://docs.openstack.org/api-ref/identity/v2/ (token, catalogue by publicURL, internalURL, adminURL). */
export const authV2: LoginProtocol = {
  request: (storage, key) => {
    const { user, userId } = storage.credentials;
    const tenant = storage.tenant ?? storage.project;
    const auth = {
      passwordCredentials: { ...(userId === undefined ? { username: user } : { userId }), password: key },
      ...(tenant?.id !== undefined
        ? { tenantId: tenant.id }
        : tenant?.name !== undefined && { tenantName: tenant.name }),
    };
    return {
      method: 'POST',
      url: identityUrl(storage.authUrl, 'v2.0', 'tokens'),
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify({ auth }),
    };
  },
  read: (storage, _, body) => {
    const access = field(parsed(body), 'access');
    if (access === undefined) throw unexpected('something else than an access token of version 2');
    const endpoints = items(field(access, 'serviceCatalog')).flatMap(endpointsOf);
    return loginOf(textField(field(access, 'token'), 'id'), chooseEndpoint(storage, endpoints));
  },
};

function endpointsOf(service: unknown): readonly Endpoint[] {
  const type = textField(service, 'type');
  return items(field(service, 'endpoints')).flatMap((endpoint) =>
    ['public', 'internal', 'admin'].flatMap((name) => {
      const url = textField(endpoint, `${name}URL`);
      return url === undefined ? [] : [{ type, region: textField(endpoint, 'region'), interface: name, url }];
    }),
  );
}
