// The layers of the program, lowest first. A file may import from its own folder and from folders before its own
// in this list; never from one after it. The list in ARCHITECTURE.md is the same.
const layers = [
  'domain',
  'policy',
  'telemetry',
  'storage',
  'codec',
  'postgres',
  'repository',
  'backup',
  'wal',
  'restore',
  'reconcile',
  'report',
  'cli',
];

const upward = layers.map((layer, index) => ({
  name: `layer-${layer}`,
  comment: `src/${layer} may import only from its own folder and: ${layers.slice(0, index).join(', ') || 'nothing'}`,
  severity: 'error',
  from: { path: `^src/${layer}/` },
  to: { path: '^src/', pathNot: `^src/(${layers.slice(0, index + 1).join('|')})/` },
}));

export default {
  forbidden: [
    ...upward,
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'domain-is-pure',
      comment: 'src/domain imports no node:* module and no package',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { pathNot: '^src/domain/' },
    },
    {
      name: 'renderers-are-pure',
      comment: 'src/report returns strings: no node:* module, no storage, no engines',
      severity: 'error',
      from: { path: '^src/report/' },
      to: { pathNot: '^src/(report|domain|policy)/' },
    },
    {
      name: 'concrete-backends-only-in-factories',
      comment: 'only the entry points and storage/open-store.ts name a concrete backend',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(main\\.ts|wal\\.ts|storage/)' },
      to: { path: '^src/storage/(local|s3|gcs|azure|swift|sftp)/' },
    },
    {
      name: 'product-needs-no-support',
      comment: 'the product never imports tests, benchmarks, examples or the servers for them',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|support|examples|scripts)/' },
    },
    {
      name: 'no-dev-dependencies-in-product',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], pathNot: 'node_modules/@types/' },
    },
    { name: 'not-to-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
