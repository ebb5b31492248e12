"""The tables of the tenant's file."""

from __future__ import annotations

import sqlite3

VERSION = 4

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
    appended integer not null,
    arrival integer
);
create index billing_by_account on billing (account_id);
create index billing_by_invoice on billing (invoice_id);
create table cursors (
    id text primary key,
    made_at real not null,
    fields text not null,
    found text not null
) without rowid;
"""

_MONEY = """
alter table invoices add column currency text not null default 'USD';
alter table invoices add column tax_status text;
alter table invoices add column tax_message text;
alter table invoices add column paid integer not null default 0;
create table items (
    n integer primary key autoincrement,
    id text not null unique,
    invoice_id text not null,
    charge text not null,
    cents integer not null,
    at real not null
);
create index items_by_invoice on items (invoice_id);
"""

# What an older release billed had no items; it gets one for each time that it was billed.
_FROM_3 = """
insert into items (id, invoice_id, charge, cents, at)
select lower(hex(randomblob(16))), id, 'Subscription', cents, created_at from invoices order by n;
insert into items (id, invoice_id, charge, cents, at)
select lower(hex(randomblob(16))), invoice_id, 'Subscription', cents, at from billing
where appended and invoice_id in (select id from invoices) order by n;
"""

_HISTORY = """
create table arrivals (
    n integer primary key autoincrement,
    arrived_at real not null,
    peer text not null,
    method text not null,
    path text not null,
    key text,
    entity text,
    track_id text,
    request_id text not null,
    content blob,
    readable integer not null,
    body_hash blob not null
);
create table replies (
    n integer primary key autoincrement,
    arrival integer not null references arrivals (n),
    at real not null,
    status integer not null,
    body blob,
    delivery text not null,
    note text not null
);
create index replies_by_arrival on replies (arrival);
"""

# A request that was cut off has two lines in a history of format 2, under one request ID.
_FROM_2 = """
alter table billing add column arrival integer;
insert into arrivals (n, arrived_at, peer, method, path, key, track_id, request_id, readable,
    body_hash)
select min(n), arrived_at, peer, method, path, key, track_id, request_id, 1,
    case when path like '/v1/%' then body_hash else x'' end
from history group by request_id order by min(n);
insert into replies (n, arrival, at, status, delivery, note)
select h.n, a.n, h.finished_at, h.status, '', h.note
from history h join arrivals a on a.request_id = h.request_id;
drop table history;
"""


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables where there are none, and bring those of formats 2 and 3 up to date.

    Raises `DatabaseError` for those of another format.
    """
    if _version(connection) == VERSION:
        return
    connection.execute("begin immediate")  # two may open an older file at once
    try:
        version = _version(connection)
        if version == 0:
            _run(connection, SCHEMA + _HISTORY + _MONEY)
        elif version == 2:
            _run(connection, _HISTORY + _FROM_2 + _MONEY + _FROM_3)
        elif version == 3:
            _run(connection, _MONEY + _FROM_3)
        elif version != VERSION:
            message = f"format {version}, and this release reads {VERSION}"
            raise sqlite3.DatabaseError(message)
        connection.execute(f"pragma user_version = {VERSION}")
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("pragma user_version").fetchone()
    return int(version)


def _run(connection: sqlite3.Connection, script: str) -> None:
    """Run statements within the transaction, which `executescript` would commit first."""
    for statement in script.split(";"):
        connection.execute(statement)
