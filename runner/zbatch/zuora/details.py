"""Ask a tenant all that it tells of invoices: money, currency, tax.

These questions only read, and nothing is sent because of them: so they may ask by a later WSDL
version than calls do, and without a field or a version that the tenant does not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zbatch.model import Invoice
from zbatch.zuora.pages import MissingField, Page, read_page_of
from zbatch.zuora.query import BRANCHES, FIELDS, REQUIRED, Wanted
from zbatch.zuora.query_reply import invoice_of
from zbatch.zuora.reply import NoRows, Refused
from zbatch.zuora.wire import Reply

SINCE = {"Currency": 147, "TaxStatus": 100, "TaxMessage": 100}  # versions of the WSDL
EVERY_FIELD = (*FIELDS, "Balance", *SINCE)
OPTIONAL = frozenset(EVERY_FIELD) - REQUIRED
NEWER_WSDL = "X-Zuora-WSDL-Version"  # named as missing where the tenant knows none so late
WHOLE_ACCOUNTS = 25  # of which a question asks for every invoice: a page holds 2,000 of them


def without(fields: frozenset[str], missing: str) -> frozenset[str]:
    """Give the fields that are left to ask for where one of them, or the version, is missing."""
    return fields - (SINCE.keys() if missing == NEWER_WSDL else {missing})


def wsdl_of(fields: frozenset[str]) -> int:
    """Tell the least version of the WSDL that knows all of these fields; 0 is any."""
    return max((SINCE.get(name, 0) for name in fields), default=0)


def dates_question(wanted: Sequence[Wanted], fields: frozenset[str]) -> str:
    """Ask for the invoices of accounts and target dates, at most `BRANCHES` of them."""
    if not 0 < len(wanted) <= BRANCHES:
        raise ValueError(f"a question has from 1 to {BRANCHES} branches")
    return _question(
        fields,
        [
            f"AccountId = '{one.account_id}' and TargetDate = '{one.target_date.isoformat()}'"
            for one in wanted
        ],
    )


def accounts_question(wanted: Sequence[Wanted], fields: frozenset[str]) -> str:
    """Ask for all invoices of some accounts, whatever their dates."""
    accounts = dict.fromkeys(one.account_id for one in wanted)
    if not 0 < len(accounts) <= WHOLE_ACCOUNTS:
        raise ValueError(f"a question is about 1 to {WHOLE_ACCOUNTS} accounts")
    return _question(fields, (f"AccountId = '{account}'" for account in accounts))


def _question(fields: frozenset[str], branches: Iterable[str]) -> str:
    # Templates are safe here because Wanted holds hexadecimal digits and real dates only.
    if not REQUIRED <= fields <= frozenset(EVERY_FIELD):
        raise ValueError("a question needs its required fields, and knows no others")
    names = ", ".join(name for name in EVERY_FIELD if name in fields)
    return " ".join(("select", names, "from Invoice where", " or ".join(branches)))


def read_details(reply: Reply) -> Page[Invoice] | MissingField | NoRows:
    """Read a reply to such a question; total, and a page only where nothing in it is guessed."""
    page = read_page_of(reply, invoice_of, OPTIONAL)
    if isinstance(page, Refused) and page.problem.code == "INVALID_VERSION":
        return MissingField(NEWER_WSDL)
    return page
