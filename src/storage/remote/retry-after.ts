/** The cause of a failure whose server said how long to wait before the next try. */
export class RetryAfter extends Error {
  readonly milliseconds: number;

  constructor(milliseconds: number, cause?: unknown) {
    super(`the server asked to wait ${milliseconds} ms`, cause === undefined ? undefined : { cause });
    this.milliseconds = milliseconds;
  }
}
