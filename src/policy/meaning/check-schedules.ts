import { everFires, parseCron } from '../../domain/cron.ts';
import { isFailure } from '../../domain/failure.ts';
import { validTimeZone } from '../../domain/schedule.ts';
import type { Report } from '../finding.ts';
import { nearest } from '../nearest.ts';
import type { Path, PolicyDocument } from '../structure/policy-document.ts';
import { quote } from '../structure/wording.ts';
import { ofKind, type PolicySet, reportAt } from './policy-set.ts';
import { textAt } from './values.ts';

/** Cron expressions that can be read and fire, in time zones that exist. */
export function checkSchedules(set: PolicySet, report: Report): void {
  for (const policy of ofKind(set, 'Policy')) checkSchedule(policy, ['spec', 'backup', 'schedule'], report);
  for (const target of ofKind(set, 'RestoreTarget')) checkSchedule(target, ['spec', 'schedule'], report);
}

function checkSchedule(document: PolicyDocument, path: Path, report: Report): void {
  const cron = textAt(document, [...path, 'cron']);
  if (cron !== undefined && cron !== '') checkCron(document, [...path, 'cron'], cron, report);
  const zone = textAt(document, [...path, 'timeZone']);
  if (zone === undefined || zone === '' || validTimeZone(zone)) return;
  const meant = nearest(zone, Intl.supportedValuesOf('timeZone'));
  reportAt(report, document, [...path, 'timeZone'], 'HRD024', {
    message: `there is no time zone ${quote(zone)}`,
    hint:
      meant === undefined ? 'use a name of the IANA database such as Europe/Berlin, or UTC' : `did you mean ${meant}?`,
  });
}

function checkCron(document: PolicyDocument, path: Path, text: string, report: Report): void {
  try {
    if (everFires(parseCron(text))) return;
    reportAt(report, document, path, 'HRD025', {
      message: `the schedule ${quote(text)} never fires: no month that it names has such a day`,
      hint: 'correct the day of month or the month',
    });
  } catch (error) {
    if (!isFailure(error, 'value.invalid')) throw error;
    const { message, hint } = error;
    reportAt(report, document, path, 'HRD024', hint === undefined ? { message } : { message, hint });
  }
}
