"""Judge a history: purely, by what must hold whatever a run has decided; zbatch is not asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from support.casebook import Casebook, name_of
from support.checker_of_endings import kept, sent, totals
from support.checker_of_limits import pressure, windows
from support.evidence import GENERATE, Arrival, Evidence, Item, Line, Run

GOOD = ("invoiced", "already_invoiced")
ABSENT = ("nothing_to_bill", "failed", "not_attempted")


def check(evidence: Evidence) -> list[str]:
    """Return what does not hold, a sentence each; nothing where everything does."""
    book = Casebook(evidence)
    return [wrong for rule in RULES for wrong in rule(book)]


def _billed_twice(book: Casebook) -> Iterator[str]:
    """Nobody is billed by us who was in no plan, or whom we could see to be billed already."""
    yield from (f"{name_of(item)} was billed unplanned" for item in book.unplanned())
    for item, found in book.made.items():
        ours = [(n, b) for n, b in enumerate(found) if b.key or n == 0]
        seen = [b for n, b in ours if not n or not all(book.unseen(a, b) for a in found[:n])]
        if len(seen) > book.all.allowed.get(item, 1):
            yield f"{name_of(item)} was billed {len(found)} times"


def _invoices(book: Casebook) -> Iterator[str]:
    """What is reported as invoiced is there, of this account and date, and made by our call."""
    for run, item, line in book.lines():
        if reason := _untrue(book, run, item, line):
            yield f"{name_of(item)} is told {line['outcome']} {reason}"


def _untrue(book: Casebook, run: Run, item: Item, line: Line) -> str | None:
    good, code = line["outcome"] in GOOD, (line["error"] or {}).get("code")
    if line["success"] != good or (good and not line["invoice_id"]):
        return f"with {line['success']}, {line['invoice_id']}"
    for invoice_id in line["invoice_ids"] if good else ():
        there = book.invoices.get(invoice_id)
        if there is None or there.account != item[0]:
            return f"by {invoice_id}: the account has no such"
        if there.target != item[1] and code != "ACCEPTED" and invoice_id not in book.raised(item):
            return f"by {invoice_id}, of {there.target}"
    ours = line["outcome"] != "invoiced" or code or line["invoice_id"] in book.mine(run, item)
    return None if ours else f"by {line['invoice_id']}, by none of our calls"


def _of_one_call(book: Casebook) -> Iterator[str]:
    """Several invoices are told as one item's only where one of our calls has made them all.

    What two hosts made in the same moment nobody can tell apart.
    """
    for _, item, line in book.lines():
        ids = line["invoice_ids"] if line["outcome"] == "invoiced" else ()
        there = [book.invoices[one] for one in ids if one in book.invoices]
        made = {one.made for one in there}
        when = [one[1] for one in made if one and one[0]]
        took = (line.get("duration_ms") or 0) / 1000 + 2.0  # a tenant may tell whole seconds
        if len(there) > 1 and (len(when) < len(made) or max(when) - min(when) > took):
            yield f"{name_of(item)} is told {len(there)} invoices that no one call of ours made"
        told = line.get("invoices")
        if told is not None and [one["id"] for one in told] != list(line["invoice_ids"]):
            yield f"{name_of(item)} tells of other invoices than those that it names"


def _absences(book: Casebook) -> Iterator[str]:
    """What is told as not billed was not billed by anybody, as far as one could tell."""
    for run, item, line in book.lines():
        if line["outcome"] == "nothing_to_bill" and item[0] in book.left_out:
            yield f"{name_of(item)} is told nothing_to_bill, and is due"
        if line["outcome"] not in ABSENT:
            continue
        asked = book.asked(run, line) - book.all.lag
        for one in book.made[item]:
            ledger, since = book.sender(one)
            seen = one.at <= asked and not one.appended and line["outcome"] != "not_attempted"
            if since <= run.ended if ledger == run.ledger else seen:
                yield f"{name_of(item)} is told {line['outcome']}, with {one.invoice} behind it"


def _keys(book: Casebook) -> Iterator[str]:
    """A key follows from what is billed, and is on generates alone, with the ledger's one body."""
    for item, keys in ((item, keys) for item, keys in book.alike() if len(keys) > 1):
        yield f"{name_of(item)} has {len(keys)} keys for the same bytes"
    content: dict[str, bytes] = {}
    for one in book.all.arrivals:
        if (one.path == GENERATE) != (one.key is not None):
            yield f"a request to {one.path} came with the key {one.key}"
        elif one.key and content.setdefault(one.key, one.content) != one.content:
            yield f"the key {one.key} came with two bodies"
        elif one.key and any(key.content != one.content for key in book.held[one.key]):
            yield f"the key {one.key} came with other bytes than the ledger holds"


def _intents(book: Casebook) -> Iterator[str]:
    for one in book.calls:
        attempt, _ = book.intents.get(one.track or "", (None, None))
        if attempt is None or one.key not in (None, attempt.key):
            yield f"{one.track} under {one.key} arrived, and no ledger holds the intent"
        elif attempt.durable is not None and attempt.durable > one.at:
            yield f"{one.track} arrived {attempt.durable - one.at:.3f} s before it was durable"


def _live_keys(book: Casebook) -> Iterator[str]:
    """No key arrives before its ledger holds all lower ones of its items as settled."""
    for call, ledger, keys in book.sent():
        for item, generation in {key.item: key.generation for key in keys}.items():
            for key in book.keys[ledger.name][item]:
                unsettled = key.state != "settled" or (key.settled or call.at) > call.at
                if key.generation < generation and unsettled:
                    yield f"{name_of(item)}: key {generation} came beside {key.generation}"
                elif key.key != call.key and key.generation == generation:
                    yield f"{name_of(item)} has two keys of generation {generation}"


def _order(book: Casebook) -> Iterator[str]:
    """No ledger bills an account but date after date, and by one call at a time."""
    latest: dict[tuple[str, str], str] = {}
    for one in book.ours:
        mine = (book.sender(one)[0], one.account)
        if one.target < latest.get(mine, "") and book.item(one)[2] == 1:
            yield f"{one.account} was billed for {one.target} after {latest[mine]}"
        latest[mine] = max(one.target, latest.get(mine, ""))
    busy: dict[tuple[str, str], Arrival] = {}
    for call, ledger, keys in book.sent():
        # what is answered at once is not executed
        executed = keys if (call.done or call.at) > call.at else ()
        for account in dict.fromkeys(key.item[0] for key in executed):
            before = busy.get((ledger.name, account), call)
            if before.key != call.key and (before.done or 0.0) > call.at:
                yield f"{account} had {before.track} and {call.track} under way at once"
            busy[ledger.name, account] = max(before, call, key=lambda arrival: arrival.done or 0.0)


def _secrets(book: Casebook) -> Iterator[str]:
    for name, content in book.all.outputs.items():
        yield from (f"{name} holds a secret" for one in book.all.secrets if one in content)


RULES: tuple[Callable[[Casebook], Iterator[str]], ...] = (
    *(_billed_twice, _invoices, _of_one_call, _absences, _keys, _intents, _live_keys),
    *(_order, pressure, windows, totals, sent, kept, _secrets),
)
