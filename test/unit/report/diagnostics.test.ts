import { describe, expect, it } from 'vitest';
import { DIAGNOSTICS, type DiagnosticCode } from '../../../src/policy/diagnostic-codes.ts';
import { checkPolicies } from '../../../src/policy/load-policies.ts';
import { PolicySource } from '../../../src/policy/text/policy-source.ts';
import { renderDiagnostics, renderDiagnosticsSummary } from '../../../src/report/diagnostics.ts';
import { renderGithub } from '../../../src/report/github.ts';
import { renderJunit } from '../../../src/report/junit.ts';
import { renderSarifDocument } from '../../../src/report/sarif.ts';
import { renderValidateDocument } from '../../../src/report/validate-json.ts';
import { reportErrors } from '../../support/validate-report.ts';

const FLEET = `apiVersion: hoard/v1
kind: Policy
metadata: { name: daily }
spec:
  backup:
    shedule: { cron: "0 2 * * *" }
  retention: { window: 2 weeks, keep: { last: 2, daily: 7, weekly: 4, monthly: 12 }, minimum: 0, prune: auto }
---
apiVersion: hoard/v1
kind: Site
metadata: { name: shop }
spec:
  policy: dayly
  repositories: [vault]
  connections:
    - uri: postgres://hoard:hunter2@db/shop
---
apiVersion: hoard/v1
kind: Repository
metadata: { name: vault }
spec:
  storage: { type: local, directory: "<a & 'b'>%" }
`;

const OPEN_DOOR = `apiVersion: hoard/v1
kind: Daemon
metadata: { name: default }
spec:
  http: { listen: "0.0.0.0:16000" }
`;

function check(...files: readonly (readonly [string, string])[]): ReturnType<typeof checkPolicies> {
  return checkPolicies(files.map(([file, text]) => new PolicySource({ file, folder: '/fleet', text })));
}

const broken = check(['fleet/shop, main.yaml', FLEET], ['fleet/broken.yaml', 'kind: [Site\n']);
const doubtful = check(['daemon.yaml', OPEN_DOOR]);

describe('renderDiagnostics', () => {
  it('shows place, line, caret and way out, and no secret', async () => {
    await expect(renderDiagnostics(broken.diagnostics)).toMatchFileSnapshot('golden/diagnostics.txt');
  });

  it('keeps frames within the given width', () => {
    for (const columns of [40, 60, 80]) {
      const rows = renderDiagnostics(broken.diagnostics, { columns })
        .split('\n')
        .filter((row) => / \|/.test(row));
      expect(rows.length).toBeGreaterThan(8);
      for (const row of rows) expect(row.length).toBeLessThanOrEqual(columns);
    }
  });

  it('puts the caret under what it means, also in long lines', () => {
    const long = `apiVersion: hoard/v1\nkind: Policy\nmetadata: { name: daily }\nspec: { retention: { ${' '.repeat(200)}minimum: zero${' '.repeat(200)} } }\n`;
    const rows = renderDiagnostics(check(['a.yaml', long]).diagnostics).split('\n');
    const row = rows.find((text) => text.startsWith('  4 |')) ?? '';
    const caret = rows[rows.indexOf(row) + 1] ?? '';
    expect(row.slice(caret.indexOf('^'), caret.lastIndexOf('^') + 1)).toBe('zero');
    expect(row).toMatch(/^ {2}4 \| ….*….*$/);
  });

  it('colours only where it is told to, and says the same', () => {
    const coloured = renderDiagnostics(broken.diagnostics, { color: true });
    expect(coloured).toContain('\u001b[');
    // oxlint-disable-next-line no-control-regex -- escape sequences are the subject here
    expect(coloured.replaceAll(/\u001b\[\d+m/g, '')).toBe(renderDiagnostics(broken.diagnostics));
  });

  it('says nothing about nothing', () => {
    expect(renderDiagnostics([])).toBe('');
    expect(renderDiagnosticsSummary([], 1)).toBe('no errors in 1 document');
    expect(renderDiagnosticsSummary(broken.diagnostics, 4)).toBe('5 errors in 4 documents');
    expect(renderDiagnosticsSummary(doubtful.diagnostics, 1)).toBe('1 warning in 1 document');
  });
});

describe('renderValidateDocument', () => {
  it('is the document of the published schema', () => {
    const document = renderValidateDocument(broken);
    expect(reportErrors('validate', document)).toEqual([]);
    expect(document).toMatchObject({
      formatVersion: '1.0',
      valid: false,
      summary: { documents: 4, errors: 5, warnings: 0 },
    });
    expect(document.diagnostics[1]).toEqual({
      code: 'HRD006',
      severity: 'error',
      file: 'fleet/shop, main.yaml',
      line: 6,
      column: 5,
      endLine: 6,
      endColumn: 12,
      message: 'unknown key "shedule" in spec.backup',
      hint: 'did you mean schedule?',
      fingerprint: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  it('is valid with warnings only', () => {
    expect(renderValidateDocument(doubtful)).toMatchObject({ valid: true, summary: { errors: 0, warnings: 1 } });
  });

  it('keeps its fingerprints when lines move', () => {
    const prints = (text: string): readonly string[] =>
      check(['a.yaml', text]).diagnostics.map(({ fingerprint }) => fingerprint);
    expect(prints(`# moved\n\n${FLEET}`)).toEqual(prints(FLEET));
    expect(new Set(prints(FLEET)).size).toBe(prints(FLEET).length);
  });
});

describe('renderSarifDocument', () => {
  it('is a SARIF 2.1.0 log whose results refer to its rules', async () => {
    const log = renderSarifDocument(broken.diagnostics, '1.2.3');
    await expect(`${JSON.stringify(log, null, 2)}\n`).toMatchFileSnapshot('golden/diagnostics.sarif.txt');
    expect(log.version).toBe('2.1.0');
    const [run] = log.runs;
    expect(run.results).toHaveLength(broken.diagnostics.length);
    for (const result of run.results) {
      expect(run.tool.driver.rules[result.ruleIndex]?.id).toBe(result.ruleId);
      const { region, artifactLocation } = result.locations[0].physicalLocation;
      expect(region.startLine).toBeGreaterThanOrEqual(1);
      expect(region.endLine > region.startLine || region.endColumn >= region.startColumn).toBe(true);
      expect(artifactLocation.uri).not.toMatch(/[ ,\\]/);
    }
  });

  it('gives absolute files as file URLs', () => {
    const [result] = renderSarifDocument(check(['/srv/a b.yaml', 'x']).diagnostics, '1.0.0').runs[0].results;
    expect(result?.locations[0].physicalLocation.artifactLocation.uri).toBe('file:///srv/a%20b.yaml');
  });
});

describe('renderJunit', () => {
  it('has a test case for every document and well-formed text', async () => {
    const xml = renderJunit(broken.diagnostics, broken.documents);
    await expect(xml).toMatchFileSnapshot('golden/diagnostics.junit.txt');
    expect(xml.match(/<testcase /g)).toHaveLength(broken.documents.length);
  });

  it('passes documents with warnings and shows files without documents', () => {
    expect(renderJunit(doubtful.diagnostics, doubtful.documents)).toMatch(
      /failures="0"[\s\S]*<system-out>daemon\.yaml:5:19 warning HRD108/,
    );
    const unreadable = checkPolicies([], [{ file: 'gone.yaml', message: 'there is no such file', hint: undefined }]);
    expect(renderJunit(unreadable.diagnostics, unreadable.documents)).toContain(
      '<testcase classname="gone.yaml" name="file" file="gone.yaml" line="1">',
    );
  });

  it('writes no character that XML cannot hold', () => {
    const { diagnostics, documents } = check(['a.yaml', 'kind: "\\u0001<&\\"\\uFFFE"\n']);
    // oxlint-disable-next-line no-control-regex
    expect(renderJunit(diagnostics, documents)).not.toMatch(/[\u0000-\u0008\ufffe]/);
  });
});

describe('renderGithub', () => {
  it('writes one command a line, with what would end it escaped', async () => {
    const text = renderGithub(broken.diagnostics);
    await expect(text).toMatchFileSnapshot('golden/diagnostics.github.txt');
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(
        /^::(error|warning) file=[^:,]+,line=\d+,col=\d+(,endLine=\d+,endColumn=\d+)?,title=hoard HRD\d{3}::[^\r\n]+$/,
      );
    }
  });

  it('escapes percent signs and line breaks', () => {
    const [diagnostic] = doubtful.diagnostics;
    if (!diagnostic) throw new Error('no diagnostic');
    expect(renderGithub([{ ...diagnostic, file: 'a,b:c%.yaml', message: '100%\r\nsure', hint: undefined }])).toBe(
      '::warning file=a%2Cb%3Ac%25.yaml,line=5,col=19,endLine=5,endColumn=33,title=hoard HRD108::100%25%0D%0Asure\n',
    );
  });
});

describe('the table of codes', () => {
  it('has families, severities and whole sentences', () => {
    for (const [code, { severity, title, explanation }] of Object.entries(DIAGNOSTICS)) {
      expect(code).toMatch(/^HRD[0-3]\d\d$/);
      expect(severity).toBe(code.startsWith('HRD0') ? 'error' : 'warning');
      expect(title).not.toMatch(/\.$/);
      expect(explanation).toMatch(/^([A-Z]|wal|tls|objectives).*[.]$/);
    }
  });

  it('is in order', () => {
    const codes = Object.keys(DIAGNOSTICS) as DiagnosticCode[];
    expect([...codes].sort()).toEqual(codes);
  });
});
