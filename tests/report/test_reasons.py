"""Every code that a report may hold is explained, from the source that `zbatch explain` has too."""

from __future__ import annotations

from zbatch.app.reporting import explain
from zbatch.report.codes import OWN_CODES
from zbatch.zuora.codes import MEANINGS


def test_every_code_of_its_own_says_who_mends_it() -> None:
    """Only what goes with an invoice needs nobody."""
    assert {own.code for own in OWN_CODES.values() if not own.mender} == {
        "ACCEPTED",
        "ALREADY_THERE",
        "AUTHOR_NOT_PROVED",
    }


def test_every_known_code_is_explained() -> None:
    """Meaning, mender and what to do; of an unknown one the message says most."""
    for code in (*OWN_CODES, *MEANINGS, "HTTP_500"):
        reason = explain(code)
        assert reason is not None
        assert reason.meaning.endswith(".")
        assert reason.mend.endswith(".")
    status = explain("HTTP_500")
    assert status is not None
    assert status.mender == OWN_CODES["IN_DOUBT"].mender
    assert explain("INVALID_ID").mender == "whoever wrote the spec"  # type: ignore[union-attr] # it is known
    assert explain("SOMETHING_NEW") is None


def test_an_old_answer_is_explained_of_calls_and_of_questions() -> None:
    """Either may meet one: who reads of a stored question is not sent to look for an invoice."""
    told = OWN_CODES["OLD_ANSWER"]
    assert "answer to a call" in told.meaning
    assert "answer to a question" in told.meaning
    assert "store what the tenant answers" in told.mend
