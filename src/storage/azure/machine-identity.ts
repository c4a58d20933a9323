import { createDefaultHttpClient, type HttpClient } from '@azure/core-rest-pipeline';
import { AzureAuthorityHosts, DefaultAzureCredential } from '@azure/identity';
import type { DesiredAzure } from '../../domain/desired-storage.ts';
import type { HttpAgents } from '../http/agents.ts';

// The list of @azure/identity lacks the German cloud: https://learn.microsoft.com/previous-versions/azure/germany/germany-developer-guide
const AUTHORITIES = {
  public: AzureAuthorityHosts.AzurePublicCloud,
  'us-government': AzureAuthorityHosts.AzureGovernment,
  china: AzureAuthorityHosts.AzureChina,
  germany: 'https://login.microsoftonline.de',
} as const;

/** Managed identity, workload identity, environment or a developer's login: whatever the SDK's own chain finds. */
export function machineIdentity(cloud: DesiredAzure['cloud'], agents: HttpAgents): DefaultAzureCredential {
  return new DefaultAzureCredential({ authorityHost: AUTHORITIES[cloud], httpClient: through(agents) });
}

/** Authorities are asked the same way as the store. The machine's own metadata service, which is plain HTTP, is never behind a proxy. */
function through(agents: HttpAgents): HttpClient {
  const client = createDefaultHttpClient();
  return {
    sendRequest: (request) => {
      if (request.url.startsWith('https:')) request.agent = agents.https;
      return client.sendRequest(request);
    },
  };
}
