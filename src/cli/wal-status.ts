/**
 * What a failure of a WAL command becomes for PostgreSQL.
 *
 * push: above 125, as after a signal, the archiver process itself ends, and pg_stat_archiver counts no failure; so such a status is 1.
 *
 * fetch: any status of 1 to 125 means "there is no such file". That ends an archive recovery, which promotes and loses every commit behind;
 * so whatever kept us from looking is 255, which stops the server. A standby (standby.signal) asks again, and would be stopped by 255;
 * so there it is 1.
 */
export function walFailureStatus(
  status: number,
  command: { readonly verb: string | undefined; readonly standby: boolean },
): number {
  if (status === 0) return 0;
  if (command.verb === 'push') return status > 125 ? 1 : status;
  if (command.verb === 'fetch') return command.standby ? 1 : 255;
  return status;
}
