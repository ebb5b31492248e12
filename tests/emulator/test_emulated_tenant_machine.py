"""Any history of calls, replays, crashes and time: what a tenant holds to in all of them."""

from __future__ import annotations

from contextlib import ExitStack

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from support.emulator import driving, errors_of, row
from zbatch.emulator import Modes, SecondGenerate, ServerLimits
from zbatch.emulator.exchange import Answer
from zbatch.emulator.visit import Pending

PLACES = 3
ACCOUNTS = st.sampled_from(["d0", "d1", "f0"])
KEYS = st.sampled_from(["k0", "k1", "k2", "k3", "k4"])


class Histories(RuleBasedStateMachine):
    """An unguarded tenant: nothing but the keys keeps it from billing twice."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        modes = Modes(second_generate=SecondGenerate.BILLS_AGAIN)
        limits = ServerLimits(concurrency=PLACES, token_life=1e9)
        self.driver = self.stack.enter_context(driving(modes=modes, limits=limits))
        self.executing: list[Pending] = []
        self.first: dict[str, tuple[float, bytes]] = {}

    @rule(account=ACCOUNTS, key=KEYS)
    def call(self, account: str, key: str) -> None:
        """A kept key replays, one in progress or one too many is refused, all else begins."""
        content = {"objects": [row(account)], "type": "Invoice"}
        arrived = self.driver.arrive(self.driver.request(content, key))
        under_way = [pending.visit.key for pending in self.executing]
        set_at, body = self.first.get(key, (-1e9, b""))
        if len(under_way) == PLACES:
            assert isinstance(arrived, Answer)
            assert arrived.status == 429
        elif self.driver.now - set_at < 86_400:
            assert isinstance(arrived, Answer)
            assert (arrived.status, arrived.body) == (200, body)
        elif key in under_way:
            assert isinstance(arrived, Answer)
            assert arrived.status == 409
        else:
            assert isinstance(arrived, Pending)
            self.executing.append(arrived)

    @rule(which=st.integers(0, PLACES - 1))
    def finish(self, which: int) -> None:
        """An execution ends in an invoice, or in a lock row if its account was taken."""
        if which >= len(self.executing):
            return
        pending = self.executing.pop(which)
        before = len(self.driver.invoices)
        answer = self.driver.finish(pending)
        assert pending.visit.key is not None
        self.first[pending.visit.key] = (pending.visit.now, answer.body)
        created = len(self.driver.invoices) - before
        assert (errors_of(answer), created) in [([""], 1), (["LOCK_COMPETITION"], 0)]

    @rule(seconds=st.sampled_from([0.5, 60.0, 40_000.0]))
    def wait(self, seconds: float) -> None:
        """Time passes, up to the end of the next execution."""
        ends = [pending.due for pending in self.executing]
        self.driver.now = min(
            [self.driver.now + seconds, *(e for e in ends if e > self.driver.now)]
        )

    @rule()
    def crash(self) -> None:
        """What was in execution is gone, what was answered stays."""
        self.driver.restart()
        self.executing.clear()

    @invariant()
    def no_account_is_billed_by_two_at_once(self) -> None:
        """An account is held by one execution at most."""
        held = [account for pending in self.executing for account in pending.accounts]
        assert len(held) == len(set(held))

    @invariant()
    def invoices_differ(self) -> None:
        """No two invoices share an ID."""
        ids = [invoice.id for invoice in self.driver.invoices]
        assert len(ids) == len(set(ids))

    def teardown(self) -> None:
        """Close the store."""
        self.stack.close()


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
