import { connect as connectSocket, type Socket } from 'node:net';
import type SftpClient from 'ssh2-sftp-client';
import type { DesiredSftp } from '../../domain/desired-storage.ts';
import { Failure } from '../../domain/failure.ts';
import { orAbort } from '../abortable.ts';
import type { StorageContext } from '../storage-context.ts';
import { connectFailure, isNoCommonHostKey } from './connect-failure.ts';
import { type Login, resolveLogin } from './credentials.ts';
import { type HostKeyRule, hostKeyRule } from './host-keys.ts';
import { brokenOff, Session } from './session.ts';

/** How long the connection, the key exchange and the login may take together. */
const CONNECT_MILLISECONDS = 20_000;
/** A server of which nothing was heard for a minute, and that does not answer a question, is gone. */
const KEEPALIVE_MILLISECONDS = 15_000;
const KEEPALIVE_COUNT = 4;

/** Makes a client of the SDK, which opening the driver has loaded. */
type NewClient = () => SftpClient;

/** One connection, made when it is first needed and again when it is lost. Requests are pipelined, so that more would bring nothing. */
export class SftpConnection {
  readonly #storage: DesiredSftp;
  readonly #context: StorageContext;
  readonly #newClient: NewClient;
  readonly #closing = new AbortController();
  #session: Session | undefined;
  #client: SftpClient | undefined;
  #connecting: Promise<Session> | undefined;

  constructor(storage: DesiredSftp, context: StorageContext, newClient: NewClient) {
    this.#storage = storage;
    this.#context = context;
    this.#newClient = newClient;
  }

  /** All callers share the attempt that is under way; none ends it for the others. */
  async session(signal: AbortSignal): Promise<Session> {
    signal.throwIfAborted();
    if (this.#session?.usable === true) return this.#session;
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return orAbort(this.#connecting, signal);
  }

  async close(): Promise<void> {
    this.#closing.abort(brokenOff('the store was closed'));
    await this.#connecting?.catch(() => undefined);
    this.#session?.lose(brokenOff('the store was closed'));
    await this.#client?.end().catch(() => undefined);
  }

  async #connect(): Promise<Session> {
    const signal = this.#closing.signal;
    const rule = await hostKeyRule(this.#storage, this.#context.environment);
    const login = await resolveLogin(this.#storage.credentials, this.#context.secrets, signal);
    let refused: unknown;
    for (const algorithms of rule.attempts) {
      signal.throwIfAborted();
      try {
        return await this.#attempt(algorithms, rule, login, signal);
      } catch (error) {
        if (!(error instanceof HostKeyRefused) && !isNoCommonHostKey(error)) throw error;
        // A server without this kind of key says less than one that shows another key than the declared one.
        if (refused === undefined || error instanceof HostKeyRefused) refused = error;
      }
    }
    throw refused instanceof HostKeyRefused ? refused.failure : refused;
  }

  async #attempt(
    serverHostKey: HostKeyRule['attempts'][number],
    rule: HostKeyRule,
    login: Login,
    signal: AbortSignal,
  ): Promise<Session> {
    const { host, port } = this.#storage;
    let refusal: Failure | undefined;
    const client = this.#newClient();
    const socket = await openSocket(host, port, signal);
    client.on('keyboard-interactive', (_name, _instructions, _language, prompts, finish) => {
      finish(Array.isArray(prompts) ? prompts.map(() => login.password ?? '') : []);
    });
    let session: Session | undefined;
    socket.once('close', () => session?.lose(brokenOff(`${host} closed the connection`)));
    const stop = (): void => void socket.destroy();
    signal.addEventListener('abort', stop, { once: true });
    try {
      const sftp = await client.connect({
        sock: socket,
        username: login.username,
        ...(login.password !== undefined && { password: login.password, tryKeyboard: true }),
        ...(login.privateKey !== undefined && { privateKey: login.privateKey }),
        ...(login.passphrase !== undefined && { passphrase: login.passphrase }),
        algorithms: { serverHostKey: [...serverHostKey] },
        hostVerifier: (key: Buffer) => {
          refusal = rule.refusal(key);
          return refusal === undefined;
        },
        readyTimeout: CONNECT_MILLISECONDS,
        keepaliveInterval: KEEPALIVE_MILLISECONDS,
        keepaliveCountMax: KEEPALIVE_COUNT,
      });
      session = new Session(sftp);
      sftp.once('close', () => session?.lose(brokenOff(`${host} closed the SFTP channel`)));
      if (socket.destroyed) throw brokenOff(`${host} closed the connection`);
      this.#client = client;
      this.#session = session;
      return session;
    } catch (error) {
      socket.destroy();
      if (refusal !== undefined) throw new HostKeyRefused(refusal);
      if (isNoCommonHostKey(error)) throw error;
      throw connectFailure(error, this.#storage);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }
}

/** Only within this file: another kind of key of the server may be the declared one. */
class HostKeyRefused extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Our own socket, as small requests must not wait for one another (Nagle's algorithm and delayed acknowledgements: 40 ms a round trip). */
async function openSocket(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const socket = connectSocket({ host, port, noDelay: true, keepAlive: true });
  // The client's own listener comes later, and goes earlier.
  socket.on('error', () => undefined);
  const timeout = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_MILLISECONDS)]);
  try {
    await orAbort(
      new Promise<void>((resolve, reject) => void socket.once('connect', resolve).once('error', reject)),
      timeout,
    );
    return socket;
  } catch (error) {
    socket.destroy();
    if (signal.aborted) throw error;
    const why = timeout.aborted ? `no connection within ${CONNECT_MILLISECONDS / 1000} seconds` : messageOf(error);
    throw new Failure('store.unavailable', {
      message: `cannot reach the SFTP server ${host} at port ${port}: ${why}`,
      hint: 'check host and port, and that the SSH server runs',
      cause: error,
    });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
