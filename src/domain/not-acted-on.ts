import type { Desired, DesiredPolicy, DesiredSite } from './desired.ts';
import type { DesiredDaemon } from './desired-daemon.ts';

/**
 * What is declared for the site, is valid, and has no effect in this version: one sentence, undefined where there is nothing. Nobody may
 * rely on it in silence. What a repository declares and cannot be done without (storage, encryption) is refused when it is opened.
 */
export function notActedOn(desired: Pick<Desired, 'restoreTargets' | 'daemon'>, site: DesiredSite): string | undefined {
  const parts = [
    ...ofPolicy(site.policy),
    ...(site.connections.some(({ slot }) => slot !== undefined) ? ['connections.slot'] : []),
    ...(site.movedFrom?.length ? [`movedFrom (nothing stored as ${site.movedFrom.join(', ')} is read)`] : []),
    ...[...desired.restoreTargets.values()]
      .filter((target) => target.site === site.name)
      .map(({ name }) => `restore target "${name}"`),
    ...ofDaemon(desired.daemon),
  ];
  return parts.length === 0 ? undefined : `declared, but without effect in this version: ${parts.join(', ')}`;
}

function ofPolicy({ backup, wal, objectives }: DesiredPolicy): readonly string[] {
  return [
    ...(backup.method === 'local' || backup.method === 'sql' ? [`backup.method ${backup.method}`] : []),
    ...(backup.from === 'primary' ? [] : [`backup.from ${backup.from} (backups come from the primary)`]),
    ...(wal.method === 'stream' || wal.method === 'pg-receivewal' ? [`wal.method ${wal.method}`] : []),
    ...(wal.partial === undefined ? [] : ['wal.partial']),
    ...(wal.pauseBelow === undefined ? [] : ['wal.pauseBelow']),
    ...(objectives.rpo === undefined ? [] : ['objectives.rpo']),
    ...(objectives.rto === undefined ? [] : ['objectives.rto']),
  ];
}

function ofDaemon({ maintenanceFile, stateFile, alerts, http, metrics }: DesiredDaemon): readonly string[] {
  const declared = Object.entries({ maintenanceFile, stateFile, alerts, http, ...metrics }).flatMap(([name, value]) =>
    value === undefined ? [] : [name],
  );
  return declared.length === 0 ? [] : [`${declared.join(', ')} of the daemon`];
}
