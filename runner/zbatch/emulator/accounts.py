"""The accounts that a query finds: those of the book, or any where there is none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property

from zbatch.emulator.book import Book, id_of_number, number_of
from zbatch.emulator.zoql import Query, Record


class AccountTable:
    """A tenant's accounts as records, found by number without looking at all of them."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def readable(self, query: Query, _: object) -> list[Record]:
        """Read the accounts that a query may find; they are the same at any moment."""
        return self._records(self._among(query))

    def by_id(self, ids: Iterable[str], _: object) -> list[Record]:
        """Read the accounts with these IDs."""
        return self._records(ids)

    def by_key(self, key: str) -> Record | None:
        """Read the account with this ID or number; of several with it, the first."""
        ids = (key.lower(), *sorted(self._with_number(key)))
        return next(iter(self._records(ids)), None)

    def _among(self, query: Query) -> Iterable[str]:
        """Name the accounts that a query may find; without a book those that it names itself."""
        named = query.named("Id"), query.named("AccountNumber")
        if named[0] is not None:
            return sorted(named[0])
        if named[1] is not None:
            return sorted({one for number in named[1] for one in self._with_number(number)})
        return sorted(self._book.listed or ())

    def _with_number(self, number: str) -> Iterable[str]:
        if self._book.listed is not None:
            return self._by_number.get(number, ())
        account_id = id_of_number(number)
        return () if account_id is None else (account_id,)

    @cached_property
    def _by_number(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for account_id, account in (self._book.listed or {}).items():
            found[number_of(account_id, account)].append(account_id)
        return found

    def _records(self, ids: Iterable[str]) -> list[Record]:
        accounts = ((account_id, self._book.find(account_id)) for account_id in ids)
        return [
            {
                "Id": one,
                "AccountNumber": number_of(one, account),
                "Status": account.status.value,
                "Currency": account.currency,
            }
            for one, account in accounts
            if account is not None
        ]
