import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isMap, parseAllDocuments, visit } from 'yaml';
import { renderDiagnostics } from '../../../src/report/diagnostics.ts';
import { renderGithub } from '../../../src/report/github.ts';
import { renderJunit } from '../../../src/report/junit.ts';
import { renderSarifDocument } from '../../../src/report/sarif.ts';
import { renderValidateDocument } from '../../../src/report/validate-json.ts';
import { check, document, fleet } from './check-text.ts';

const CANARY = 'Tr0ub4dor-canary';
const PRODUCTION = readFileSync(new URL('../../../examples/production.yaml', import.meta.url), 'utf8');

/** Everything that leaves validation, in every format and with the unabridged diagnostics. */
function everythingSaidAbout(text: string): { readonly output: string; readonly codes: readonly string[] } {
  const { diagnostics, documents } = check(text);
  const output = [
    renderDiagnostics(diagnostics),
    renderDiagnostics(diagnostics, { color: true, columns: 200 }),
    renderGithub(diagnostics),
    renderJunit(diagnostics, documents),
    JSON.stringify(renderSarifDocument(diagnostics, '1.0.0')),
    JSON.stringify(renderValidateDocument({ diagnostics, documents })),
    JSON.stringify([diagnostics, documents]),
  ].join('\n');
  return { output, codes: diagnostics.map(({ code }) => code) };
}

function expectSilence(text: string): readonly string[] {
  expect(text).toContain(CANARY);
  const { output, codes } = everythingSaidAbout(text);
  expect(output).not.toContain(CANARY);
  expect(codes.length).toBeGreaterThan(0);
  return codes;
}

/** The source ranges of all secret references in production.yaml: every place where a literal could stand instead. */
function references(text: string): readonly (readonly [number, number])[] {
  const found: [number, number][] = [];
  for (const yaml of parseAllDocuments(text)) {
    visit(yaml, {
      Map(_, map) {
        const isReference = map.items.some((pair) => /^from(Env|File|Exec)$/.test(String(pair.key)));
        if (isReference && map.range) found.push([map.range[0], map.range[1]]);
      },
    });
  }
  return found;
}

const LITERALS: readonly (readonly [string, string])[] = [
  ['a plain text', CANARY],
  ['a quoted text', `"${CANARY}"`],
  ['a text in single quotes', `'${CANARY} it''s'`],
  ['a list', `[${CANARY}]`],
  ['a mapping of its own', `{ value: ${CANARY} }`],
  ['a key without a value', `{ ${CANARY} }`],
  ['a nested mapping', `{ fromEnv: { x: ${CANARY} } }`],
  ['an environment name that is none', `{ fromEnv: "${CANARY}!" }`],
  ['a command in one text', `{ fromExec: "echo ${CANARY}" }`],
  ['a misspelt reference', `{ fromEvn: ${CANARY} }`],
  ['a reference and a value', `{ fromEnv: X, value: ${CANARY} }`],
  ['a URI with a password', `postgres://u:${CANARY}@h/db`],
  ['an anchor', `&secret ${CANARY}`],
  ['a tagged text', `!!str ${CANARY}`],
];

describe('a literal secret', () => {
  const places = references(PRODUCTION);

  it('has many places to be looked for', () => {
    expect(places.length).toBeGreaterThan(14);
  });

  it.each(LITERALS)('written as %s appears nowhere, at any place', (_, literal) => {
    for (const [start, end] of places) {
      expectSilence(`${PRODUCTION.slice(0, start)}${literal} ${PRODUCTION.slice(end)}`);
    }
  });

  it('is an error of its own, pointed at without telling its length', () => {
    const line = (secret: string): string =>
      renderDiagnostics(check(document('Site', 'x', `policy: p\nconnections:\n  - uri: ${secret}`)).diagnostics);
    expect(line('hunter2')).toContain('HRD011');
    expect(line('hunter2').replace('hunter2', '')).toBe(line('a-much-longer-secret-than-the-other'));
  });

  it.each([
    ['a misspelt key', `connections: [{ host: h, passwrod: ${CANARY} }]`],
    ['an unknown key among secrets', `connections: [{ host: h, zzz: ${CANARY} }]`],
    ['an unknown mapping among secrets', `connections: [{ host: h, zzz: { a: [${CANARY}] } }]`],
    ['an unknown key without a value', `connections: [{ ${CANARY} }]`],
    ['a text for a connection', `connections: [${CANARY}]`],
    ['a text for all connections', `connections: ${CANARY}`],
    ['a libpq string', `connections: ["host=h password=${CANARY}"]`],
    ['a neighbouring line', `connections:\n  - host: h\n    password: ${CANARY}\n    prot: 1`],
    ['a block text', `connections:\n  - host: h\n    password: |\n      ${CANARY}\n      ${CANARY}\n    prot: 1`],
    ['an alias', `x: &s ${CANARY}\nconnections:\n  - host: h\n    password: *s`],
    ['an alias to a mapping', `x: &s { host: h, password: ${CANARY} }\nconnections:\n  - *s`],
    ['a key twice', `connections:\n  - host: h\n    password: ${CANARY}\n    password: ${CANARY}`],
    ['a comment', `# password: ${CANARY}\nconections: []`],
    ['a URL elsewhere', `dataDirectory: https://u:${CANARY}@h/`],
    ['a token in a query', `dataDirectory: https://h/?sig=${CANARY}`],
  ])('as %s appears nowhere', (_, spec) => {
    expectSilence(fleet({ site: document('Site', 'shop', `policy: daily\nrepositories: [vault]\n${spec}`) }));
  });

  it.each([
    ['a missing bracket', `connections: [{ host: h, password: ${CANARY} }`],
    ['a tab', `connections:\n  - host: h\n    password: ${CANARY}\n\tx: 1`],
    ['an open quote', `connections:\n  - host: h\n    password: "${CANARY}`],
    ['a broken block header', `connections:\n  - host: h\n    password: |${CANARY}\n`],
    ['a broken block', `connections:\n  - host: h\n    password: |\n      ${CANARY}\n    x: ]`],
    ['a text beside a mapping', `connections:\n  - host: h\n    password: ${CANARY}\n    password: x: ${CANARY}`],
    [
      'a private key',
      `encryption:\n  privateKey: |\n    -----BEGIN PGP PRIVATE KEY BLOCK-----\n    ${CANARY}\n    -----END PGP PRIVATE KEY BLOCK-----\n  x: ]`,
    ],
    ['a bad escape', `connections:\n  - host: h\n    password: "\\q${CANARY}"`],
    ['a tag', `connections:\n  - host: h\n    password: !${CANARY} x`],
    ['a nesting that no tree can hold', `password: ${CANARY}\n${'['.repeat(60_000)}`],
    ['nesting below a secret', `password:\n  - |\n    ${CANARY}\n${'- '.repeat(60_000)}`],
    ['an alias of nothing', `connections:\n  - host: h\n    password: *${CANARY}`],
  ])('appears nowhere in a file broken by %s', (_, spec) => {
    expectSilence(document('Site', 'shop', spec));
    expectSilence(spec);
  });

  it.each([
    ['no kind', `password: ${CANARY}\n`],
    ['an unknown kind', `kind: Thing\nspec:\n  sasToken: ${CANARY}\n  recipients: [${CANARY}]\n`],
    ['a list', `- password: ${CANARY}\n`],
  ])('appears nowhere in a document with %s', (_, text) => {
    expectSilence(text);
  });

  it('leaves references readable in frames', () => {
    const { output } = everythingSaidAbout(
      document('Site', 'x', 'policy: p\nconnections:\n  - uri: { fromEnv: ORDERS_URI }\n    solt: a'),
    );
    expect(output).toContain('uri: { fromEnv: ORDERS_URI }');
  });

  it('is searched for in the right documents', () => {
    expect(parseAllDocuments(PRODUCTION).every((yaml) => isMap(yaml.contents))).toBe(true);
  });
});
