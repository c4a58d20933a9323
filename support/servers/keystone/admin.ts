/** What a cloud's operator does by the Identity API, https://docs.openstack.org/api-ref/identity/v3/: each call makes one thing and gives its id. */
export interface KeystoneAdmin {
  domain(name: string): Promise<string>;
  project(name: string, domain: string): Promise<string>;
  /** With the role `member` in the project where one is given. */
  user(user: {
    readonly name: string;
    readonly password: string;
    readonly domain: string;
    readonly project: string;
  }): Promise<string>;
  region(id: string): Promise<void>;
  service(type: string): Promise<string>;
  endpoint(endpoint: {
    readonly service: string;
    readonly region: string;
    readonly interface: string;
    readonly url: string;
  }): Promise<void>;
  /** A token of a user for a project, both by id. */
  tokenOf(user: string, password: string, project: string): Promise<string>;
}

const DEFAULT_DOMAIN = { id: 'default' };

export function keystoneAdmin(authUrl: string, password: string): KeystoneAdmin {
  const asked = async (
    method: string,
    place: string,
    headers: Record<string, string>,
    body?: object,
  ): Promise<Response> => {
    const response = await fetch(`${authUrl}${place}`, {
      method,
      headers: { 'Content-Type': 'application/json', ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${place}: ${response.status} ${await response.text()}`);
    return response;
  };
  const tokenFor = async (user: object, project: object): Promise<string> => {
    const auth = { identity: { methods: ['password'], password: { user } }, scope: { project } };
    const response = await asked('POST', '/auth/tokens', {}, { auth });
    await response.arrayBuffer();
    return response.headers.get('x-subject-token') ?? '';
  };
  const asAdmin = async (method: string, place: string, body?: object): Promise<Response> => {
    const admin = { name: 'admin', password, domain: DEFAULT_DOMAIN };
    const token = await tokenFor(admin, { name: 'admin', domain: DEFAULT_DOMAIN });
    return asked(method, place, { 'X-Auth-Token': token }, body);
  };
  const make = async (kind: string, what: object): Promise<string> => {
    const response = await asAdmin('POST', `/${kind}s`, { [kind]: what });
    const made: unknown = await response.json();
    return idIn(made, kind);
  };
  return {
    domain: (name) => make('domain', { name }),
    project: (name, domain) => make('project', { name, domain_id: domain }),
    async user({ name, password: secret, domain, project }) {
      const user = await make('user', { name, password: secret, domain_id: domain });
      const found: unknown = await (await asAdmin('GET', '/roles?name=member')).json();
      const role = idIn({ role: Object(Object(found).roles)[0] }, 'role');
      await (await asAdmin('PUT', `/projects/${project}/users/${user}/roles/${role}`)).arrayBuffer();
      return user;
    },
    async region(id) {
      await make('region', { id });
    },
    service: (type) => make('service', { type, name: type }),
    async endpoint({ service, region, interface: name, url }) {
      await make('endpoint', { service_id: service, region_id: region, interface: name, url });
    },
    tokenOf: (user, secret, project) => tokenFor({ id: user, password: secret }, { id: project }),
  };
}

function idIn(answer: unknown, kind: string): string {
  const made: unknown = Object(answer)[kind];
  const id: unknown = Object(made).id;
  if (typeof id !== 'string') throw new Error(`no id in ${JSON.stringify(answer)}`);
  return id;
}
