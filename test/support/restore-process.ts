import { isFailure } from '../../src/domain/failure.ts';
import { parseBackupId } from '../../src/repository/backup-id.ts';
import { readMarker } from '../../src/repository/backup-marker.ts';
import { executeRestore } from '../../src/restore/restore.ts';
import { restoreOrder } from './restore-order.ts';
import { calm, openTestRepository } from './temporary-repository.ts';

// A restore in a process of its own, to be killed. Arguments: repository directory, backup id, data directory, for each tablespace OID=DIRECTORY, and `site=NAME`.

const [directory = '', id = '', dataDirectory = '', ...words] = process.argv.slice(2);
const mapping = new Map(words.map((text): [string, string] => [text.split('=')[0] ?? '', text.split('=')[1] ?? '']));
const site = mapping.get('site') ?? 'orders';
mapping.delete('site');
const repo = await openTestRepository(directory, { site });
const marker = await readMarker(repo, parseBackupId(id), calm());
try {
  await executeRestore(await restoreOrder(marker, [repo], dataDirectory, { tablespaces: mapping }));
  process.stdout.write('restored');
} catch (error) {
  process.stdout.write(isFailure(error) ? `${error.code}: ${error.message}` : String(error));
}
