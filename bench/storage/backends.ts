import type { BenchBackend } from './backend.ts';

/** Loaded when they are used, so that no process holds the clients of the others. */
const BACKENDS = {
  local: async () => (await import('./local.ts')).local,
  s3: async () => (await import('./s3.ts')).s3,
  azure: async () => (await import('./azure.ts')).azure,
  gcs: async () => (await import('./gcs.ts')).gcs,
  swift: async () => (await import('./swift.ts')).swift,
  sftp: async () => (await import('./sftp.ts')).sftp,
} satisfies Record<string, () => Promise<BenchBackend>>;

export const BACKEND_NAMES: readonly string[] = Object.keys(BACKENDS);

export async function loadBackend(name: string): Promise<BenchBackend> {
  const found = Object.entries(BACKENDS).find(([known]) => known === name)?.[1];
  if (found === undefined) throw new Error(`there is no backend ${name}, only ${BACKEND_NAMES.join(', ')}`);
  return found();
}
