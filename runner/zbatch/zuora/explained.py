"""Say of each of Zuora's codes what it means, what zbatch makes of it, and what is left to do."""

from __future__ import annotations

from dataclasses import dataclass

from zbatch.zuora.codes import LIMIT_CODES, LOGIN_CODES, MEANINGS, RowClass, classify

_MADE_OF_IT: dict[RowClass, tuple[str, str]] = {
    RowClass.RETRY: (
        "Nothing was made. The run sends the item again under its next key, as often as the"
        " spec's retry.max_attempts allows; then it is failed.",
        "Mostly nothing. If it stays failed: zbatch run SPEC --retry-failed at a quieter hour.",
    ),
    RowClass.UNCERTAIN: (
        "An invoice may have been made all the same, so the item is unknown until its key has"
        " rested and the tenant was asked. Nothing there: it is sent under its next key, twice at"
        " most; then it is failed.",
        "Run the spec again after the time that the report names. Bill nothing by hand before.",
    ),
    RowClass.TERMINATED: (
        "The item is unknown until its key has rested and the tenant was asked. Nothing there: it"
        " is failed, and not sent again by itself.",
        "Run the spec again after the time that the report names; if it is failed by then, mend"
        " the cause in Zuora, then zbatch run SPEC --retry-failed.",
    ),
    RowClass.DEFINITE: (
        "Nothing was made, and the same call would be refused again: the item is failed. Where"
        " an earlier send of it was not answered, that one may have billed it: then the item is"
        " unknown until its key has rested and the tenant was asked; nothing there: it is failed.",
        "Once it is failed: mend the cause in Zuora or in the spec, then zbatch run SPEC"
        " --retry-failed. While it is unknown: run the spec again after the time that the report"
        " names, and bill nothing by hand before.",
    ),
}
_WAITING = (
    "Nothing was made. The whole run waits, then sends the item again.",
    "Mostly nothing. If runs wait for long: see what else uses the tenant's quota at that hour.",
)
_REFUSED = (
    "The token was not accepted, which says nothing about the item. A new one is asked for; if"
    " that is refused too, the run stops.",
    "zbatch doctor says what is wrong with the credentials; then run the spec again.",
)


@dataclass(frozen=True, slots=True)
class ZuoraCode:
    """What there is to say of one code of Zuora's."""

    code: str
    meaning: str
    consequence: str
    mend: str


def zuora_codes() -> dict[str, ZuoraCode]:
    """Give all codes that zbatch knows, by name; any other is treated like UNKNOWN_ERROR."""
    return {code: ZuoraCode(code, meaning, *_made_of(code)) for code, meaning in MEANINGS.items()}


def _made_of(code: str) -> tuple[str, str]:
    if code in LIMIT_CODES:
        return _WAITING
    return _REFUSED if code in LOGIN_CODES else _MADE_OF_IT[classify(code, "")]
