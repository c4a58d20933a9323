import type { Diagnostic, DocumentSummary } from '../policy/diagnostic.ts';

interface TestCase {
  readonly file: string;
  readonly name: string;
  readonly line: number;
  readonly diagnostics: readonly Diagnostic[];
}

/** JUnit XML: a suite for every file, a test case for every document; errors are failures, warnings are output of a case that passes. */
export function renderJunit(diagnostics: readonly Diagnostic[], documents: readonly DocumentSummary[]): string {
  const cases = testCases(diagnostics, documents);
  const files = [...new Set(cases.map(({ file }) => file))].sort();
  const failures = cases.filter(isFailed).length;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="hoard validate" tests="${cases.length}" failures="${failures}">`,
    ...files.flatMap((file) =>
      renderSuite(
        file,
        cases.filter((testCase) => testCase.file === file),
      ),
    ),
    '</testsuites>',
    '',
  ].join('\n');
}

function testCases(diagnostics: readonly Diagnostic[], documents: readonly DocumentSummary[]): readonly TestCase[] {
  const left = new Set(diagnostics);
  const cases: TestCase[] = documents.map((document, index) => {
    const own = diagnostics.filter((diagnostic) => left.has(diagnostic) && isIn(diagnostic, document));
    for (const diagnostic of own) left.delete(diagnostic);
    const position = documents.slice(0, index + 1).filter(({ file }) => file === document.file).length;
    const name = `${document.kind ?? 'document'} ${document.name ?? `at position ${position}`}`;
    return { file: document.file, name, line: document.line, diagnostics: own };
  });
  // Unreadable files, and comments between documents.
  const files = [...new Set([...left].map(({ file }) => file))];
  const rest = files.map((file) => ({
    file,
    name: 'file',
    line: 1,
    diagnostics: [...left].filter((diagnostic) => diagnostic.file === file),
  }));
  return [...cases, ...rest];
}

function isIn({ file, line }: Diagnostic, document: DocumentSummary): boolean {
  return file === document.file && line >= document.line && line <= document.endLine;
}

function isFailed({ diagnostics }: TestCase): boolean {
  return diagnostics.some(({ severity }) => severity === 'error');
}

function renderSuite(file: string, cases: readonly TestCase[]): readonly string[] {
  return [
    `  <testsuite name=${attribute(file)} tests="${cases.length}" failures="${cases.filter(isFailed).length}">`,
    ...cases.flatMap(renderCase),
    '  </testsuite>',
  ];
}

function renderCase({ file, name, line, diagnostics }: TestCase): readonly string[] {
  const open = `    <testcase classname=${attribute(file)} name=${attribute(name)} file=${attribute(file)} line="${line}"`;
  if (diagnostics.length === 0) return [`${open}/>`];
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  const warnings = diagnostics.filter(({ severity }) => severity === 'warning');
  return [
    `${open}>`,
    ...errors.map(
      (error) =>
        `      <failure type="${error.code}" message=${attribute(error.message)}>${escape(sentence(error))}</failure>`,
    ),
    ...(warnings.length === 0 ? [] : [`      <system-out>${escape(warnings.map(sentence).join('\n'))}</system-out>`]),
    '    </testcase>',
  ];
}

function sentence({ file, line, column, severity, code, message, hint }: Diagnostic): string {
  return `${file}:${line}:${column} ${severity} ${code}: ${message}${hint === undefined ? '' : `; ${hint}`}`;
}

function attribute(text: string): string {
  return `"${escape(text)}"`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** XML 1.0 has no way to write most control characters. */
function escape(text: string): string {
  return (
    text
      // oxlint-disable-next-line no-control-regex
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '·')
      .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
  );
}
