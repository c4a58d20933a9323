/** Milliseconds: no upload of hoard's takes two days, so what began before was abandoned. Below a repository's own prefix only. */
export const ABANDONED_AFTER = 2 * 24 * 60 * 60_000;
