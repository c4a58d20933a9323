import { remoteStore } from '../../src/storage/remote/remote-store.ts';
import { type Fault, MemoryDriver, type MemoryDriverOptions, type Request } from './memory-driver.ts';
import { remoteOptions } from './remote-options.ts';

type Operation = Request['operation'];

/** The faults of the first requests of each operation. */
export function scripted(
  script: Partial<Record<Operation, readonly (Fault | undefined)[]>>,
): (request: Request) => Fault | undefined {
  const left = new Map(Object.entries(script).map(([operation, faults]) => [operation, [...faults]]));
  return ({ operation }) => left.get(operation)?.shift();
}

/** A store over memory that counts its requests; tries again come at once. */
export function setup(driverOptions: MemoryDriverOptions = {}, limits?: Parameters<typeof remoteOptions>[0]) {
  const driver = new MemoryDriver(driverOptions);
  const remote = remoteOptions(limits);
  const count = (operation: Operation): number =>
    driver.requests.filter((request) => request.operation === operation).length;
  return { driver, count, store: remoteStore(driver, remote), events: remote.reporter.events };
}

export const always = (fault: Fault): readonly Fault[] => Array.from({ length: 100 }, () => fault);
