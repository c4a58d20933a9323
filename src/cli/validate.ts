import { EXIT } from '../domain/failure.ts';
import type { CommandContext } from './context.ts';
import { outputFormat } from './global-options.ts';
import type { DeclareCommand } from './run-program.ts';
import { explainExits, explainFormats } from './usage.ts';

const FORMATS = ['human', 'json', 'sarif', 'junit', 'github'] as const;

export const declareValidate: DeclareCommand = (parent, context, run) => {
  const command = parent
    .command('validate')
    .description(
      'checks the policies without any network: every error at once, with its place and what was probably meant',
    )
    .action(() => run(validate(context)));
  explainFormats(command, FORMATS);
  explainExits(command);
};

async function validate(context: CommandContext): Promise<number> {
  const format = outputFormat(context, FORMATS);
  const { loadPolicies } = await import('../policy/load-policies.ts');
  const loaded = await loadPolicies(context.globals().policies);
  const { output, terminal } = context;
  switch (format) {
    case 'json': {
      const { renderValidateDocument } = await import('../report/validate-json.ts');
      await output.document(renderValidateDocument(loaded));
      break;
    }
    case 'sarif': {
      const { renderSarifDocument } = await import('../report/sarif.ts');
      await output.document(renderSarifDocument(loaded.diagnostics, context.toolVersion));
      break;
    }
    case 'junit': {
      const { renderJunit } = await import('../report/junit.ts');
      await output.result(renderJunit(loaded.diagnostics, loaded.documents));
      break;
    }
    case 'github': {
      const { renderGithub } = await import('../report/github.ts');
      await output.result(renderGithub(loaded.diagnostics));
      break;
    }
    case 'human': {
      const { renderDiagnostics, renderDiagnosticsSummary } = await import('../report/diagnostics.ts');
      const summary = renderDiagnosticsSummary(loaded.diagnostics, loaded.documents.length);
      const details = renderDiagnostics(loaded.diagnostics, { color: terminal.color });
      await output.result(details === '' ? summary : `${details}\n${summary}`);
      break;
    }
  }
  return loaded.desired === undefined ? EXIT.invalidPolicies : EXIT.done;
}
