import { type Desired, type DesiredPolicy, type DesiredSite, repositoryName, siteName } from '../../domain/desired.ts';
import { Failure } from '../../domain/failure.ts';
import type { PolicyDocument as Declared, Policy, Site } from '../generated/documents.ts';
import type { PolicyDocument } from '../structure/policy-document.ts';
import { DEFAULTS } from './defaults.ts';
import { pathsFrom, type ResolvePath, toConnection } from './reference.ts';
import { toDaemon } from './to-daemon.ts';
import { toPolicy } from './to-policy.ts';
import { toRepository } from './to-repository.ts';
import { toRestoreTarget } from './to-restore-target.ts';

/** Converts documents in which nothing is wrong. Defaults are filled in, relative paths made absolute, texts parsed; the result is frozen. */
export function toDesired(documents: readonly PolicyDocument[]): Desired {
  const entries = documents.map((document) => ({
    // The one place where checked data gets its type: the types are generated from the schemas that it was checked with.
    declared: document.value as Declared,
    resolve: pathsFrom(document.source.folder),
  }));
  const policies = new Map(
    entries.flatMap(({ declared }) =>
      declared.kind === 'Policy' ? [[declared.metadata.name, declared] as const] : [],
    ),
  );
  const sites = entries.flatMap(({ declared, resolve }) =>
    declared.kind === 'Site' ? [toSite(declared, policies, resolve)] : [],
  );
  const byName = new Map(sites.map((site) => [site.name, site]));
  const repositories = entries.flatMap(({ declared, resolve }) =>
    declared.kind === 'Repository' ? [toRepository(declared, resolve)] : [],
  );
  const targets = entries.flatMap(({ declared, resolve }) =>
    declared.kind === 'RestoreTarget'
      ? [toRestoreTarget(declared, need(byName.get(siteName(declared.spec.site))), resolve)]
      : [],
  );
  const document = entries.find(({ declared }) => declared.kind === 'Daemon');
  const daemon =
    document?.declared.kind === 'Daemon'
      ? toDaemon(document.declared.spec, document.resolve)
      : toDaemon({}, pathsFrom('/'));
  const uploadRetries = daemon.alerts?.uploadRetries;
  return deepFreeze({
    sites: byName,
    repositories: new Map(repositories.map((repository) => [repository.name, { ...repository, uploadRetries }])),
    restoreTargets: new Map(targets.map((target) => [target.name, target])),
    daemon,
  });
}

function toSite({ metadata, spec }: Site, policies: ReadonlyMap<string, Policy>, resolve: ResolvePath): DesiredSite {
  const policy: DesiredPolicy = toPolicy(need(policies.get(spec.policy)));
  return {
    name: siteName(metadata.name),
    mode: spec.mode ?? DEFAULTS.site.mode,
    policyName: spec.policy,
    policy,
    repositories: spec.repositories.map(repositoryName),
    connections: spec.connections.map((connection) => toConnection(connection, resolve)),
    dataDirectory: spec.dataDirectory,
    binDirectory: spec.binDirectory,
    labels: metadata.labels ?? {},
    movedFrom: spec.movedFrom?.map(siteName) ?? [],
  };
}

function need<T>(value: T | undefined): T {
  if (value !== undefined) return value;
  throw new Failure('bug', { message: 'a dangling reference passed the checks' });
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  if (value instanceof Map) for (const inner of value.values()) deepFreeze(inner);
  for (const inner of Object.values(value)) deepFreeze(inner);
  return value;
}
