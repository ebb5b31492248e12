"""The SQL of what writes a ledger and of its standings; values always go in as parameters.

What reads a ledger for another purpose has its own beside it. All of it is built from constants.
"""

from __future__ import annotations

from zbatch.ledger import rows

ITEM_ID = "(SELECT id FROM item WHERE account_id = ? AND target_date = ? AND revision = ?)"
NEWEST = "SELECT value FROM meta WHERE name = 'newest'"
UPDATE_NEWEST = (
    "INSERT INTO meta (name, value) VALUES ('newest', ?1)"
    " ON CONFLICT (name) DO UPDATE SET value = max(value, ?1)"
)
# A ledger is of the tenant that its first call went to; of none, if no token had named that.
HOME = (
    "SELECT name, value FROM meta WHERE name IN ('tenant', 'entity')"
    " AND EXISTS (SELECT 1 FROM attempt)"
)
FORGET_HOME = (
    "DELETE FROM meta WHERE name IN ('tenant', 'entity') AND NOT EXISTS (SELECT 1 FROM attempt)"
)
KEEP_HOME = "INSERT INTO meta (name, value) SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM attempt)"
LOOKED = "SELECT value FROM meta WHERE name = 'looked ' || ?"
UPDATE_LOOKED = (
    "INSERT INTO meta (name, value) VALUES ('looked ' || ?1, ?2)"
    " ON CONFLICT (name) DO UPDATE SET value = ?2"
)
INSERT_ITEM = (
    f"INSERT INTO item ({rows.ITEM_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (account_id, target_date, revision) DO UPDATE SET"
    " invoice_date = excluded.invoice_date, one_time = excluded.one_time,"
    " recurring = excluded.recurring, usage = excluded.usage, reason = excluded.reason,"
    " account_number = excluded.account_number, source_file = excluded.source_file,"
    " source_line = excluded.source_line, source_column = excluded.source_column"
    " WHERE outcome IS NULL AND NOT EXISTS (SELECT 1 FROM call_item WHERE item_id = item.id)"
)
INSERT_RUN = (
    "INSERT INTO run (id, spec_name, spec_file, spec_digest, plan_digest, settle, started_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
# Runs in their order, by the second that their IDs begin with: where the clock was set back between
# two, that goes on.
RUN_ORDER = "substr(id, 1, 16), started_at, id"
RUNS_OF_PLAN = f"SELECT id FROM run WHERE plan_digest = ? ORDER BY {RUN_ORDER}"
FINISH_RUN = "UPDATE run SET finished_at = ?, exit_code = ? WHERE id = ?"
ID_OF_KEY = "SELECT id FROM call WHERE key = ?"
NEXT_CALL_ID = "SELECT coalesce(max(id), 0) + 1 FROM call"
INSERT_CALL = "INSERT INTO call (id, key, generation, wire) VALUES (?, ?, ?, ?)"
INSERT_CALL_ITEM = (
    "INSERT INTO call_item (call_id, position, item_id, state) VALUES (?, ?, (SELECT id FROM item"
    " WHERE account_id = ? AND target_date = ? AND revision = ? AND invoice_id IS NULL), 'live')"
)
# The same for the items of a call that have one date and revision, by their places in it.
INSERT_CALL_ITEMS = (
    "INSERT INTO call_item (call_id, position, item_id, state)"
    " SELECT ?, CAST(planned.key AS INTEGER), item.id, 'live'"
    " FROM json_each(?) AS planned CROSS JOIN item ON account_id = planned.value"
    " AND target_date = ? AND revision = ? WHERE invoice_id IS NULL"
)
# A new key: the item takes the payload that is sent and loses the outcome that is tried again.
# An item that has an invoice gets no new key, whoever asks.
OPEN_ITEM = (
    f"UPDATE item SET ({rows.PAYLOAD_COLUMNS}) = (?, ?, ?, ?), outcome = NULL,"
    " error_code = NULL, error_message = NULL"
    " WHERE account_id = ? AND target_date = ? AND revision = ? AND invoice_id IS NULL"
)
# The same where the key is sent again: an attempt that never left gave the item its outcome back.
OPEN_ITEM_AGAIN = (
    f"{OPEN_ITEM} AND id IN (SELECT item_id FROM call_item WHERE call_id = ? AND state = 'live')"
)
# The outcome that was to be tried again, and the payload that it was for; the rest is as it was.
RESTORE_ITEM = (
    f"UPDATE item SET ({rows.PAYLOAD_COLUMNS}) = (?, ?, ?, ?), outcome = ?,"
    " error_code = ?, error_message = ?"
    " WHERE account_id = ? AND target_date = ? AND revision = ? AND invoice_id IS NULL"
)
# A key of which it is proved that no send under it left makes way for the item's next one.
GIVE_UP_KEY = (
    "UPDATE call_item SET state = 'settled',"
    " evidence = 'never left, and the next key takes its place'"
    f" WHERE item_id = {ITEM_ID} AND state = 'live' AND NOT EXISTS (SELECT 1 FROM attempt"
    " WHERE attempt.call_id = call_item.call_id AND attempt.sent)"
)
INSERT_ATTEMPT = (
    f"INSERT INTO attempt (call_id, run_id, {rows.ATTEMPT_COLUMNS})"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (call_id, number) DO UPDATE SET started_at = excluded.started_at,"
    " server_date = excluded.server_date WHERE answer IS NULL"
)
UPDATE_ATTEMPT = (
    "UPDATE attempt SET started_at = ?, track_id = ?, answer = ?, sent = ?, finished_at = ?,"
    " server_date = ?, http_status = ?, request_id = ?, token = ?, error_code = ?,"
    " error_message = ? WHERE call_id = ? AND number = ?"
)
UPDATE_CALL_ITEM = (
    "UPDATE call_item SET state = ?, evidence = ?, if_absent = coalesce(?, if_absent)"
    " WHERE call_id = ? AND position = ? AND state <> 'settled'"
)
# The same for all items of a call.
UPDATE_CALL_ITEMS = (
    "UPDATE call_item SET state = ?, evidence = ?, if_absent = coalesce(?, if_absent)"
    " WHERE call_id = ? AND state <> 'settled'"
)
UPDATE_ITEM = (
    f"UPDATE item SET ({rows.RECORD_COLUMNS}) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?),"
    " invoices = NULL"
    " WHERE account_id = ? AND target_date = ? AND revision = ?"
    " AND outcome IS NOT 'invoiced'"
)
# What its own row said of an item whose key it has burnt: no outcome, and none stands beside it.
NOTE_WORD = (
    "UPDATE item SET error_code = ?, error_message = ?"
    " WHERE account_id = ? AND target_date = ? AND revision = ? AND outcome IS NULL"
)
# What somebody else has billed has the payload that was asked for then: none of ours was billed.
TAKE_PAYLOAD = (
    f"UPDATE item SET ({rows.PAYLOAD_COLUMNS}) = (?, ?, ?, ?)"
    " WHERE account_id = ? AND target_date = ? AND revision = ? AND invoice_id IS NULL"
)
REOPEN_ITEM = (
    "UPDATE item SET outcome = NULL, invoice_id = NULL, invoice_ids = '[]', error_code = NULL,"
    " error_message = NULL, invoices = NULL"
    " WHERE account_id = ? AND target_date = ? AND revision = ? AND outcome = 'already_invoiced'"
)
# What the tenant shows of the invoices of an item; it changes nothing of its outcome.
DETAIL_ITEM = (
    "UPDATE item SET invoice_ids = ?, invoices = ?"
    " WHERE account_id = ? AND target_date = ? AND revision = ? AND invoice_id = ?"
)
SETTLE_BY_QUESTION = (
    "UPDATE call_item SET state = ?, evidence = ?, if_absent = coalesce(?, if_absent)"
    f" WHERE call_id = ? AND item_id = {ITEM_ID} AND state <> 'settled'"
)
UPDATE_BASELINE = (
    "UPDATE item SET baseline = ? WHERE account_id = ? AND target_date = ? AND revision = ?"
)
ITEMS_WITH_OPEN_KEYS = (
    "SELECT * FROM item WHERE id IN (SELECT item_id FROM call_item WHERE state <> 'settled')"
    " ORDER BY account_id, target_date, revision"
)
RUNS_WITH_OPEN_KEYS = (
    "SELECT DISTINCT run.id FROM call_item JOIN attempt ON attempt.call_id = call_item.call_id"
    " JOIN run ON run.id = attempt.run_id WHERE call_item.state <> 'settled'"
    " ORDER BY run.started_at DESC, run.id DESC"
)
# Lists of values go in as one JSON array, accounts by position as one JSON object.
_LISTED = "(SELECT value FROM json_each(?))"
ITEMS_OF_ACCOUNTS = (
    f"SELECT * FROM item WHERE account_id IN {_LISTED} ORDER BY account_id, target_date, revision"
)
OUTCOMES_OF_ACCOUNTS = (
    f"SELECT account_id, target_date, revision, {rows.RECORD_COLUMNS}, invoices FROM item"
    f" WHERE account_id IN {_LISTED} AND outcome IS NOT NULL"
)
TOUCHED_OF_ACCOUNTS = (
    f"SELECT EXISTS (SELECT 1 FROM item WHERE account_id IN {_LISTED}"
    " AND (coalesce(outcome, invoice_id, baseline, rests_until) IS NOT NULL"
    " OR EXISTS (SELECT 1 FROM call_item WHERE item_id = item.id)))"
)
KEYS_OF_ACCOUNTS = (
    "SELECT call_item.item_id, call.id, call.generation, call_item.state, call_item.if_absent,"
    " (SELECT count(*) FROM attempt WHERE call_id = call.id AND sent) AS attempts"
    " FROM item JOIN call_item ON call_item.item_id = item.id"
    f" JOIN call ON call.id = call_item.call_id WHERE item.account_id IN {_LISTED}"
    " ORDER BY call.id"
)
CALLS = (
    "SELECT call.*, (SELECT coalesce(max(run.settle), 0) FROM attempt"
    " JOIN run ON run.id = attempt.run_id WHERE attempt.call_id = call.id) AS settle"
    f" FROM call WHERE id IN {_LISTED}"
)
ITEMS_OF_CALLS = (
    "SELECT item.*, call_item.call_id, call_item.state AS key_state,"
    " call_item.if_absent AS key_if_absent"
    " FROM call_item JOIN item ON item.id = call_item.item_id"
    f" WHERE call_item.call_id IN {_LISTED} ORDER BY call_item.call_id, call_item.position"
)
# These answers prove that a send did not bill by itself: it was turned away before; so do rows
# without success. A 409 proves that another send under its key is at work, perhaps an unnoted one.
TURNED_AWAY = "('throttled', 'unauthorized', 'refused', 'misdirected')"
MAY_HAVE_BILLED = (
    "SELECT item.account_id, item.target_date, item.revision, count(*) AS sends,"
    " min(attempt.started_at) AS since FROM item"
    " JOIN call_item ON call_item.item_id = item.id JOIN call ON call.id = call_item.call_id"
    " JOIN attempt ON attempt.call_id = call.id"
    " WHERE attempt.sent AND item.account_id IN (SELECT value FROM json_each(?))"
    " AND (attempt.answer IS NULL OR CASE attempt.answer WHEN 'rows'"
    " THEN call_item.if_absent IS NOT NULL OR call.key = item.idempotency_key"
    f" ELSE attempt.answer NOT IN {TURNED_AWAY} END)"
    " GROUP BY item.id"
)
MAY_HAVE_BILLED_SINCE = (
    "SELECT min(attempt.started_at) FROM call JOIN attempt ON attempt.call_id = call.id"
    " WHERE call.key = ? AND attempt.sent"
    f" AND (attempt.answer IS NULL OR attempt.answer NOT IN {TURNED_AWAY})"
)
ATTEMPTS_OF_CALLS = f"SELECT * FROM attempt WHERE call_id IN {_LISTED} ORDER BY call_id, number"
REST_ITEM = (
    "UPDATE item SET rests_until = ? WHERE account_id = ? AND target_date = ? AND revision = ?"
)
_BATCH = (
    " FROM json_each(?) AS planned CROSS JOIN item ON account_id = planned.value"
    " AND target_date = ? AND revision = ?"
)
_AS_PLANNED = (
    f"outcome = 'invoiced' AND ({rows.PAYLOAD_COLUMNS}) = (?, ?, ?, ?)"
    " AND NOT EXISTS (SELECT 1 FROM call_item WHERE item_id = item.id AND state <> 'settled')"
)
INVOICED_OF_BATCH = f"SELECT count(*){_BATCH} WHERE {_AS_PLANNED}"
_LIST_BATCH = (
    "INSERT INTO run_item (run_id, ordinal, item_id)"
    f" SELECT ?, CAST(planned.key AS INTEGER), item.id{_BATCH}"
)
INSERT_SETTLED_OF_BATCH = f"{_LIST_BATCH} WHERE outcome IS NOT NULL"
INSERT_BATCH = f"{_LIST_BATCH} WHERE true ON CONFLICT (run_id, ordinal) DO NOTHING"
# What an earlier run has listed, in its order: read in a row, where accounts are found one by one.
_IN_A_ROW = (
    "SELECT group_concat(account_id, '') FROM (SELECT account_id FROM run_item"
    " JOIN item ON item.id = item_id WHERE run_id = ? AND ordinal >= ? AND ordinal < ?"
    " AND target_date = ? AND revision = ?"
)
INVOICED_IN_A_ROW = f"{_IN_A_ROW} AND {_AS_PLANNED} ORDER BY ordinal)"
SETTLED_IN_A_ROW = f"{_IN_A_ROW} AND outcome IS NOT NULL ORDER BY ordinal)"
SETTLED_BY = (
    "SELECT settled_by FROM run_item JOIN item ON item.id = item_id"
    " WHERE run_id = ? AND ordinal >= ? AND ordinal < ? AND settled_by IS NOT NULL"
    " GROUP BY settled_by ORDER BY min(ordinal)"
)
COPY_RUN_ITEMS = (
    "INSERT INTO run_item (run_id, ordinal, item_id) SELECT ?, ordinal, item_id FROM run_item"
    " WHERE run_id = ? AND ordinal >= ? AND ordinal < ?"
)
