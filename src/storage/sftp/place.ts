import type { SftpConnection } from './connection.ts';
import type { SftpRoot } from './root.ts';

/** A directory on a server: what every request is about. */
export interface SftpPlace {
  readonly connection: SftpConnection;
  readonly root: SftpRoot;
  /** Whether a file can have a second name there; tried when it is first needed. */
  hardLinks(signal: AbortSignal): Promise<boolean>;
}
