"""Ask the tenant for all that it tells of invoices, in the run's own rate and places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from zbatch.engine.asking import Inquiry, Without, invoices_read
from zbatch.engine.ending import StopReason
from zbatch.model import Invoice
from zbatch.zuora.details import (
    EVERY_FIELD,
    WHOLE_ACCOUNTS,
    accounts_question,
    dates_question,
    read_details,
    without,
    wsdl_of,
)
from zbatch.zuora.query import Wanted
from zbatch.zuora.query_reply import Asked, of_accounts, of_dates


class Details:
    """Answers with every field that the tenant has; what it lacks is asked for once."""

    def __init__(self, inquiry: Inquiry) -> None:
        self._inquiry = inquiry
        self._fields = frozenset(EVERY_FIELD)

    @property
    def asked(self) -> int:
        """How many requests left."""
        return self._inquiry.asked

    async def of_dates(self, wanted: Sequence[Wanted]) -> tuple[Invoice, ...]:
        """Give the invoices of a question's worth of accounts and dates; raises `Unanswered`."""
        question = partial(dates_question, wanted)
        return await self._answer(question, of_dates(wanted))

    async def of_accounts(self, wanted: Sequence[Wanted]) -> tuple[Invoice, ...]:
        """Give all invoices of the accounts, whatever their dates; raises `Unanswered`."""
        accounts = tuple({one.account_id: one for one in wanted}.values())
        starts = range(0, len(accounts), WHOLE_ACCOUNTS)
        parts = [accounts[start : start + WHOLE_ACCOUNTS] for start in starts]
        return tuple([one for part in parts for one in await self._some_accounts(part)])

    async def _some_accounts(self, some: Sequence[Wanted]) -> tuple[Invoice, ...]:
        question = partial(accounts_question, some)
        return await self._answer(question, of_accounts(some))

    async def _answer(
        self, question: Callable[[frozenset[str]], str], asked: Asked
    ) -> tuple[Invoice, ...]:
        while True:
            fields = self._fields  # another question may learn meanwhile what the tenant refuses
            # looked up at each use: saboteurs take the place of these functions
            reading = invoices_read(lambda reply: read_details(reply), asked, wsdl_of(fields))
            try:
                _, found = await self._inquiry.answer(question(fields), reading)
                return found
            except Without as unknown:
                left = without(fields, unknown.name)
                if left == fields:
                    self._inquiry.stop(
                        StopReason.QUESTION,
                        f"the tenant refuses {unknown.name}, which is not asked for any more",
                    )
                self._fields &= left
