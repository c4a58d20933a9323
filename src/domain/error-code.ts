/** The code of an error of Node, for example `ENOENT`; undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

// EDQUOT of Linux and of macOS: libuv has no name for it.
const NO_SPACE: ReadonlySet<string | undefined> = new Set([
  'ENOSPC',
  'EDQUOT',
  'Unknown system error -122',
  'Unknown system error -69',
]);

/** The disk is full, or a quota is used up. */
export const isOutOfSpace = (error: unknown): boolean => NO_SPACE.has(errorCode(error));
