"""The tables of the ledger, and the steps from one version of them to the next."""

from __future__ import annotations

import sqlite3

from zbatch.errors import CannotStart

APPLICATION_ID = 0x7A626C67  # "zblg": tells a ledger from any other SQLite file

# run, run_item and attempt.run_id tell auditors which run planned what, and which one sent it; what
# tells of a run afterwards reads them too. A run asks them how long a key in doubt has to rest, and
# whether the same plan was listed before, since then it can read that in a row.
_FORMAT_1 = """
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
    id          TEXT PRIMARY KEY,
    spec_name   TEXT NOT NULL,
    spec_file   TEXT NOT NULL,
    spec_digest TEXT NOT NULL,
    plan_digest TEXT NOT NULL,
    started_at  TEXT NOT NULL,
    finished_at TEXT,
    exit_code   INTEGER
) STRICT, WITHOUT ROWID;

-- An item is one account for one target date and revision; the rest is payload or outcome.
-- An outcome stands here only when it is settled: doubt is read from the keys.
CREATE TABLE item (
    id              INTEGER PRIMARY KEY,
    account_id      TEXT NOT NULL CHECK (length(account_id) = 32),
    target_date     TEXT NOT NULL,
    revision        INTEGER NOT NULL CHECK (revision >= 1),
    invoice_date    TEXT NOT NULL,
    one_time        INTEGER NOT NULL,
    recurring       INTEGER NOT NULL,
    usage           INTEGER NOT NULL,
    reason          TEXT,
    account_number  TEXT,
    source_file     TEXT NOT NULL,
    source_line     INTEGER NOT NULL,
    source_column   INTEGER NOT NULL,
    outcome         TEXT CHECK (outcome IN
                        ('invoiced', 'already_invoiced', 'nothing_to_bill', 'failed')),
    invoice_id      TEXT,
    invoice_ids     TEXT NOT NULL DEFAULT '[]',
    error_code      TEXT,
    error_message   TEXT,
    http_status     INTEGER,
    attempts        INTEGER NOT NULL DEFAULT 0,
    idempotency_key TEXT,
    track_id        TEXT,
    request_id      TEXT,
    started_at      TEXT,
    finished_at     TEXT,
    settled_by      TEXT REFERENCES run (id),
    UNIQUE (account_id, target_date, revision),
    CHECK (outcome IS NULL OR outcome NOT IN ('invoiced', 'already_invoiced')
           OR coalesce(length(invoice_id), 0) > 0)
) STRICT;

CREATE TABLE run_item (
    run_id  TEXT NOT NULL REFERENCES run (id),
    ordinal INTEGER NOT NULL,
    item_id INTEGER NOT NULL REFERENCES item (id),
    PRIMARY KEY (run_id, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE call (
    id         INTEGER PRIMARY KEY,
    key        TEXT NOT NULL UNIQUE,
    generation INTEGER NOT NULL CHECK (generation >= 0),
    body       BLOB NOT NULL,
    wire       BLOB NOT NULL
) STRICT;

CREATE TABLE call_item (
    call_id  INTEGER NOT NULL REFERENCES call (id),
    position INTEGER NOT NULL,
    item_id  INTEGER NOT NULL REFERENCES item (id),
    state    TEXT NOT NULL CHECK (state IN ('live', 'settled', 'burnt')),
    evidence TEXT,
    PRIMARY KEY (call_id, position),
    CHECK (state = 'live' OR evidence IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- The promise itself: an item never has two keys whose effect is not known.
CREATE UNIQUE INDEX one_live_key ON call_item (item_id) WHERE state <> 'settled';
CREATE INDEX calls_of_item ON call_item (item_id, call_id);

CREATE TABLE attempt (
    call_id       INTEGER NOT NULL REFERENCES call (id),
    number        INTEGER NOT NULL,
    run_id        TEXT NOT NULL REFERENCES run (id),
    started_at    TEXT NOT NULL,
    track_id      TEXT NOT NULL,
    answer        TEXT,
    sent          INTEGER NOT NULL,
    finished_at   TEXT,
    server_date   TEXT,
    http_status   INTEGER,
    request_id    TEXT,
    token         INTEGER,
    error_code    TEXT,
    error_message TEXT,
    PRIMARY KEY (call_id, number)
) STRICT, WITHOUT ROWID;
"""

# What questions are held against. Format 1 asked none: its keys have no baseline, and what follows
# once a burnt one turns out to have created nothing is read from why it was burnt.
_TO_FORMAT_2 = """
ALTER TABLE run ADD COLUMN settle REAL NOT NULL DEFAULT 3600.0;
ALTER TABLE item ADD COLUMN baseline TEXT;
ALTER TABLE item ADD COLUMN rests_until TEXT;
ALTER TABLE call DROP COLUMN body;

CREATE TABLE new_call_item (
    call_id  INTEGER NOT NULL REFERENCES call (id),
    position INTEGER NOT NULL,
    item_id  INTEGER NOT NULL REFERENCES item (id),
    state    TEXT NOT NULL CHECK (state IN ('live', 'settled', 'burnt')),
    evidence TEXT,
    if_absent TEXT CHECK (if_absent IN
                  ('renew', 'renew_twice', 'failed', 'nothing_to_bill')),
    PRIMARY KEY (call_id, position),
    CHECK (state = 'live' OR evidence IS NOT NULL),
    CHECK (state <> 'burnt' OR if_absent IS NOT NULL)
) STRICT, WITHOUT ROWID;
INSERT INTO new_call_item
    SELECT call_id, position, item_id, state, evidence,
           CASE WHEN state <> 'burnt' THEN NULL
                WHEN evidence LIKE 'row: TRANSACTION_TERMINATED,%' THEN 'failed'
                WHEN evidence LIKE 'row: %' THEN 'renew_twice'
                ELSE 'renew' END
    FROM call_item;
DROP TABLE call_item;
ALTER TABLE new_call_item RENAME TO call_item;
CREATE UNIQUE INDEX one_live_key ON call_item (item_id) WHERE state <> 'settled';
CREATE INDEX calls_of_item ON call_item (item_id, call_id);
"""

# What the tenant has shown of an item's invoices once it was settled. Format 2 did not ask.
_TO_FORMAT_3 = """
ALTER TABLE item ADD COLUMN invoices TEXT;
"""

STEPS = (_FORMAT_1, _TO_FORMAT_2, _TO_FORMAT_3)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables to this version, in one transaction.

    Raises `CannotStart` for a ledger that a later version of zbatch has written, and for a file
    that is no ledger: neither is touched.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and application != APPLICATION_ID:
        raise CannotStart("the file in the ledger's place is not a zbatch ledger")
    if version > len(STEPS):
        raise CannotStart(
            f"the ledger has format {version}, this zbatch knows formats up to {len(STEPS)}:"
            " use the version of zbatch that wrote it, or a later one"
        )
    if version == len(STEPS):
        return
    script = "".join(STEPS[_steps_done(connection, version) :])
    connection.executescript(
        f"BEGIN IMMEDIATE;\n{script}\n"
        f"PRAGMA application_id = {APPLICATION_ID};\n"
        f"PRAGMA user_version = {len(STEPS)};\nCOMMIT;"
    )


def _steps_done(connection: sqlite3.Connection, version: int) -> int:
    """Tell the format of the tables: what is now format 2 was first written as another 1."""
    columns = {row[1] for row in connection.execute("PRAGMA table_info (call)")}
    return 2 if version == 1 and "body" not in columns else version
