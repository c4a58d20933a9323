import type { DesiredSwift } from '../../domain/desired-storage.ts';
import { Failure } from '../../domain/failure.ts';

/** One endpoint of a service catalogue, in the words of version 3. */
export interface Endpoint {
  readonly type: string | undefined;
  readonly region: string | undefined;
  readonly interface: string | undefined;
  readonly url: string | undefined;
}

/** The object store that the policy means: the first of its type, interface and region. */
export function chooseEndpoint(storage: DesiredSwift, endpoints: readonly Endpoint[]): string {
  const type = storage.serviceType ?? 'object-store';
  const wanted = storage.endpointType ?? 'public';
  const ofType = endpoints.filter((endpoint) => endpoint.type === type);
  const reachable = ofType.filter((endpoint) => endpoint.interface === wanted);
  const found = reachable.find((endpoint) => storage.region === undefined || endpoint.region === storage.region);
  if (found?.url !== undefined) return found.url;
  const offered = ofType.map((endpoint) => `${endpoint.interface ?? '?'} in ${endpoint.region ?? 'no region'}`);
  const types = endpoints.map((endpoint) => endpoint.type ?? '?');
  throw new Failure('store.absent', {
    message: `the service catalogue has no ${wanted} endpoint of ${type}${storage.region === undefined ? '' : ` in region ${storage.region}`}`,
    hint:
      endpoints.length === 0
        ? 'the catalogue is empty: name the project (tenant for authVersion 2) in the policy'
        : ofType.length === 0
          ? `set serviceType to what the catalogue offers: ${[...new Set(types)].join(', ')}`
          : `set region and endpointType to what the catalogue offers: ${[...new Set(offered)].join(', ')}`,
  });
}
