/**
 * How the engines and the executor tell what they do. They never print: the entry point chooses a reporter (bars on a terminal,
 * plain lines elsewhere, a recorder in tests). Messages contain no secrets.
 */
export interface Reporter {
  report(event: ReportedEvent): void;
}

export type ReportedEvent =
  | { readonly kind: 'started'; readonly task: string; readonly title: string; readonly totalBytes: number | undefined }
  /** `doneBytes` is absolute. Sent as often as convenient; the reporter thins it out. */
  | {
      readonly kind: 'progress';
      readonly task: string;
      readonly doneBytes: number;
      readonly totalBytes: number | undefined;
      readonly detail?: string;
    }
  | { readonly kind: 'finished'; readonly task: string; readonly summary: string }
  | { readonly kind: 'failed'; readonly task: string; readonly message: string }
  /** Says what is waited for: `waiting for the lease of …`. The task may or may not have started. */
  | { readonly kind: 'waiting'; readonly task: string; readonly message: string }
  /** Something needs a person's attention; until the same `alert` comes again with `raised` false. */
  | { readonly kind: 'alert'; readonly alert: string; readonly raised: boolean; readonly message: string }
  | { readonly kind: 'note'; readonly level: 'info' | 'warning'; readonly message: string };
