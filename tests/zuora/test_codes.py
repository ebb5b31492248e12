"""The table of row error codes."""

from __future__ import annotations

import pytest

from zbatch.zuora.codes import (
    CAUTION,
    LIMIT_CODES,
    MEANINGS,
    MENDERS,
    RowClass,
    classify,
    leaves_open,
)

DOCUMENTED = {
    "API_DISABLED": RowClass.DEFINITE,
    "CANNOT_DELETE": RowClass.DEFINITE,
    "DUPLICATE_VALUE": RowClass.DEFINITE,
    "INVALID_FIELD": RowClass.DEFINITE,
    "INVALID_ID": RowClass.DEFINITE,
    "INVALID_LOGIN": RowClass.DEFINITE,
    "INVALID_SESSION": RowClass.DEFINITE,
    "INVALID_TYPE": RowClass.DEFINITE,
    "INVALID_VALUE": RowClass.DEFINITE,
    "INVALID_VERSION": RowClass.DEFINITE,
    "LOCK_COMPETITION": RowClass.RETRY,
    "MALFORMED_QUERY": RowClass.DEFINITE,
    "MAX_RECORDS_EXCEEDED": RowClass.DEFINITE,
    "MISSING_REQUIRED_VALUE": RowClass.DEFINITE,
    "REQUEST_EXCEEDED_LIMIT": RowClass.RETRY,
    "REQUEST_EXCEEDED_RATE": RowClass.RETRY,
    "SERVER_UNAVAILABLE": RowClass.UNCERTAIN,
    "TEMPORARY_ERROR": RowClass.RETRY,
    "TRANSACTION_FAILED": RowClass.UNCERTAIN,
    "TRANSACTION_TERMINATED": RowClass.TERMINATED,
    "TRANSACTION_TIMEOUT": RowClass.UNCERTAIN,
    "UNKNOWN_ERROR": RowClass.UNCERTAIN,
    "ACCOUNTING_PERIOD_CLOSED": RowClass.DEFINITE,
    "NO_PERMISSION": RowClass.DEFINITE,
    "UNEXPECTED_ERROR": RowClass.UNCERTAIN,
    "REQUEST_REJECTED": RowClass.UNCERTAIN,
    "BATCH_FAIL_ERROR": RowClass.UNCERTAIN,
}


@pytest.mark.parametrize("code", DOCUMENTED)
def test_each_known_code_has_its_class_and_meaning(code: str) -> None:
    """Each documented or met code is sorted as decided and explained in one sentence."""
    assert classify(code, "some message") is DOCUMENTED[code]
    assert MEANINGS[code].endswith(".")


def test_no_code_is_known_without_being_checked_here() -> None:
    """Nothing is in the table that this test does not hold."""
    assert set(MEANINGS) == set(MENDERS) == set(DOCUMENTED)
    assert all(MENDERS.values())
    assert {code for code in LIMIT_CODES if not code.isdigit()} <= set(MEANINGS)


@pytest.mark.parametrize("code", ["", "NEW_CODE", "invalid_value", "INVALID_SOMETHING_NEW", "70"])
def test_an_unlisted_code_is_uncertain(code: str) -> None:
    """A code that nobody has explained is never taken as a definite failure."""
    assert classify(code, "The account is invalid.") is RowClass.UNCERTAIN


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("INVALID_VALUE", "Operation failed due to a Lock Competition, retry.", RowClass.RETRY),
        ("UNKNOWN_ERROR", "operation failed due to a lock competition", RowClass.RETRY),
        ("BATCH_FAIL_ERROR", "Optimistic locking failed", RowClass.RETRY),
        ("InvalidValue", "lock competition", RowClass.RETRY),
        ("TRANSACTION_TERMINATED", "lock competition", RowClass.TERMINATED),
        ("INVALID_VALUE", "there are No Charges Due on this account.", RowClass.NOTHING_TO_BILL),
        ("UNKNOWN_ERROR", "no charges due", RowClass.UNCERTAIN),
        ("INVALID_ID", "no charges due", RowClass.DEFINITE),
    ],
)
def test_messages_that_decide(code: str, message: str, expected: RowClass) -> None:
    """Locks of older WSDL versions and nothing due are told by their message."""
    assert classify(code, message) is expected


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("LOCK_COMPETITION", "x", True),
        ("INVALID_VALUE", "lock competition", True),
        ("UNKNOWN_ERROR", "x", True),
        ("TRANSACTION_TERMINATED", "x", True),
        ("INVALID_ID", "x", False),
        ("INVALID_VALUE", "no charges due", False),
        ("53500050", "lock competition", False),
    ],
)
def test_what_leaves_open_how_far_a_request_got(code: str, message: str, expected: bool) -> None:
    """One rule for calls and questions; of an unlisted code the status alone tells."""
    assert leaves_open(code, message) is expected


def test_every_failure_class_has_its_place_in_the_order_of_caution() -> None:
    """A row with several errors finds each of their classes in the order."""
    assert set(CAUTION) == set(RowClass) - {RowClass.SUCCESS}
