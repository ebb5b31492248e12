"""Sort the error codes of a row: what each says about the item's transaction.

The codes are those of the SOAP API page Errors, which Actions share, and a few more that clients
have met. Lists grow without notice, so a code that is not here is uncertain, never definite.
"""

from __future__ import annotations

from enum import StrEnum


class RowClass(StrEnum):
    """What a row says about one item."""

    SUCCESS = "success"
    NOTHING_TO_BILL = "nothing_to_bill"
    RETRY = "retry"  # rolled back, may succeed later
    UNCERTAIN = "uncertain"  # may have been executed: ask the tenant
    TERMINATED = "terminated"  # "do not retry": ask the tenant, then failed
    DEFINITE = "definite"  # refused for a reason that stays


CONCURRENCY_CODES = frozenset({"REQUEST_EXCEEDED_LIMIT", "50000070"})
"""Too many requests were under way at once."""

LIMIT_CODES = CONCURRENCY_CODES | {"REQUEST_EXCEEDED_RATE", "70"}
"""The server takes no more for now: the whole run waits, whichever item was told so."""

LIMIT_MESSAGES = frozenset({"request exceeded limit"})

LOGIN_CODES = frozenset({"INVALID_SESSION", "INVALID_LOGIN", "90000011"})
"""The token was not accepted: says nothing about the item."""

LOGIN_MESSAGES = frozenset({"no bearer token", "authentication error"})

_R, _U, _T, _D = RowClass.RETRY, RowClass.UNCERTAIN, RowClass.TERMINATED, RowClass.DEFINITE

# code: (class, what it means for people); one block a class, with the reason for the class
_CODES: dict[str, tuple[RowClass, str]] = {
    # The page says to try again; the row's own transaction was rolled back or never begun.
    "LOCK_COMPETITION": (_R, "Another operation was working on the account at that moment."),
    "TEMPORARY_ERROR": (_R, "Zuora had a passing problem."),
    "REQUEST_EXCEEDED_LIMIT": (_R, "Too many requests were under way in the tenant."),
    "REQUEST_EXCEEDED_RATE": (_R, "The tenant's request rate was used up."),
    # The server itself does not say how far it got.
    "UNKNOWN_ERROR": (_U, "Zuora failed and does not say why, nor how far it got."),
    "TRANSACTION_TIMEOUT": (_U, "Zuora took too long and does not say how far it got."),
    "TRANSACTION_FAILED": (_U, "Zuora's transaction failed and does not say how far it got."),
    "SERVER_UNAVAILABLE": (_U, "A part of Zuora was out of reach while it worked."),
    "UNEXPECTED_ERROR": (_U, "Zuora met an error that it did not expect."),
    "BATCH_FAIL_ERROR": (_U, "Zuora failed while it worked on several objects."),
    "REQUEST_REJECTED": (_U, "Zuora rejected the request without a documented reason."),
    # The page: "do not retry"; not said to be rolled back.
    "TRANSACTION_TERMINATED": (_T, "Zuora stopped the transaction and asks not to repeat it."),
    # Refused by a check before any work, and refused again until somebody changes something.
    "INVALID_FIELD": (_D, "A field of the request is not known or not allowed."),
    "INVALID_ID": (_D, "The account does not exist in this tenant or entity."),
    "INVALID_LOGIN": (_D, "The user or its password was not accepted."),
    "INVALID_SESSION": (_D, "The session was not accepted."),
    "INVALID_TYPE": (_D, "The object type of the request is not allowed."),
    "INVALID_VALUE": (_D, "A value was refused; the message says which."),
    "INVALID_VERSION": (_D, "The WSDL version of the request is not supported."),
    "MISSING_REQUIRED_VALUE": (_D, "A required value was missing."),
    "ACCOUNTING_PERIOD_CLOSED": (_D, "The invoice date lies in a closed accounting period."),
    "API_DISABLED": (_D, "API access is switched off for the tenant."),
    "NO_PERMISSION": (_D, "The API user may not do this."),
    "MAX_RECORDS_EXCEEDED": (_D, "The call carried more objects than Zuora takes."),
    "MALFORMED_QUERY": (_D, "A query was not understood."),
    "CANNOT_DELETE": (_D, "An object cannot be deleted."),
    "DUPLICATE_VALUE": (_D, "A value that must be unique is taken."),
}

MEANINGS: dict[str, str] = {code: meaning for code, (_, meaning) in _CODES.items()}
"""One plain sentence for each known code."""

# From the least to the most cautious: a row with several errors gets the most cautious class.
CAUTION = (
    RowClass.NOTHING_TO_BILL,
    RowClass.DEFINITE,
    RowClass.RETRY,
    RowClass.TERMINATED,
    RowClass.UNCERTAIN,
)

NOTHING_DUE = "no charges due"
_LOCKED = ("lock competition", "optimistic locking failed")


def classify(code: str, message: str) -> RowClass:
    """Sort one error of a row.

    Before WSDL version 60 locks come as INVALID_VALUE or UNKNOWN_ERROR, and nothing due is never
    more than an INVALID_VALUE: both are told by their message alone.
    """
    known = _CODES[code][0] if code in _CODES else RowClass.UNCERTAIN
    text = message.casefold()
    if known is RowClass.TERMINATED:
        return known
    if any(phrase in text for phrase in _LOCKED):
        return RowClass.RETRY
    if code == "INVALID_VALUE" and NOTHING_DUE in text:
        return RowClass.NOTHING_TO_BILL
    return known
