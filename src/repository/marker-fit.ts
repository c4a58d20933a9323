import { Failure } from '../domain/failure.ts';
import type { BackupMarker } from './backup-marker.ts';
import type { ManifestFooter, ManifestHeader } from './manifest-types.ts';
import { describeRepository, type SiteRepository } from './site-repository.ts';

/** Only the manifest may be signed: what the marker says is believed as far as the manifest says the same. `object.corrupt` where it does not. */
export function requireMarkerFit(
  repo: SiteRepository,
  marker: BackupMarker,
  header: ManifestHeader | undefined,
  footer: ManifestFooter,
): void {
  const fits =
    header?.timeline === marker.timeline &&
    header.startLsn === marker.startLsn &&
    header.version === marker.version &&
    footer.stopLsn === marker.stopLsn;
  if (fits) return;
  throw new Failure('object.corrupt', {
    message: `backup.json and the manifest of ${marker.id} in ${describeRepository(repo)} say different things of timeline, version, or start and stop position`,
    hint: 'somebody may have changed backup.json; restore from another repository, or another backup',
  });
}
