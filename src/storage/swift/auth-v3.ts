import type { DesiredSwift } from '../../domain/desired-storage.ts';
import { chooseEndpoint, type Endpoint } from './catalog.ts';
import { field, items, parsed, textField } from './json.ts';
import { identityUrl, type LoginProtocol, loginOf, unexpected } from './login.ts';

/** Keystone's Identity API 3, https://docs.openstack.org/api-ref/identity/v3/ (password authentication with scoped authorization). */
export const authV3: LoginProtocol = {
  request: (storage, key) => {
    const identity = { methods: ['password'], password: { user: { ...userOf(storage), password: key } } };
    const project = projectOf(storage);
    return {
      method: 'POST',
      url: identityUrl(storage.authUrl, 'v3', 'auth/tokens'),
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify({ auth: { identity, ...(project && { scope: { project } }) } }),
    };
  },
  read: (storage, headers, body) => {
    const token = field(parsed(body), 'token');
    if (token === undefined) throw unexpected('something else than a token of version 3');
    const endpoints = items(field(token, 'catalog')).flatMap(endpointsOf);
    return loginOf(headers['x-subject-token'], chooseEndpoint(storage, endpoints));
  },
};

// The domain that every Keystone makes at its installation; what OpenStack's own clients assume.
const DEFAULT_DOMAIN = { id: 'default' };

function domainOf(id: string | undefined, name: string | undefined): Readonly<Record<string, string>> | undefined {
  if (id !== undefined) return { id };
  return name === undefined ? undefined : { name };
}

function userOf(storage: DesiredSwift): object {
  const { user, userId } = storage.credentials;
  if (userId !== undefined) return { id: userId };
  return { name: user, domain: domainOf(storage.userDomainId, storage.userDomainName) ?? DEFAULT_DOMAIN };
}

/** Undefined: Keystone takes the user's default project. Where only the user's domain is told, the project is in it. */
function projectOf(storage: DesiredSwift): object | undefined {
  const { id, name } = storage.project ?? storage.tenant ?? {};
  if (id !== undefined) return { id };
  if (name === undefined) return undefined;
  const domain =
    domainOf(storage.project?.domainId, storage.project?.domainName) ??
    domainOf(storage.userDomainId, storage.userDomainName) ??
    DEFAULT_DOMAIN;
  return { name, domain };
}

function endpointsOf(service: unknown): readonly Endpoint[] {
  const type = textField(service, 'type');
  return items(field(service, 'endpoints')).map((endpoint) => ({
    type,
    // `region` is the older name of the same.
    region: textField(endpoint, 'region_id') ?? textField(endpoint, 'region'),
    interface: textField(endpoint, 'interface'),
    url: textField(endpoint, 'url'),
  }));
}
