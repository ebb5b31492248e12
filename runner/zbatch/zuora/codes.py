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

LOGIN_CODES = frozenset({"INVALID_SESSION", "INVALID_LOGIN", "90000011"})
"""The token was not accepted: says nothing about the item."""

AT_THE_DOOR = (
    LIMIT_CODES
    | LOGIN_CODES
    | {
        "API_DISABLED",
        "INVALID_FIELD",
        "INVALID_TYPE",
        "INVALID_VERSION",
        "MALFORMED_QUERY",
        "MAX_RECORDS_EXCEEDED",
        "NO_PERMISSION",
        "TEMPORARY_ERROR",
    }
)
"""Said of the tenant, its user or the request: perhaps before anybody has looked at the key."""

LIMIT_MESSAGES = frozenset({"request exceeded limit"})

LOGIN_MESSAGES = frozenset({"no bearer token", "authentication error"})

_R, _U, _T, _D = RowClass.RETRY, RowClass.UNCERTAIN, RowClass.TERMINATED, RowClass.DEFINITE

# Who usually mends it, as people say it to each other.
_ITSELF = "nobody: zbatch tries again"
_ZUORA = "Zuora's support, who ask for the request ID"
_ZBATCH = "the maintainers of zbatch"
_AUTHOR = "whoever wrote the spec"
_ADMIN = "the administrator of the Zuora tenant"
_ACCOUNT = "whoever looks after the account in Zuora"
_FINANCE = "whoever closes the accounting periods"

# code: (class, what it means for people, who mends it); one block a class, with the reason for it
_CODES: dict[str, tuple[RowClass, str, str]] = {
    # The page says to try again; the row's own transaction was rolled back or never begun.
    "LOCK_COMPETITION": (
        _R,
        "Another operation was working on the account at that moment.",
        _ITSELF,
    ),
    "TEMPORARY_ERROR": (_R, "Zuora had a passing problem.", _ITSELF),
    "REQUEST_EXCEEDED_LIMIT": (_R, "Too many requests were under way in the tenant.", _ITSELF),
    "REQUEST_EXCEEDED_RATE": (_R, "The tenant's request rate was used up.", _ITSELF),
    # The server itself does not say how far it got.
    "UNKNOWN_ERROR": (_U, "Zuora failed and does not say why, nor how far it got.", _ZUORA),
    "TRANSACTION_TIMEOUT": (_U, "Zuora took too long and does not say how far it got.", _ZUORA),
    "TRANSACTION_FAILED": (
        _U,
        "Zuora's transaction failed and does not say how far it got.",
        _ZUORA,
    ),
    "SERVER_UNAVAILABLE": (_U, "A part of Zuora was out of reach while it worked.", _ZUORA),
    "UNEXPECTED_ERROR": (_U, "Zuora met an error that it did not expect.", _ZUORA),
    "BATCH_FAIL_ERROR": (_U, "Zuora failed while it worked on several objects.", _ZUORA),
    "REQUEST_REJECTED": (_U, "Zuora rejected the request without a documented reason.", _ZUORA),
    # The page: "do not retry"; not said to be rolled back.
    "TRANSACTION_TERMINATED": (
        _T,
        "Zuora stopped the transaction and asks not to repeat it.",
        _ZUORA,
    ),
    # Refused by a check before any work, and refused again until somebody changes something.
    "INVALID_FIELD": (_D, "A field of the request is not known or not allowed.", _ZBATCH),
    "INVALID_ID": (_D, "The account does not exist in this tenant or entity.", _AUTHOR),
    "INVALID_LOGIN": (_D, "The user or its password was not accepted.", _ADMIN),
    "INVALID_SESSION": (_D, "The session was not accepted.", _ADMIN),
    "INVALID_TYPE": (_D, "The object type of the request is not allowed.", _ZBATCH),
    "INVALID_VALUE": (_D, "A value was refused; the message says which.", _ACCOUNT),
    "INVALID_VERSION": (_D, "The WSDL version of the request is not supported.", _ADMIN),
    "MISSING_REQUIRED_VALUE": (_D, "A required value was missing.", _ACCOUNT),
    "ACCOUNTING_PERIOD_CLOSED": (
        _D,
        "The invoice date lies in a closed accounting period.",
        _FINANCE,
    ),
    "API_DISABLED": (_D, "API access is switched off for the tenant.", _ADMIN),
    "NO_PERMISSION": (_D, "The API user may not do this.", _ADMIN),
    "MAX_RECORDS_EXCEEDED": (_D, "The call carried more objects than Zuora takes.", _AUTHOR),
    "MALFORMED_QUERY": (_D, "A query was not understood.", _ZBATCH),
    "CANNOT_DELETE": (_D, "An object cannot be deleted.", _ACCOUNT),
    "DUPLICATE_VALUE": (_D, "A value that must be unique is taken.", _ACCOUNT),
}

MEANINGS: dict[str, str] = {code: meaning for code, (_, meaning, _) in _CODES.items()}
"""One plain sentence for each known code."""

MENDERS: dict[str, str] = {code: mender for code, (_, _, mender) in _CODES.items()}
"""Who usually mends what each known code tells of."""

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


def leaves_open(code: str, message: str) -> bool:
    """Tell whether a whole answer with such an error leaves open how far its request got.

    A code that no list knows says no more than the status it came under.
    """
    refused = (RowClass.DEFINITE, RowClass.NOTHING_TO_BILL)
    return code in MEANINGS and classify(code, message) not in refused
