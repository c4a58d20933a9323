/** keystone.conf: SQLite and key folders below `folder`. Three key repositories are needed, the third only for what a user stores as credentials. */
export function keystoneConfiguration(folder: string, tokenSeconds: number): string {
  const keys = (name: string): string => `key_repository = ${folder}/keys/${name}`;
  return `${[
    '[DEFAULT]',
    'use_stderr = true',
    '[database]',
    `connection = sqlite:///${folder}/keystone.db`,
    '[token]',
    'provider = fernet',
    `expiration = ${tokenSeconds}`,
    // Otherwise a token that has expired is still good for the 48 hours that a request of a service may take.
    'allow_expired_window = 0',
    '[fernet_tokens]',
    keys('tokens'),
    '[fernet_receipts]',
    keys('receipts'),
    '[credential]',
    keys('credentials'),
    '[identity]',
    // The lowest that bcrypt has: the default of 12 takes a quarter of a second of a core for each login.
    'password_hash_rounds = 4',
    // What bcrypt takes; with the default it warns at each login.
    'max_password_length = 72',
    '[oslo_policy]',
    'policy_dirs = /nonexistent',
  ].join('\n')}\n`;
}

/**
 * Serves Keystone's own WSGI application, one request at a time and one to a connection. The write-ahead log is what lets it read in one
 * session and write in another: without it a POST fails with "database is locked".
 */
export const keystoneServer = (folder: string, port: number): string =>
  `${[
    'import sqlite3, sys',
    'from wsgiref.simple_server import WSGIRequestHandler, make_server',
    `sqlite3.connect('${folder}/keystone.db').execute('PRAGMA journal_mode=wal')`,
    `sys.argv[1:] = ['--config-file', '${folder}/keystone.conf']`,
    'from keystone.server.wsgi import initialize_public_application',
    `make_server('127.0.0.1', ${port}, initialize_public_application()).serve_forever()`,
  ].join('\n')}\n`;
