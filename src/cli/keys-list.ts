import type { DesiredRepository, DesiredSite } from '../domain/desired.ts';
import { EXIT } from '../domain/failure.ts';
import type { RepositoryKeysView } from '../report/keys-json.ts';
import type { CommandContext } from './context.ts';
import { outputFormat } from './global-options.ts';
import type { DeclareCommand } from './run-program.ts';
import { type ObservedSelection, observeNamed, type StoredOptions } from './stored-sites.ts';
import { explainExits } from './usage.ts';

export const declareKeysList: DeclareCommand = (parent, context, run) => {
  const command = parent
    .command('list')
    .description(
      'lists the keys that repositories declare, whether they can be used here, and which backups and WAL need which key',
    )
    .argument('[site]', 'left out: all sites, and repositories that none uses')
    .option('--repository <name>', 'only this repository')
    .action((site: string | undefined, options: StoredOptions) => run(listKeys(context, site, options)));
  explainExits(command, {
    [EXIT.done]: 'done, whatever the keys are',
    [EXIT.partlyDone]: 'a repository could not be read; the keys and the backups of the others are listed',
  });
};

async function listKeys(context: CommandContext, site: string | undefined, options: StoredOptions): Promise<number> {
  const format = outputFormat(context, ['human', 'json']);
  const selection = await observeNamed(context, site, options);
  for (const message of selection.unreadable) context.output.message(`warning: ${message}`);
  const repositories = [...selection.desired.repositories.values()].filter(
    ({ name }) =>
      (options.repository === undefined || name === options.repository) &&
      (site === undefined || usedBy(selection.sites, name)),
  );
  const [{ readDeclaredKeys }, { renderKeysDocument }] = await Promise.all([
    import('../repository/declared-keys.ts'),
    import('../report/keys-json.ts'),
  ]);
  const { clock, signal } = context.effects;
  const views: RepositoryKeysView[] = [];
  for (const { name, encryption } of repositories) {
    const keys = await readDeclaredKeys(encryption, { secrets: context.secrets, clock, signal });
    views.push({ name, encrypted: encryption !== undefined, keys, stored: storedIn(selection, name) });
  }
  const document = renderKeysDocument(views);
  if (format === 'json') {
    await context.output.document(document);
  } else {
    const { renderKeysHuman } = await import('../report/keys-human.ts');
    const { color } = context.terminal;
    await context.output.result(renderKeysHuman(document, { color, now: clock.now() }));
  }
  return selection.unreadable.length === 0 ? EXIT.done : EXIT.partlyDone;
}

const usedBy = (sites: readonly DesiredSite[], name: DesiredRepository['name']): boolean =>
  sites.some(({ repositories }) => repositories.includes(name));

function storedIn({ stored }: ObservedSelection, name: DesiredRepository['name']): RepositoryKeysView['stored'] {
  return stored.flatMap(({ site, repository, observation }) =>
    repository === name && observation.kind === 'known' ? [{ ...observation.value, site }] : [],
  );
}
