import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { RejectedError } from "../../errors.ts";

const SCHEMA_VERSION = 1;
const SCHEMA = `
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY, source TEXT NOT NULL, id TEXT NOT NULL, hops INTEGER NOT NULL,
    accepted INTEGER NOT NULL, body TEXT NOT NULL, UNIQUE (source, id)) STRICT;
  CREATE INDEX events_accepted ON events (accepted);
  CREATE TABLE deliveries (
    event INTEGER NOT NULL REFERENCES events (seq) ON DELETE CASCADE, trigger TEXT NOT NULL, target TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'done', 'dead')), due INTEGER NOT NULL, attempts INTEGER NOT NULL,
    failure TEXT, PRIMARY KEY (event, trigger)) STRICT, WITHOUT ROWID;
  CREATE INDEX deliveries_due ON deliveries (target, due) WHERE state = 'pending';
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** https://www.sqlite.org/rescode.html */
const SQLITE_BUSY = 5;

const STATEMENTS = {
  find: "SELECT seq FROM events WHERE source = ? AND id = ?",
  insert: "INSERT INTO events (source, id, hops, accepted, body) VALUES (?, ?, ?, ?, ?)",
  replace: "UPDATE events SET accepted = ?, body = ? WHERE seq = ?",
  subscribe: `INSERT INTO deliveries (event, trigger, target, state, due, attempts) VALUES (?, ?, ?, 'pending', ?, 0)
    ON CONFLICT DO UPDATE SET target = excluded.target, state = 'pending', due = excluded.due, attempts = 0,
      failure = NULL WHERE state = 'dead'`,
  finish: "UPDATE deliveries SET state = ? WHERE event = ? AND trigger = ? AND state = 'pending'",
  // what is done needs its name only
  forget: `UPDATE events SET body = '' WHERE seq = ?
    AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event = ? AND state = 'pending')`,
  retry: "UPDATE deliveries SET due = ?, attempts = attempts + 1 WHERE event = ? AND trigger = ?",
  bury: "UPDATE deliveries SET target = ?, failure = ?, due = ?, attempts = 0 WHERE event = ? AND trigger = ?",
  next: `SELECT event, trigger, due, attempts, failure FROM deliveries
    WHERE target = ? AND state = 'pending' ORDER BY due, event LIMIT ?`,
  read: "SELECT hops, body FROM events WHERE seq = ?",
  oldest: "SELECT MIN(accepted) AS accepted FROM deliveries JOIN events ON seq = event WHERE state = 'pending'",
  hasPending: `SELECT 1 FROM deliveries JOIN events ON seq = event WHERE source = ? AND state = 'pending' LIMIT 1`,
  waiting: "SELECT DISTINCT trigger, failure IS NOT NULL AS burying FROM deliveries WHERE state = 'pending'",
  redirect: `UPDATE deliveries SET target = ? WHERE state = 'pending' AND trigger = ? AND (failure IS NOT NULL) = ?`,
  abandon: `UPDATE deliveries SET state = 'dead' WHERE state = 'pending' AND trigger = ? AND (failure IS NOT NULL) = ?`,
  bytes: `SELECT (page_count - freelist_count) * page_size AS bytes
    FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()`,
  count: "SELECT COUNT(*) AS pending FROM deliveries WHERE state = 'pending'",
  prune: `DELETE FROM events
    WHERE (accepted < ? OR seq <= (SELECT MAX(seq) FROM events) - ?)
      AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event = seq AND state = 'pending')`,
} as const;

export type Statements = Readonly<Record<keyof typeof STATEMENTS, StatementSync>>;

/**
 * Open the journal's database, or make it, and lock it for this process.
 *
 * @throws RejectedError DATA_IN_USE, JOURNAL_INVALID
 */
export function openDatabase(directory: string): { readonly database: DatabaseSync; readonly statements: Statements } {
  const path = join(directory, "journal.sqlite");
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(directory, { recursive: true });
    database = new DatabaseSync(path);
    // https://www.sqlite.org/pragma.html#pragma_locking_mode: the lock is taken by the first access and dies with us
    database.exec(
      "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN EXCLUSIVE",
    );
    const version = database.prepare("PRAGMA user_version").get()?.["user_version"];
    if (version === 0) database.exec(SCHEMA);
    else if (version !== SCHEMA_VERSION) {
      throw new RejectedError("JOURNAL_INVALID", `Cannot use "${path}": it was written by another version of stowage`);
    }
    database.exec("COMMIT");
    return { database, statements: prepare(database) };
  } catch (error) {
    if (database?.isOpen) database.close();
    if (error instanceof RejectedError) throw error;
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) {
      throw new RejectedError("DATA_IN_USE", `Cannot use "${directory}": another process works in it`, {
        cause: error,
      });
    }
    throw new RejectedError("JOURNAL_INVALID", `Cannot use "${path}": ${(error as Error).message}`, { cause: error });
  }
}

function prepare(database: DatabaseSync): Statements {
  const prepared = Object.entries(STATEMENTS).map(([name, sql]) => [name, database.prepare(sql)]);
  return Object.fromEntries(prepared) as Record<keyof typeof STATEMENTS, StatementSync>;
}
