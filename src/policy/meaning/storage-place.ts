import path from 'node:path';
import type { PolicyDocument } from '../structure/policy-document.ts';
import { textAt } from './values.ts';

/**
 * One text for every place that can be told from the declaration: two repositories with the same one store in the same place.
 * Undefined where the declaration is not complete.
 */
export function storagePlace(repository: PolicyDocument): string | undefined {
  const at = (key: string): string | undefined => textAt(repository, ['spec', 'storage', key]);
  const parts = placeParts(at, repository.source.folder);
  if (parts === undefined || parts[0] === undefined || parts.includes(undefined)) return undefined;
  return JSON.stringify([...parts, textAt(repository, ['spec', 'prefix']) ?? '']);
}

function placeParts(
  at: (key: string) => string | undefined,
  folder: string,
): readonly (string | undefined)[] | undefined {
  switch (at('type') ?? '') {
    case 'local': {
      const directory = at('directory');
      return ['local', directory === undefined ? undefined : path.resolve(folder, directory)];
    }
    // A bucket's name is unique within AWS whatever its region.
    case 's3':
      return ['s3', origin(at('endpoint')), at('bucket')];
    case 'gcs':
      return ['gcs', origin(at('endpoint')), at('bucket')];
    case 'azure':
      return ['azure', at('cloud') ?? 'public', origin(at('endpoint')), at('account'), at('container')];
    case 'swift':
      return ['swift', origin(at('authUrl')), at('region') ?? '', at('container')];
    case 'sftp':
      return ['sftp', at('host')?.toLowerCase(), normalFolder(at('directory'))];
    default:
      return undefined;
  }
}

function origin(url: string | undefined): string {
  return url === undefined ? '' : (URL.parse(url)?.origin ?? url);
}

function normalFolder(folder: string | undefined): string | undefined {
  return folder === undefined ? undefined : path.posix.normalize(folder).replace(/(?<=.)\/$/, '');
}
