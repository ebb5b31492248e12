"""What an account's drafts tell of a call that may have been appended to one: pure.

A tenant may put the charges of a generate call into a draft of another date, so that no invoice of
the item's own date is ever there. See docs/exactly-once.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from zbatch.model import Baseline, Draft


def appended(drafts: Iterable[Draft], baseline: Baseline | None) -> bool:
    """Tell whether a draft that was there before may have been appended to.

    It has, if its amount or update time is another or it is gone; where the tenant shows neither
    amount nor time, nobody can tell, and that counts as well; so does a draft of whose state
    before the send nothing is known.
    """
    now = {draft.id: draft for draft in drafts}
    if baseline is None:
        return bool(now)
    before = {draft.id: draft for draft in baseline.drafts}
    return any(now.get(draft_id) != draft or _blank(draft) for draft_id, draft in before.items())


def made_meanwhile(
    drafts: Iterable[Draft], baseline: Baseline | None, over: datetime
) -> tuple[Draft, ...]:
    """Give the drafts that were not there before, and may have been appended to all the same.

    Not those that were made once the call was `over`, nor those that are as they were made: where
    drafts are not appended to, none is left.
    """
    before = {draft.id for draft in baseline.drafts} if baseline else set()
    return tuple(draft for draft in drafts if draft.id not in before and _may_hold(draft, over))


def _may_hold(draft: Draft, over: datetime) -> bool:
    if draft.created_at is None:
        return True
    return draft.created_at <= over and draft.updated_at != draft.created_at


def remembering(baseline: Baseline, drafts: Sequence[Draft]) -> Baseline:
    """Add drafts of which nobody can tell any more what they were before the send."""
    blank = (Draft(draft.id, None, None) for draft in drafts)
    return replace(baseline, drafts=(*baseline.drafts, *blank))


def without(baseline: Baseline | None, draft_id: str | None) -> Baseline | None:
    """Leave a draft out of account."""
    if baseline is None or draft_id is None:
        return baseline
    kept = tuple(draft for draft in baseline.drafts if draft.id != draft_id)
    return replace(baseline, drafts=kept)


def _blank(draft: Draft) -> bool:
    return draft.amount is None and draft.updated_at is None
