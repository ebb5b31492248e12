"""The tables of the tenant's file."""

from __future__ import annotations

import sqlite3

VERSION = 2

SCHEMA = """
create table meta (boots integer not null, look_ups integer not null);
insert into meta values (0, 0);
create table tokens (
    id integer primary key autoincrement,
    hash blob not null unique,
    issued_at real not null,
    expires_at real not null
);
create table keys (
    key text primary key,
    entity text not null,
    method text not null,
    path text not null,
    body_hash blob not null,
    set_at real not null,
    status integer not null,
    headers text not null,
    body blob not null
) without rowid;
create index keys_by_age on keys (set_at);
create table invoices (
    n integer primary key autoincrement,
    id text not null unique,
    account_id text not null,
    invoice_date text not null,
    target_date text not null,
    status text not null,
    cents integer not null,
    source text,
    created_at real not null,
    updated_at real not null,
    key text
);
create index invoices_by_account on invoices (account_id, target_date);
create table billing (
    n integer primary key autoincrement,
    at real not null,
    key text,
    account_id text not null,
    target_date text not null,
    invoice_id text not null,
    source text,
    cents integer not null,
    appended integer not null
);
create index billing_by_account on billing (account_id);
create index billing_by_invoice on billing (invoice_id);
create table cursors (
    id text primary key,
    made_at real not null,
    fields text not null,
    found text not null
) without rowid;
create table history (
    n integer primary key autoincrement,
    arrived_at real not null,
    finished_at real not null,
    peer text not null,
    method text not null,
    path text not null,
    key text,
    body_hash blob not null,
    track_id text,
    request_id text not null,
    status integer not null,
    note text not null
);
"""


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables where there are none; raises `DatabaseError` for those of another format."""
    (version,) = connection.execute("pragma user_version").fetchone()
    if version == 0:
        # executescript cannot be part of a transaction that it did not begin itself
        connection.executescript(f"begin; {SCHEMA} pragma user_version={VERSION}; commit;")
    elif version != VERSION:
        raise sqlite3.DatabaseError(f"format {version}, and this release reads {VERSION}")
