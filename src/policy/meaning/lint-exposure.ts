import type { Desired, DesiredConnection } from '../../domain/desired.ts';
import type { Report } from '../finding.ts';
import type { PolicyDocument } from '../structure/policy-document.ts';
import { findNamed, ofKind, type PolicySet, placeOf, reportAt } from './policy-set.ts';
import { storagePlace } from './storage-place.ts';
import { textAt, valueAt } from './values.ts';

/** Things that work today and hurt one day: one cluster or place under two names, doors that stand open. */
export function lintExposure(set: PolicySet, desired: Desired, report: Report): void {
  lintClusters(set, desired, report);
  lintPlaces(set, report);
  for (const repository of ofKind(set, 'Repository')) {
    const path = ['spec', 'storage', 'tls', 'verify'];
    if (valueAt(repository, path) !== false) continue;
    reportAt(report, repository, path, 'HRD107', {
      message: 'the certificate of the store is not checked',
      hint: 'name the authority of a private certificate with tls.ca instead',
    });
  }
  for (const daemon of ofKind(set, 'Daemon')) lintHttp(daemon, desired, report);
}

function lintClusters(set: PolicySet, desired: Desired, report: Report): void {
  const seen = new Map<string, string>();
  for (const site of desired.sites.values()) {
    const document = findNamed(set, 'Site', site.name);
    if (!document) continue;
    for (const [index, connection] of site.connections.entries()) {
      const key = identityOf(connection);
      const other = seen.get(key);
      if (other !== undefined && other !== site.name) {
        reportAt(report, document, ['spec', 'connections', index], 'HRD104', {
          message: `the site ${other} connects in the same way, but a cluster belongs to one site`,
          hint: 'correct the connection, or remove one of the two sites',
          at: 'key',
        });
      }
      seen.set(key, other ?? site.name);
    }
  }
}

function identityOf(connection: DesiredConnection): string {
  return connection.kind === 'uri'
    ? JSON.stringify(connection.uri)
    : JSON.stringify([connection.host.toLowerCase(), connection.port]);
}

function lintPlaces(set: PolicySet, report: Report): void {
  const seen = new Map<string, PolicyDocument>();
  for (const repository of ofKind(set, 'Repository')) {
    const place = storagePlace(repository);
    // The same local folder on two hosts is two places.
    if (place === undefined || textAt(repository, ['spec', 'storage', 'type']) === 'local') continue;
    const other = seen.get(place);
    if (other) {
      reportAt(report, repository, ['spec', 'storage'], 'HRD105', {
        message: `the repository ${other.name} (${placeOf(other)}) stores in the same place`,
        hint: 'use one name, or give one of them another prefix',
        at: 'key',
      });
    }
    seen.set(place, other ?? repository);
  }
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/i;

function lintHttp(daemon: PolicyDocument, { daemon: { http } }: Desired, report: Report): void {
  if (http === undefined || LOOPBACK.test(http.host) || (http.tls && http.auth)) return;
  const missing = [http.tls ? [] : ['TLS'], http.auth ? [] : ['a password']].flat();
  reportAt(report, daemon, ['spec', 'http', 'listen'], 'HRD108', {
    message: `HTTP listens on ${http.host} without ${missing.join(' and ')}`,
    hint: 'add http.tls and http.auth, or listen on 127.0.0.1',
  });
}
