import type { RawNotation, SignaturePacket } from 'openpgp';

/** A signature says which object it is of: signed content under another name would else pass, a history of another timeline say. */
const NAME = 'object@hoard';

export const objectNotation = (object: string): RawNotation => ({
  name: NAME,
  value: Buffer.from(object),
  humanReadable: true,
  critical: false,
});

/** Which object a signature is of; undefined where it does not say. */
export function objectOf({ rawNotations }: SignaturePacket): string | undefined {
  const found = rawNotations.find(({ name }) => name === NAME);
  return found && Buffer.from(found.value).toString('utf8');
}
