/** An error answer: https://cloud.google.com/storage/docs/json_api/v1/status-codes */
export class GcsError extends Error {
  readonly status: number;
  readonly reason: string;
  readonly location: string | undefined;

  constructor(status: number, reason: string, message: string, location?: string) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.location = location;
  }

  toJson(): unknown {
    const { status: code, message, reason, location } = this;
    const where =
      location === undefined ? {} : { locationType: location === 'fields' ? 'parameter' : 'header', location };
    return { error: { code, message, errors: [{ message, domain: 'global', reason, ...where }] } };
  }
}

export const invalid = (message: string): GcsError => new GcsError(400, 'invalid', message);
export const required = (name: string): GcsError => new GcsError(400, 'required', `Required parameter: ${name}`, name);
export const noBucket = (): GcsError => new GcsError(404, 'notFound', 'The specified bucket does not exist.');
export const noObject = (bucket: string, name: string): GcsError =>
  new GcsError(404, 'notFound', `No such object: ${bucket}/${name}`);
export const conditionNotMet = (header: string): GcsError =>
  new GcsError(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.', header);
/** For GET where an `…NotMatch` does not hold. */
export const notModified = (): GcsError => new GcsError(304, 'notModified', 'Not Modified');
