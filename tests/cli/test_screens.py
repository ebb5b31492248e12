"""What people see of a run, on a terminal and elsewhere."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

from zbatch.app.api import ToRun
from zbatch.app.gate import Seen
from zbatch.app.held_back import blocked
from zbatch.cli.advice import NEXT, advice
from zbatch.cli.block import Block, Drawing
from zbatch.cli.called import Called, Style, Verb
from zbatch.cli.figure_words import on_a_line
from zbatch.cli.last_block import first_line, last_block
from zbatch.cli.lines import Lines
from zbatch.cli.notices import Notices
from zbatch.cli.paper import Paper, console_for
from zbatch.cli.quiet import Quiet
from zbatch.cli.screen import Screen, Wishes, screen_for
from zbatch.cli.stage_gate import stage_block
from zbatch.cli.words import item_name
from zbatch.engine.ending import StopReason
from zbatch.engine.events import (
    Event,
    Gated,
    Hold,
    InFlight,
    Leaving,
    Limited,
    Paced,
    Retrying,
    Settled,
    Stopping,
)
from zbatch.engine.pacing import Bound
from zbatch.engine.stages import StageEnd
from zbatch.errors import CannotStart
from zbatch.model import Attempt, Credentials, ExitCode, Outcome, Problem
from zbatch.model.tenants import EMULATOR
from zbatch.report.amounts import Amount
from zbatch.report.record import ReadBackRecord

HERE = Path.cwd()
RUN = Called()
RECONCILE = Called(Verb.RECONCILE)
NOTHING_AGAIN = Called(retry=("--retry-nothing",))
APPROVED = Called(plan_digest="a" * 64, rate="5/s", concurrency=4)
INACTIVE = Problem("INVALID_VALUE", "The account is not active.")
NO_ANSWER = Problem("NO_ANSWER", "no answer within 150 s")
RESTING = Problem(
    "SERVER_ERROR",
    f"{'the server said something long. ' * 6}; from 2026-11-30 21:15:41 UTC zbatch run or zbatch "
    "reconcile can settle it",
)
LOOKS = [
    (StopReason.RULE, "find out why, see above and the report; then {}   goes on with"),
    (StopReason.STAGE, "look at what came of the stage; then {}   goes on with the next one"),
    (StopReason.UNSEEN, "look at what came of the stage; then {}   asks about it again"),
]
HOSTILE = "\x1b]8;;http://evil\x07[bold]x[/bold]\x1b[2J\r\n\u202e\u2028\x9b31m" + "x" * 2**20
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def text_of(result: Any, called: Called = RUN) -> str:
    return "".join(f"{line.plain}\n" for line in last_block(result, HERE, called))


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.002)


def drive(screen: Screen, story: Any, events: list[Event], seconds: float = 1) -> None:
    with screen:
        header = story.header(40, 4)
        screen.started(header)
        for event in events:
            story.later(seconds)
            header.live.take(event)
            screen.event(event)


def settled(
    story: Any, outcome: Outcome, count: int, problem: Problem | None = None
) -> list[Event]:
    return [Settled(story.record(outcome, number, problem)) for number in range(5, 5 + count)]


def lines(story: Any, most: int = 1, **settings: Any) -> tuple[Lines, io.StringIO]:
    stream = io.StringIO()
    notices = Notices(most, settings.pop("verbose", False))
    return Lines(Paper(console_for(stream, {})), notices, clock=story.clock, **settings), stream


def test_last_block_of_a_mixed_run(story: Any, golden: Callable[[str, str], None]) -> None:
    """Counts of all outcomes, causes with accounts, doubts by name, the report, the next step."""
    records = [story.record(Outcome.INVOICED, number) for number in range(1, 1232)]
    records += [story.record(Outcome.NOTHING_TO_BILL, number) for number in range(2000, 2009)]
    records += [story.record(Outcome.FAILED, number, INACTIVE) for number in range(3000, 3006)]
    closed = Problem("ACCOUNTING_PERIOD_CLOSED", "The period is closed.")
    records += [story.record(Outcome.FAILED, number, closed) for number in range(4000, 4002)]
    records += [story.record(Outcome.UNKNOWN, 5000, NO_ANSWER)]
    golden("mixed", text_of(story.result(records, ExitCode.UNKNOWN)))


def test_last_block_of_a_clean_run(story: Any, golden: Callable[[str, str], None]) -> None:
    """A clean run is told in four lines."""
    records = [story.record(Outcome.INVOICED, number) for number in range(1, 4)]
    golden("clean", text_of(story.result(records, ExitCode.OK)))


def test_last_block_tells_what_was_invoiced(story: Any) -> None:
    """What this run has made comes to so much, below how many that are; and what was found."""
    amounts = (Amount("EUR", 2, "10.00"), Amount("USD", 1, "1574.79"))
    result = story.result([story.record(Outcome.INVOICED, 1)], ExitCode.OK, amounts=amounts)
    said = "10.00 EUR in 2 invoices, 1,574.79 USD in 1 invoice"
    assert text_of(result).splitlines()[2] == f"  invoiced by this run: {said}"
    asked = replace(result, sent=0)
    assert text_of(asked, RECONCILE).splitlines()[2] == f"  found to be invoiced: {said}"


def test_a_run_that_sends_nothing_claims_no_invoice(story: Any) -> None:
    """What an earlier run's lost call has made is found by a question; this run has billed none."""
    invoiced = [story.record(Outcome.INVOICED, 1)]
    amounts = (Amount("USD", 1, "368.01"),)
    text = text_of(story.result(invoiced, ExitCode.OK, sent=0, amounts=amounts))
    assert "  found to be invoiced: 368.01 USD in 1 invoice\n" in text
    assert "by this run" not in text


def test_last_block_of_a_second_run(story: Any, golden: Callable[[str, str], None]) -> None:
    """A run that sends nothing says why, and which run did the work."""
    earlier = "20261129T200000Z-11aa"
    records = [story.record(Outcome.INVOICED, number, run=earlier) for number in range(1, 9)]
    records += [story.record(Outcome.NOTHING_TO_BILL, n, run=earlier) for n in (9, 10)]
    golden("second", text_of(story.result(records, ExitCode.OK, sent=0, asked=2)))


def test_nothing_sent_by_questions_alone_names_no_earlier_run(story: Any) -> None:
    """What the tenant has shown in this very run was settled by no earlier one."""
    records = [story.record(Outcome.ALREADY_INVOICED, number) for number in (1, 2)]
    text = text_of(story.result(records, ExitCode.OK, sent=0, asked=1))
    assert "· 0 calls, 1 question\n" in text
    assert "nothing was sent: all 2 items are settled: 2 already invoiced\n" in text


def test_what_this_run_has_found_was_settled_by_no_earlier_one(story: Any) -> None:
    """Beside what earlier runs have settled stands how much this one has found itself."""
    earlier = "20261129T200000Z-11aa"
    records = [story.record(Outcome.INVOICED, number, run=earlier) for number in range(1, 9)]
    records += [story.record(Outcome.ALREADY_INVOICED, n) for n in (9, 10)]
    text = text_of(story.result(records, ExitCode.OK, sent=0, asked=1))
    said = f"all 10 items are settled (8 earlier by run {earlier}, 2 by this one): 8 invoiced,"
    assert said in " ".join(text.split())


def test_last_block_names_what_the_spec_does_not_list(
    story: Any, golden: Callable[[str, str], None]
) -> None:
    """Items in doubt beyond the spec are named with the command that settles them."""
    stray = replace(story.record(Outcome.UNKNOWN, 7, RESTING), item=story.item(7, revision=2))
    records = [story.record(Outcome.INVOICED, 1)]
    golden("strays", text_of(story.result(records, ExitCode.UNKNOWN, strays=(stray,))))


def test_who_is_unknown_by_number_has_an_id_too(story: Any) -> None:
    """What a decision is written with stands beside the number that people know."""
    item = replace(story.item(7), account_number="A00991201")
    stray = replace(story.record(Outcome.UNKNOWN, 7, NO_ANSWER), item=item)
    text = text_of(story.result([], ExitCode.UNKNOWN, strays=(stray,)))
    assert f"UNKNOWN, not in this spec  A00991201 ({item.identity.account_id}) 2026-11-30" in text


def test_strays_beside_other_doubt_have_a_command_of_their_own(story: Any) -> None:
    """Where the next step is about the spec's own doubt, the other one still has its command."""
    stray, own = (story.record(Outcome.UNKNOWN, number, NO_ANSWER) for number in (7, 1))
    text = text_of(story.result([own], ExitCode.UNKNOWN, strays=(stray,)))
    command = "zbatch reconcile --tenant production   settles what this spec does not list"
    assert text.count(command) == 1


@pytest.mark.parametrize(
    ("reason", "first"),
    [(StopReason.LIMIT, True), (StopReason.INTERRUPTED, True), (StopReason.DISK, False)],
)
def test_strays_beside_a_stop_come_first(reason: StopReason, first: bool, story: Any) -> None:
    """A further run of the spec settles none of them; but where the disk failed, it knows more."""
    stray, left = (story.record(Outcome.UNKNOWN, 7, NO_ANSWER), story.record(Outcome.NOT_ATTEMPTED))
    given = {"strays": (stray,), "stop": "stopped", "stop_reason": reason}
    said = advice(story.result([left], ExitCode.UNKNOWN, **given), RUN)
    command = "zbatch reconcile --tenant production   settles what this spec does not list; then"
    goes_on = f" zbatch run {SPEC}   goes on where this run stopped"
    assert (said == command + goes_on) is first
    assert said.startswith(f"zbatch run {SPEC} again") is not first


def test_nobody_waits_for_strays_to_go_on_with_the_rest(story: Any) -> None:
    """They rest for an hour, and nothing of this spec waits for them but what the report names."""
    stray, left = (story.record(Outcome.UNKNOWN, 7, RESTING), story.record(Outcome.NOT_ATTEMPTED))
    given = {"strays": (stray,), "stop": "stopped", "stop_reason": StopReason.INTERRUPTED}
    at = story.result([], ExitCode.OK).finished_at + timedelta(hours=1)
    said = advice(story.result([left], ExitCode.UNKNOWN, strays_settle_at=at, **given), RUN)
    goes_on = f"; meanwhile zbatch run {SPEC}   goes on where this run stopped"
    assert said.endswith(f", not before {at:%H:%M:%S} UTC{goes_on}")


@pytest.mark.parametrize(("reason", "look"), LOOKS)
def test_strays_push_nobody_past_a_look(reason: StopReason, look: str, story: Any) -> None:
    """A rule or a stage has stopped the run so that somebody looks before it goes on."""
    stray, left = (story.record(Outcome.UNKNOWN, 7, RESTING), story.record(Outcome.NOT_ATTEMPTED))
    own = [story.record(Outcome.FAILED, 2, INACTIVE), left]
    given = {"strays": (stray,), "stop": "stopped", "stop_reason": reason}
    said = advice(story.result(own, ExitCode.UNKNOWN, **given), RUN)
    assert f"settles what this spec does not list; {look.format(f'zbatch run {SPEC}')}" in said
    assert (f" (what failed: zbatch run {SPEC} --retry-failed)" in said) is (reason == "rule")
    at = story.result([], ExitCode.OK).finished_at + timedelta(hours=1)
    said = advice(story.result(own, ExitCode.UNKNOWN, strays_settle_at=at, **given), RUN)
    assert f" UTC; meanwhile {look.format(f'zbatch run {SPEC}')}" in said


@pytest.mark.parametrize(("reason", "look"), LOOKS)
def test_doubt_pushes_nobody_past_a_look(reason: StopReason, look: str, story: Any) -> None:
    """What settles the doubt comes first, by questions alone: to run again is to have looked."""
    own = [story.record(Outcome.UNKNOWN, 1, RESTING), story.record(Outcome.FAILED, 2, INACTIVE)]
    own.append(story.record(Outcome.NOT_ATTEMPTED, 3))
    given = {"stop": "stopped", "stop_reason": reason}
    said = advice(story.result(own, ExitCode.UNKNOWN, **given), RUN)
    asks, by_hand = f"zbatch reconcile {SPEC}   asks about what is UNKNOWN", "bill nothing of"
    assert said.startswith(f"{asks}; then {look.format(f'zbatch run {SPEC}')}")
    assert said.endswith(f"; {by_hand} what is UNKNOWN by hand meanwhile")
    assert (f" (what failed: zbatch run {SPEC} --retry-failed)" in said) is (reason == "rule")
    at = story.result([], ExitCode.OK).finished_at + timedelta(hours=1)
    said = advice(story.result(own, ExitCode.UNKNOWN, settles_at=at, **given), RUN)
    when = f", not before {at:%H:%M:%S} UTC"
    assert said.startswith(f"{asks}{when}; meanwhile {look.format(f'zbatch run {SPEC}')}")
    stray = story.record(Outcome.UNKNOWN, 7, RESTING)
    text = text_of(story.result(own, ExitCode.UNKNOWN, strays=(stray,), **given))
    assert text.count("zbatch reconcile --tenant production   settles what this spec") == 1
    assert f"next: {asks}; then {look.format(f'zbatch run {SPEC}')}" in text


@pytest.mark.parametrize(("reason", "look"), LOOKS)
def test_what_a_person_decides_is_named_beside_a_look(
    reason: StopReason, look: str, story: Any
) -> None:
    """No question settles it, so that none is named."""
    several = Problem("SEVERAL_INVOICES", "2 invoices are there that may be this item's")
    own = [story.record(Outcome.UNKNOWN, 1, several), story.record(Outcome.NOT_ATTEMPTED, 3)]
    given = {"stop": "stopped", "stop_reason": reason}
    said = advice(story.result(own, ExitCode.UNKNOWN, **given), RUN)
    assert said.startswith("look at the invoices named above in Zuora, and decide as it says")
    assert f"what is one too many; then {look.format(f'zbatch run {SPEC}')}" in said
    assert said.endswith("; bill nothing of what is UNKNOWN by hand meanwhile")
    assert "reconcile" not in said


@pytest.mark.parametrize("code", ["NO_ANSWER", "SEVERAL_INVOICES"])
def test_what_a_reconciliation_disproves_beside_strays_is_left_to_a_run(
    code: str, story: Any
) -> None:
    """A reconciliation sends nothing, however often it is called."""
    stray = story.record(Outcome.UNKNOWN, 7, Problem(code, "it is not known"))
    void = story.record(Outcome.NOT_ATTEMPTED, 2, Problem("NOT_CREATED", "nothing is there"))
    said = advice(story.result([void], ExitCode.UNKNOWN, 0, strays=(stray,)), RECONCILE)
    assert said.endswith(f"; then zbatch run {SPEC}   sends the rest")
    assert f"zbatch reconcile {SPEC}" not in said


def test_strays_that_a_person_decides_do_not_hide_what_the_spec_has_left(story: Any) -> None:
    """Once that is decided, it is their own command that settles them."""
    several = Problem("SEVERAL_INVOICES", "2 invoices are there that may be this item's")
    stray, own = story.record(Outcome.UNKNOWN, 7, several), story.record(Outcome.FAILED, 1)
    said = advice(story.result([own], ExitCode.UNKNOWN, strays=(stray,)), RUN)
    assert said.startswith("look at the invoices named above in Zuora, and decide")
    assert "too many, then zbatch reconcile --tenant production; bill nothing" in said
    assert said.endswith(f"; mend the causes above, then zbatch run {SPEC} --retry-failed")


@pytest.mark.parametrize(
    ("outcome", "rest"),
    [
        (Outcome.FAILED, "; mend the causes above, then zbatch run {} --retry-failed"),
        (Outcome.NOT_ATTEMPTED, "; then zbatch run {}   sends the rest"),
        (Outcome.INVOICED, ""),
    ],
)
def test_strays_do_not_hide_what_the_spec_has_left(outcome: Outcome, rest: str, story: Any) -> None:
    """The command that settles them tells nothing of this spec, so nobody would come back to it."""
    stray, own = story.record(Outcome.UNKNOWN, 7, NO_ANSWER), story.record(outcome, 1, INACTIVE)
    said = advice(story.result([own], ExitCode.UNKNOWN, strays=(stray,)), RUN)
    assert said.endswith(f"settles what this spec does not list{rest.format(SPEC)}")


def test_last_block_of_a_run_whose_ledger_cannot_be_read_to_its_end(
    story: Any, golden: Callable[[str, str], None]
) -> None:
    """R14: that more may be in doubt is said, and what to do, though every item looks settled."""
    unread = "the ledger .zbatch/production/ledger.sqlite3 cannot be read: disk I/O error"
    records = [story.record(Outcome.INVOICED, 1)]
    golden("unread", text_of(story.result(records, ExitCode.UNKNOWN, unread=unread)))


def test_last_block_of_a_reconciliation(story: Any, golden: Callable[[str, str], None]) -> None:
    """What was asked, what is still open and from when it can be settled, and who decides."""
    several = Problem(
        "SEVERAL_INVOICES",
        f"2 invoices are there that may be this item's: {'a' * 32}, {'b' * 32}",
    )
    undecided = replace(story.record(Outcome.UNKNOWN, 4, several), item=story.item(4, revision=3))
    records = [
        story.record(Outcome.INVOICED, 1),
        story.record(Outcome.NOT_ATTEMPTED, 2, Problem("NOT_CREATED", "nothing is there")),
        story.record(Outcome.UNKNOWN, 3, RESTING),
        undecided,
    ]
    result = story.result(records, ExitCode.UNKNOWN, sent=0, asked=1)
    golden("reconcile", text_of(result, Called(Verb.RECONCILE, "uat", Path("my state"))))


def test_what_only_a_person_can_decide_is_not_left_to_a_command(story: Any) -> None:
    """No run and no reconciliation settles it, however often; beside other doubt one may."""
    several = Problem("SEVERAL_INVOICES", "2 invoices are there that may be this item's")
    records = [story.record(Outcome.UNKNOWN, number, several) for number in (1, 2)]
    for called in (RUN, RECONCILE):
        said = advice(story.result(records, ExitCode.UNKNOWN), called)
        assert said.startswith("look at the invoices named above in Zuora, and decide")
        assert said.endswith(f" {SPEC}; bill nothing of this by hand meanwhile")
    more = [*records, story.record(Outcome.UNKNOWN, 3, RESTING)]
    assert advice(story.result(more, ExitCode.UNKNOWN), RUN).startswith(f"zbatch run {SPEC} again")
    stopped = story.result(records, ExitCode.UNKNOWN, stop="no space left on device")
    assert advice(stopped, RUN).startswith(f"zbatch run {SPEC} again")


def test_reconciliation_without_doubt_says_so(story: Any) -> None:
    """Where nothing is in doubt, nothing is asked and nothing is left."""
    text = text_of(story.result([], ExitCode.OK, sent=0), RECONCILE)
    assert "  nothing is in doubt\n" in text
    assert f"next: nothing is left in doubt; zbatch run {SPEC}   sends what is left" in text
    assert "nothing was sent" not in text
    stray = story.record(Outcome.UNKNOWN, 7, NO_ANSWER)
    text = text_of(story.result([], ExitCode.UNKNOWN, sent=0, strays=(stray,)), RECONCILE)
    assert "  nothing of this spec is in doubt\n" in text


def test_a_reconciliation_tells_of_doubt_alone_and_leaves_the_rest_to_a_run(story: Any) -> None:
    """A date that has waited for the doubt was never sent: nobody takes the spec for done."""
    settled = story.result([story.record(Outcome.INVOICED, 1)], ExitCode.OK, 0)
    left = "sends what is left unsent, if anything is"
    assert advice(settled, RECONCILE) == f"nothing is left in doubt; zbatch run {SPEC}   {left}"
    story.names = {"file": ""}
    whole = story.result([story.record(Outcome.INVOICED, 1)], ExitCode.OK, 0)
    assert advice(whole, RECONCILE) == "nothing is left in doubt"
    run = f"zbatch run {SPEC} --tenant production"
    said = advice(replace(whole, specs=(ToRun(SPEC),)), RECONCILE)
    assert said == f"nothing is left in doubt; {run}   {left}"


def test_beginning_of_a_reconciliation_says_that_it_asks(story: Any) -> None:
    """Nobody is told that something is to be sent where only questions are asked."""
    assert first_line(story.header(3), Verb.RECONCILE).plain.endswith(
        "3 items in doubt to ask about"
    )


def test_beginning_of_a_run_tells_doubt_from_what_is_to_be_sent(story: Any) -> None:
    """Nobody reads that an item is to be sent which may be invoiced, and is asked about first."""
    header = replace(story.header(5, settled=2), in_doubt=1)
    said = first_line(header).plain
    assert said.endswith("5 items: 2 settled earlier, 1 in doubt to settle, 2 to send")
    only = replace(story.header(1), in_doubt=1)
    assert first_line(only).plain.endswith("1 item: 1 in doubt to settle")


SPEC = "specs/month-end.yaml"


@pytest.mark.parametrize(
    ("called", "code", "given", "command"),
    [
        (RUN, ExitCode.FAILURES, {}, f"zbatch run {SPEC} --retry-failed"),
        (RUN, ExitCode.UNKNOWN, {}, f"zbatch run {SPEC} again, or zbatch reconcile {SPEC};"),
        (RUN, ExitCode.STOPPED, {"stop": "422"}, f"zbatch run {SPEC}   goes on"),
        (RUN, ExitCode.STOPPED, {}, "one item waits for (an earlier date"),
        (RUN, ExitCode.STOPPED, {}, f"then zbatch run {SPEC}   sends the rest"),
        (RECONCILE, ExitCode.STOPPED, {"stop": "422"}, f"zbatch reconcile {SPEC}   goes on"),
        (RECONCILE, ExitCode.STOPPED, {}, f"zbatch run {SPEC}   sends what is proved not to"),
        (RECONCILE, ExitCode.INTERRUPTED, {"stop": "x"}, f"zbatch reconcile {SPEC}   goes on"),
        (
            Called(period="2026-11"),
            ExitCode.UNKNOWN,
            {},
            f"zbatch run {SPEC} --period 2026-11 again, or zbatch reconcile {SPEC} --period",
        ),
        (
            Called(tenant="uat", state_dir=Path("a b")),
            ExitCode.STOPPED,
            {"stop": "422"},
            f"zbatch run {SPEC} --tenant uat --state-dir 'a b'   goes on",
        ),
        (
            Called(retry=("--retry-failed", "--retry-nothing")),
            ExitCode.INTERRUPTED,
            {"stop": "interrupted"},
            f"zbatch run {SPEC} --retry-failed --retry-nothing   goes on",
        ),
        (
            APPROVED,
            ExitCode.UNKNOWN,
            {},
            f"zbatch run {SPEC} --concurrency 4 --rate 5/s --plan-digest {'a' * 64} again, or"
            f" zbatch reconcile {SPEC};",
        ),
        (
            APPROVED,
            ExitCode.FAILURES,
            {},
            f"then zbatch run {SPEC} --concurrency 4 --rate 5/s --plan-digest {'a' * 64}"
            " --retry-failed",
        ),
        (NOTHING_AGAIN, ExitCode.STOPPED, {}, f"zbatch run {SPEC} --retry-nothing   sends the"),
        (NOTHING_AGAIN, ExitCode.UNKNOWN, {}, f"zbatch run {SPEC} --retry-nothing again, or"),
        (NOTHING_AGAIN, ExitCode.FAILURES, {}, f"then zbatch run {SPEC} --retry-failed"),
    ],
)
def test_next_step_is_a_command_to_paste(
    called: Called, code: ExitCode, given: dict[str, Any], command: str, story: Any
) -> None:
    """The advice of an exit code names one command, with the tenant and folder as given."""
    result = story.result([story.record(Outcome.NOT_ATTEMPTED)], code, 0, **given)
    assert command in advice(result, called)


def test_a_command_names_a_file_as_it_is_called() -> None:
    """Two blanks are not one; what a terminal would obey is not repeated."""
    assert RUN.again("specs/my  k.yaml") == "zbatch run 'specs/my  k.yaml'"
    assert RUN.again("a\x1b[2J.yaml") == "zbatch run 'a\N{REPLACEMENT CHARACTER}[2J.yaml'"
    long = f"{'deep/' * 120}k.yaml"
    assert RUN.again(long) == f"zbatch run {long}"


@pytest.mark.parametrize(
    ("findings", "unread", "look"), [({"tax_failed": 1}, 0, True), ({}, 2, True), ({}, 0, False)]
)
def test_what_reading_back_has_found_is_the_next_step(
    findings: dict[str, int], unread: int, look: bool, story: Any
) -> None:
    """Nobody is told that nothing is left to do beside an invoice whose tax has failed."""
    found = ReadBackRecord(1, unread, findings)
    result = story.result([story.record(Outcome.INVOICED)], ExitCode.OK, read_back=found)
    said = advice(result, Called(tenant="uat"))
    assert said.startswith(f"zbatch verify {SPEC} --tenant uat   tells") is look
    assert ("nothing is left to do" in said) is not look


def test_a_second_invoice_is_the_next_step_unless_items_have_failed(story: Any) -> None:
    """Where all is settled nobody is sent to mend causes that are not there."""
    found, code = ReadBackRecord(1, 0, {"duplicate": 1}), ExitCode.FAILURES
    result = story.result([story.record(Outcome.INVOICED)], code, read_back=found)
    assert advice(result, RUN).startswith(f"zbatch verify {SPEC}   names the invoices; cancel")
    failed = story.result([story.record(Outcome.FAILED)], code, read_back=found)
    assert advice(failed, RUN).startswith("mend the causes above")


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (Seen(), []),
        (
            Seen(5, amounts=(Amount("USD", 5, "1574.79"),)),
            [
                "  invoiced in this stage by this run: 1,574.79 USD in 5 invoices",
                "  read back: 5 items agree",
            ],
        ),
        (
            Seen(1, {"not_shown": 2, "duplicate": 1}, open=2, unread=1),
            [
                "  read back: 1 item agrees, 2 not shown, 1 DUPLICATE, 1 item not read back;"
                " asked about again at the end: 2; zbatch verify tells of each"
            ],
        ),
    ],
)
def test_whoever_looks_at_a_stage_is_told_what_was_read_back(
    seen: Seen, said: list[str], story: Any
) -> None:
    """Right above the question: what the invoices come to, and what a person should look at."""
    end = StageEnd(1, 2, {Outcome.INVOICED: 5}, (story.record(Outcome.INVOICED),))
    head, _, _, *below = (line.plain for line in stage_block(end, seen))
    assert head == "stage 1 of 2 is over: 5 invoiced"
    assert below == said


@pytest.mark.parametrize(
    ("reason", "told"),
    [(StopReason.STAGE, "goes on with the next one"), (StopReason.UNSEEN, "asks about it again")],
)
def test_who_has_not_looked_at_a_stage_is_asked_again(
    reason: StopReason, told: str, story: Any
) -> None:
    """The end of the input is no look: the next run does not go on, it asks."""
    result = story.result([], ExitCode.STOPPED, 0, stop="over", stop_reason=reason)
    assert advice(result, RUN).endswith(f"then zbatch run {SPEC}   {told}")


def test_who_is_to_run_again_is_told_from_when(story: Any) -> None:
    """The time is that of the day on which the run ended, and has its date on another one."""
    doubt = [story.record(Outcome.UNKNOWN, 1, RESTING)]
    ended = story.result([], ExitCode.OK).finished_at
    later = {"hours": 1}, {"days": 1}
    told = [
        advice(story.result(doubt, ExitCode.UNKNOWN, 0, settles_at=ended + timedelta(**after)), RUN)
        for after in later
    ]
    first, second = (ended + timedelta(**after) for after in later)
    begin = f"zbatch run {SPEC} again, not before"
    assert told[0].startswith(f"{begin} {first:%H:%M:%S} UTC, or zbatch reconcile {SPEC};")
    assert told[1].startswith(f"{begin} {second:%Y-%m-%d %H:%M:%S} UTC, or zbatch reconcile")


def test_who_is_to_settle_strays_is_told_from_when(story: Any) -> None:
    """Where their command is the next step, and where it has a line of its own."""
    stray, own = (story.record(Outcome.UNKNOWN, number, RESTING) for number in (7, 1))
    at = story.result([], ExitCode.OK).finished_at + timedelta(hours=1)
    given = {"strays": (stray,), "strays_settle_at": at}
    said = f"settles what this spec does not list, not before {at:%H:%M:%S} UTC"
    assert advice(story.result([], ExitCode.UNKNOWN, **given), RUN).endswith(said)
    assert f"  {said}" in text_of(story.result([own], ExitCode.UNKNOWN, **given))


def test_advice_without_a_spec_names_none(story: Any) -> None:
    """After a reconciliation of a whole ledger no spec is made up.

    The tenant is named: by itself a spec may bill another one than the ledger is of.
    """
    story.names = {"file": ""}
    doubt = story.result([story.record(Outcome.UNKNOWN, 1, RESTING)], ExitCode.UNKNOWN, 0)
    again, there = "zbatch reconcile again, or zbatch run", "--tenant production"
    assert advice(doubt, RECONCILE).startswith(f"{again} {there} with the spec that lists it;")
    mine, own = ToRun(SPEC), ToRun("specs/my  quarter's own.yaml")
    its_name = """'specs/my  quarter'"'"'s own.yaml'"""
    one, two = replace(doubt, specs=(mine,)), replace(doubt, specs=(mine, own))
    listed = ", where it still lists it; bill nothing"
    assert advice(one, RECONCILE).startswith(f"{again} {SPEC} {there}{listed}")
    told = f"{again} {SPEC} {there} and zbatch run {its_name} {there}{listed}"
    assert advice(two, RECONCILE).startswith(told)
    by_period = replace(own, period="2026-11")
    told = f"{again} {SPEC} --period 2026-11 {there}{listed}"
    alone = replace(doubt, specs=(replace(mine, period="2026-11"),))
    assert advice(alone, RECONCILE).startswith(told)
    told = f"{again} {SPEC} {there} and zbatch run {its_name} --period 2026-11 {there}{listed}"
    assert advice(replace(doubt, specs=(mine, by_period)), RECONCILE).startswith(told)
    several = tuple(ToRun(f"{number}.yaml") for number in range(1, 6))
    told = f"run 2.yaml {there} and zbatch run 3.yaml {there} and so with 2 more{listed}"
    assert told in advice(replace(doubt, specs=several), RECONCILE)
    away = replace(own, tenant="prod", state_dir=Path("/my state"))
    told = f"{again} {its_name} --tenant prod --state-dir '/my state'{listed}"
    assert advice(replace(doubt, specs=(away,)), RECONCILE).startswith(told)
    at = doubt.finished_at + timedelta(hours=1)
    when = f"again, not before {at:%H:%M:%S} UTC, or zbatch run"
    assert when in advice(replace(doubt, settles_at=at), RECONCILE)


@pytest.mark.parametrize(
    ("specs", "run"),
    [
        ((), "zbatch run --tenant production{} with the spec that lists it"),
        ((ToRun(SPEC),), f"zbatch run {SPEC} --tenant production{{}}"),
    ],
)
def test_what_a_whole_ledger_leaves_to_a_run_is_a_command_to_paste(
    specs: tuple[ToRun, ...], run: str, story: Any
) -> None:
    """What was not created is sent by a run of the spec that had sent it; so is what has failed."""
    story.names = {"file": ""}
    absent = Problem("NOT_CREATED", "nothing is there")
    void = story.result([story.record(Outcome.NOT_ATTEMPTED, 1, absent)], ExitCode.STOPPED, 0)
    said = advice(replace(void, specs=specs), RECONCILE)
    there = "sends what is proved not to be there, where it still lists it"
    assert said == f"{run.format('')}   {there if specs else there.partition(',')[0]}"
    failed = story.result([story.record(Outcome.FAILED, 1)], ExitCode.FAILURES, 0)
    said = advice(replace(failed, specs=specs), RECONCILE)
    listed = ", where it still lists it" if specs else ""
    assert said == f"mend the causes above, then {run.format(' --retry-failed')}{listed}"
    nothing = story.result([story.record(Outcome.NOTHING_TO_BILL, 1)], ExitCode.OK, 0)
    text = " ".join(text_of(replace(nothing, specs=specs), RECONCILE).split())
    assert f"is billed by {run.format(' --retry-nothing')}{listed} report" in text


def test_who_waits_is_named_with_what_for(story: Any, golden: Callable[[str, str], None]) -> None:
    """The account, its date, and the earlier one with the place that lists it, but only a few."""
    other = replace(story.item(1).source, file="specs/october.yaml")
    october = replace(story.item(1).identity, target_date=date(2026, 10, 31))
    early = replace(story.item(1), identity=october, source=other)
    records = [blocked(story.item(n), early) for n in range(1, 6)]
    golden("waiting", text_of(story.result(records, ExitCode.STOPPED, 0)))
    stopped = story.result(records, ExitCode.STOPPED, 0, stop="the server answered 422")
    assert "waits" not in text_of(stopped)


def test_an_invoice_that_is_not_shown_any_more_is_named(story: Any) -> None:
    """It is no end of the matter: the next run bills the account again if it is gone by then."""
    gone = Problem("PERHAPS_GONE", "the tenant does not show invoice 77 now; from 08:00 UTC …")
    held = story.record(Outcome.ALREADY_INVOICED, 1, gone)
    there = story.record(Outcome.ALREADY_INVOICED, 2)
    result = story.result([held, there], ExitCode.OK, 0)
    text = text_of(result)
    assert f"  not shown  {item_name(held, whole=True)}  PERHAPS_GONE: the tenant" in text
    again = f"zbatch run {SPEC} again, from the time that is named above"
    again += "   bills what is gone by then"
    assert advice(result, RUN) == again
    assert "nothing is left to do" not in text
    twice = ReadBackRecord(1, 0, {"duplicate": 1})
    said = advice(story.result([held], ExitCode.FAILURES, read_back=twice), RUN)
    assert said.startswith("zbatch verify")
    assert said.endswith(f"then {again}")
    assert "not shown" not in text_of(story.result([there], ExitCode.OK))


def test_who_waits_beside_a_failure_is_told_of_both(story: Any) -> None:
    """What waits is to be settled elsewhere; what failed is retried here."""
    records = [story.record(Outcome.NOT_ATTEMPTED), story.record(Outcome.FAILED, 2, INACTIVE)]
    said = advice(story.result(records, ExitCode.STOPPED), RUN)
    assert said.endswith(
        f"then zbatch run {SPEC}   sends the rest (what failed: zbatch run {SPEC} --retry-failed)"
    )


@pytest.mark.parametrize("code", [ExitCode.STOPPED, ExitCode.UNKNOWN])
def test_where_nothing_has_failed_no_retry_is_named(code: ExitCode, story: Any) -> None:
    """A rule for doubt, or a deadline, has stopped the run."""
    doubt = code is ExitCode.UNKNOWN
    records = [story.record(Outcome.UNKNOWN if doubt else Outcome.INVOICED, 1, NO_ANSWER)]
    given = {"stop": "2 h have passed", "stop_reason": StopReason.RULE}
    said = advice(story.result([*records, story.record(Outcome.NOT_ATTEMPTED)], code, **given), RUN)
    assert f"zbatch run {SPEC}   goes on with what is left" in said
    assert "--retry-failed" not in said


def test_a_retry_that_waits_is_told_what_to_settle_first(story: Any) -> None:
    """Nothing was sent: the report names the date for which they wait."""
    for outcome, flag in (("FAILED", "--retry-failed"), ("NOTHING_TO_BILL", "--retry-nothing")):
        records = [story.record(Outcome[outcome], 2, INACTIVE)]
        said = advice(story.result(records, ExitCode.STOPPED), Called(retry=(flag,)))
        assert said.endswith(f"(an earlier date that failed), then zbatch run {SPEC} {flag}")


@pytest.mark.parametrize("named", [True, False])
def test_refused_credentials_are_looked_for_where_they_are(named: bool, story: Any) -> None:
    """Both places are named; the emulator has none that a person could mend."""
    reason = {"stop": "token request: HTTP 401", "stop_reason": StopReason.CREDENTIALS}
    result = story.result([story.record(Outcome.NOT_ATTEMPTED)], ExitCode.CANNOT_START, 0, **reason)
    places = "the environment variable ZUORA_CLIENT_ID and the file ~/secret"
    credentials = Credentials("ZUORA_CLIENT_ID", Path("~/secret"))
    host = result.plan.tenant.host if named else EMULATOR
    tenant = replace(result.plan.tenant, credentials=credentials, host=host)
    result = replace(result, plan=replace(result.plan, tenant=tenant))
    assert (f"check {places}, where" in advice(result, RUN)) is named
    assert ("base_url in tenants.yaml" in advice(result, RUN)) is named


@pytest.mark.parametrize("kind", [Block, Lines])
def test_live_lines_break_between_words(kind: type[Block | Lines], story: Any) -> None:
    """On a terminal of 80 columns no line is longer, and every ID stays whole."""
    stream = Terminal()
    console = console_for(stream, {"COLUMNS": "80"})
    screen = kind(Paper(console), Notices(99, verbose=True), clock=story.clock)
    items = tuple(map(story.item, (1, 2)))
    why = "the server said something that takes more than one line of a terminal"
    events = [
        *settled(story, Outcome.FAILED, 3, Problem("SERVER_ERROR", why)),
        Retrying(items, why, 1.5),
        Gated(why, 60.0),
    ]
    drive(screen, story, events)
    lines = re.split(r"[\r\n]+", ESCAPE.sub("", stream.getvalue()))
    assert [line for line in lines if len(line) > 80] == []
    whole = {item.identity.account_id for item in map(story.item, (1, 5, 6, 7))}
    assert whole <= {word for line in lines for word in line.split()}
    assert sum(line.startswith("    ") for line in lines) >= 5


def test_braces_in_a_spec_s_name_are_no_placeholders(story: Any) -> None:
    """A file may be called anything without changing the advice."""
    story.names = {"file": "{all}.yaml"}
    result = story.result([story.record(Outcome.FAILED, 1, INACTIVE)], ExitCode.FAILURES)
    assert "zbatch run '{all}.yaml' --retry-failed" in advice(result, RUN)


def test_last_block_of_a_stopped_run(story: Any, golden: Callable[[str, str], None]) -> None:
    """A run that stopped early says why and how to go on."""
    records = [story.record(Outcome.INVOICED, 1)]
    stopped = Problem("RUN_STOPPED", "not sent")
    records += [story.record(Outcome.NOT_ATTEMPTED, n, stopped) for n in (2, 3)]
    result = story.result(records, ExitCode.STOPPED, 1, "the server did not answer for 10 min")
    golden("stopped", text_of(result))


def test_nothing_sent_for_another_reason_is_not_called_settled(story: Any) -> None:
    """Only a plan that is settled as a whole is said to be."""
    records = [story.record(Outcome.INVOICED, 1, run="a"), story.record(Outcome.NOT_ATTEMPTED, 2)]
    result = story.result(records, ExitCode.CANNOT_START, 0, "no token")
    assert "nothing was sent" not in text_of(result)


def test_long_lists_are_cut_and_said_to_be(story: Any) -> None:
    """Many causes and many doubts end with how many more the report has."""
    records = [
        story.record(Outcome.FAILED, number, Problem(f"CODE_{number}", "x")) for number in range(30)
    ]
    records += [story.record(Outcome.UNKNOWN, number, NO_ANSWER) for number in range(100, 150)]
    text = text_of(story.result(records, ExitCode.UNKNOWN))
    assert "… and 10 more causes in the report" in text
    assert "… and 30 more unknown in the report" in text
    assert text.count("\n") < 100


def test_every_exit_code_of_a_run_has_a_next_step() -> None:
    """No exit code that a finished run can have leaves people without advice."""
    refused = {ExitCode.REFUSED, ExitCode.NO_MATCH}
    assert set(NEXT) == set(ExitCode) - refused


def test_lines_come_each_five_percent(story: Any) -> None:
    """36 items left of 40 yield 18 lines, none with a control character."""
    screen, stream = lines(story)
    drive(screen, story, settled(story, Outcome.INVOICED, 36))
    told = stream.getvalue().splitlines()
    assert len(told) == 1 + 18
    assert told[-1] == (
        "[20:15:38Z] 40/40 100%  earlier 4  invoiced 36  nothing to bill 0  failed 0  unknown 0  "
        "in flight 0  0/s of 10/s by the default"
    )
    assert all(line.isprintable() for line in told)


def test_fast_runs_are_not_told_line_by_line(story: Any) -> None:
    """However fast items settle, no more than one line a second says so."""
    screen, stream = lines(story)
    drive(screen, story, settled(story, Outcome.INVOICED, 36), seconds=0.1)
    assert len(stream.getvalue().splitlines()) == 1 + 3


def test_lines_come_each_thirty_seconds(story: Any) -> None:
    """Where hardly anything is settled, a line still says that the run is alive."""
    header = story.header(400, 40)
    screen, stream = lines(story)
    with screen:
        screen.started(header)
        header.live.take(InFlight(3, 5))
        for event in settled(story, Outcome.INVOICED, 3):
            story.later(30)
            header.live.take(event)
            screen.event(event)
    assert [line.split()[1] for line in stream.getvalue().splitlines()[1:]] == [
        "41/400", "42/400", "43/400",
    ]  # fmt: skip
    assert "in flight 3 of 5  " in stream.getvalue(), "how many may be is said beside how many are"


def test_lines_come_while_nothing_happens(story: Any) -> None:
    """A run that waits for minutes says so, though the engine has nothing to tell."""
    screen, stream = lines(story, tick=timedelta(milliseconds=2))
    with screen:
        screen.started(story.header(40, 4))
        story.later(31)
        until(lambda: "4/40 10%" in stream.getvalue())
        with screen.aside() as paper:
            story.later(31)
            time.sleep(0.02)
            paper.say(Text("confirm?"))
        until(lambda: stream.getvalue().count("4/40 10%") == 2)
    told = stream.getvalue()
    assert told.index("4/40 10%") < told.index("confirm?") < told.rindex("4/40 10%")


def test_a_line_names_the_pace_its_cause_the_waits_and_the_oldest_call(story: Any) -> None:
    """What the block shows on a terminal is in a log as well."""
    call = Leaving((story.item(7),), "zb1-x", Attempt(1, story.now, "track"))
    events: list[Event] = [InFlight(1, 5), call, Paced(2.5, Bound.SERVER), Limited("no")]
    screen, stream = lines(story)
    events += [Gated("no", 20.0), *settled(story, Outcome.INVOICED, 27)]
    drive(screen, story, events)
    last = stream.getvalue().splitlines()[-1]
    assert "  in flight 1 of 5  0/s of 2.5/s by the server  limits met 1, waited 20 s  " in last
    assert "  oldest in flight 29 s: 2c93808457d787030157e0306be50007  " in last
    assert last.endswith(" left, until 20:15:44Z")


def test_a_line_names_the_wait_that_holds_the_run_up(story: Any) -> None:
    """Whoever reads the log in the midst of a wait sees what for: it is told once when it began."""
    live = story.header(40, 4).live
    live.take(Gated("no connection", 60.0, Hold.UNREACHABLE))
    story.later(20.0)
    assert "  waiting 40 s: no connection" in on_a_line(live.figures(), story.now)
    story.later(39.5)
    assert "waiting" not in on_a_line(live.figures(), story.now)


def test_a_wait_that_is_over_at_once_is_not_told(story: Any) -> None:
    """Nobody has read of it before it ends; who wants to see all of it does."""
    short, longer = Gated("no", 0.9), Gated("no", 1.0)
    assert Notices(5).of(short) is None
    assert Notices(5).of(longer) is not None
    assert Notices(5, verbose=True).of(short) is not None


def test_each_kind_of_failure_is_told_once(story: Any) -> None:
    """On lines a cause is told when it is new; verbose tells every item."""
    events = [
        *settled(story, Outcome.FAILED, 9, INACTIVE),
        *settled(story, Outcome.UNKNOWN, 9, NO_ANSWER),
        *settled(story, Outcome.INVOICED, 9),
    ]
    screen, stream = lines(story, regular=False)
    drive(screen, story, events)
    assert len(stream.getvalue().splitlines()) == 1 + 2
    screen, stream = lines(story, regular=False, verbose=True)
    drive(screen, story, events)
    assert len(stream.getvalue().splitlines()) == 1 + 27


def test_from_when_doubt_can_be_settled_is_told_as_it_comes_up(story: Any) -> None:
    """It stands at the end of a message that may be long, and is what a person needs of it."""
    screen, stream = lines(story, regular=False)
    drive(screen, story, settled(story, Outcome.UNKNOWN, 1, RESTING))
    said = " ".join(stream.getvalue().split())
    assert "from 2026-11-30 21:15:41 UTC zbatch run or zbatch reconcile can settle it" in said


def test_waits_and_the_end_are_told(story: Any, golden: Callable[[str, str], None]) -> None:
    """What holds a run up is said with the reason and for how long."""
    screen, stream = lines(story, verbose=True, regular=False)
    events: list[Event] = [
        Gated("REQUEST_EXCEEDED_LIMIT: too many requests", 120.0),
        Retrying((story.item(1),), "lock competition", 1.5),
        Retrying((story.item(1), story.item(2)), "lock competition", 0.25),
        Stopping(
            "interrupted by SIGINT", 3, "a second signal ends at once and leaves them unknown"
        ),
        Stopping("the server answered 422", 0),
        Stopping("interrupted by SIGINT", 0, "awaiting the calls in flight"),
    ]
    drive(screen, story, events)
    golden("waits", stream.getvalue())


def test_many_failures_of_a_kind_are_told_as_counts(story: Any) -> None:
    """Five scroll by one by one, then the count at 10, 20, 50 and 100; a new kind begins anew."""
    notices = Notices(5, grouped=True)
    events = settled(story, Outcome.FAILED, 120, INACTIVE)
    said = [notice.plain for event in events if (notice := notices.of(event))]
    assert [line.split("  ")[0] for line in said[:5]] == ["failed"] * 5
    assert [line.split(" so far")[0] for line in said[5:]] == [
        f"{count} failed" for count in (10, 20, 50, 100)
    ]
    assert said[5].endswith("with INVALID_VALUE, the last of them " + said[5][-43:])
    (doubt,) = settled(story, Outcome.UNKNOWN, 1, NO_ANSWER)
    assert notices.of(doubt) is not None


def test_what_comes_aside_stays_when_the_block_comes_back(story: Any) -> None:
    """An answer typed at a question is not wiped: the block is drawn below it."""
    stream = Terminal()
    screen = Block(Paper(console_for(stream, {})), Notices(5), clock=story.clock)
    with screen:
        screen.started(story.header(40, 4))
        time.sleep(0.01)
        with screen.aside() as paper:
            paper.ask(Text("confirm? "))
            stream.write("confirm\n")  # as the terminal echoes it
        after = stream.getvalue().rpartition("confirm\n")[2]
        assert "in flight" in after
        assert not re.search(r"\x1b\[[0-9]*A|\x1b\[2K", after.partition("in flight")[0])


@pytest.mark.parametrize("width", [20, 40, 80, 120])
def test_the_block_fits_its_terminal(width: int, story: Any) -> None:
    """No line is wider, and what does not fit on one goes to the next, whole where it can."""
    stream = Terminal()
    console = console_for(stream, {"COLUMNS": f"{width}", "LINES": "24"})
    header = story.header(1249, 100)
    call = Leaving((story.item(7), story.item(8)), "zb1-x", Attempt(1, story.now, "track"))
    why = "REQUEST_EXCEEDED_LIMIT: the tenant takes nothing more for now"
    events: list[Event] = [InFlight(16, 16), call, Paced(2.5, Bound.SERVER), Limited(why)]
    events += [Gated(why, 60.0), *settled(story, Outcome.FAILED, 3, INACTIVE)]
    for event in events:
        story.later(1)
        header.live.take(event)
    console.print(Drawing(header.live, story.clock))
    told = ESCAPE.sub("", stream.getvalue()).splitlines()
    assert max(map(len, told)) < width, told
    words = " ".join(line.strip() for line in told)
    assert "103/1,249" in words
    if width >= 40:
        figures = "failed 3", "unknown 0", "in flight 16 of 16", "limits met 1"
        for part in (*figures, "/s of 2.5/s by the"):
            assert part in words
        assert sum("━" in line for line in told) == 1
    if width >= 80:
        assert "oldest in flight 6 s: 2c93808457d787030157e0306be50007 and 1 more" in words
        assert "waiting 57 s: REQUEST_EXCEEDED_LIMIT" in words
        assert "left, until" in told[0]
        assert len(told) == 5


def test_the_block_says_that_the_run_stops(story: Any) -> None:
    """Instead of a wait, why nothing more is sent; no rest is expected any more."""
    stream = io.StringIO()
    header = story.header(40, 4)
    header.live.take(Gated("no", 60.0))
    header.live.take(Stopping("interrupted by SIGINT", 3))
    console_for(stream, {"COLUMNS": "80"}).print(Drawing(header.live, story.clock))
    told = stream.getvalue()
    assert " stopping: interrupted by SIGINT" in told
    assert "waiting" not in told
    assert "left" not in told


def test_bar_redraws_and_leaves_a_clean_terminal(story: Any) -> None:
    """On a terminal failures scroll above a bar, which is gone when the last block comes."""
    stream = Terminal()
    screen = Block(Paper(console_for(stream, {})), Notices(5), clock=story.clock)
    records = [story.record(Outcome.FAILED, number, INACTIVE) for number in range(5, 41)]
    with screen:
        screen.started(story.header(40, 4))
        for record in records:
            screen.event(Settled(record))
        screen.finished(story.result(records, ExitCode.FAILURES))
    drawn = stream.getvalue()
    assert drawn.count("\x1b[?25l") == drawn.count("\x1b[?25h") == 1
    assert ESCAPE.sub("", drawn).count("failed  2c93") == 5
    assert "━" not in drawn[drawn.index("\x1b[?25h") :]


def test_bar_goes_when_the_run_breaks_off(story: Any) -> None:
    """An error leaves the cursor visible and no bar behind."""
    stream = Terminal()
    screen = Block(Paper(console_for(stream, {})), Notices(5), clock=story.clock)
    with suppress(CannotStart), screen:
        screen.started(story.header(40, 4))
        raise CannotStart
    drawn = stream.getvalue()
    assert "━" in drawn
    assert "━" not in drawn[drawn.index("\x1b[?25h") :]


@pytest.mark.parametrize(
    ("stream", "wishes", "environment", "kind"),
    [
        (Terminal(), Wishes(), {}, Block),
        (Terminal(), Wishes(), {"TERM": "dumb"}, Lines),
        (io.StringIO(), Wishes(), {}, Lines),
        (io.StringIO(), Wishes(), {"FORCE_COLOR": "1"}, Lines),
        (Terminal(), Wishes(Style.LINES), {}, Lines),
        (Terminal(), Wishes(Style.NONE), {}, Lines),
        (Terminal(), Wishes(Style.BAR), {}, Block),
        (Terminal(), Wishes(Style.BAR), {"TERM": "dumb"}, Block),
        (io.StringIO(), Wishes(Style.BAR), {}, Lines),
        (Terminal(), Wishes(shared=True), {}, Lines),
        (Terminal(), Wishes(Style.BAR, quiet=True), {}, Quiet),
    ],
)
def test_the_screen_fits_the_stream(
    stream: io.StringIO, wishes: Wishes, environment: dict[str, str], kind: type
) -> None:
    """A bar needs a terminal that can move its cursor; a wish decides otherwise."""
    assert type(screen_for(stream, wishes, environment)) is kind


@pytest.mark.parametrize(
    ("stream", "environment", "coloured"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True),
        (io.StringIO(), {}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
    ],
)
def test_colour_is_asked_for_or_fits(
    stream: io.StringIO, environment: dict[str, str], coloured: bool, story: Any
) -> None:
    """FORCE_COLOR before NO_COLOR before what the stream is; no style at all without colour."""
    screen = Quiet(Paper(console_for(stream, environment)))
    screen.finished(story.result([story.record(Outcome.FAILED, 1, INACTIVE)], ExitCode.FAILURES))
    assert bool(ESCAPE.search(stream.getvalue())) is coloured


def test_quiet_shows_the_last_block_alone(story: Any) -> None:
    """Quiet means the last block and nothing before it."""
    stream = io.StringIO()
    screen = Quiet(Paper(console_for(stream, {})))
    drive(screen, story, settled(story, Outcome.FAILED, 9, INACTIVE))
    assert stream.getvalue() == ""
    screen.finished(story.result([story.record(Outcome.INVOICED)], ExitCode.OK))
    assert stream.getvalue().splitlines()[-1].endswith("(exit 0)")


@pytest.mark.parametrize("most", [1, 5])
def test_f144_hostile_text_cannot_reach_the_terminal(most: int, story: Any) -> None:
    """Escapes, links, direction marks, line breaks and a megabyte become one short line."""
    story.names = {"spec": HOSTILE, "tenant": HOSTILE, "file": HOSTILE}
    problem = Problem(HOSTILE, HOSTILE)
    events: list[Event] = [
        *settled(story, Outcome.FAILED, 2, problem),
        *settled(story, Outcome.UNKNOWN, 2, problem),
        Gated(HOSTILE, 1.0),
        Retrying((story.item(1),), HOSTILE, 1.0),
        Stopping(HOSTILE, 1, HOSTILE),
    ]
    screen, stream = lines(story, most, verbose=True)
    drive(screen, story, events)
    records = [event.record for event in events if isinstance(event, Settled)]
    screen.finished(story.result(records, ExitCode.UNKNOWN, stop=HOSTILE))
    told = stream.getvalue().splitlines()
    assert all(line.isprintable() for line in told)
    assert max(map(len, told)) < 1200
    assert len(told) < 40
