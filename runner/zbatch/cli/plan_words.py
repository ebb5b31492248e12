"""What is said of a plan in words, the same on a terminal and in a pull request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from zbatch.app.review.estimate import Use
from zbatch.app.review.in_turn import INVOICE_SECONDS
from zbatch.app.review.online import Online, to_the_last
from zbatch.app.review.preview import Preview
from zbatch.app.review.swings import Swings
from zbatch.cli.amounts import grouped
from zbatch.cli.called import RETRY_FAILED
from zbatch.cli.words import counted, duration
from zbatch.engine.money import added
from zbatch.model import Charges, Outcome
from zbatch.spec.plan_diff import Dates, DatesChange, PlanDiff

_MOST_DATES = 3  # of one account, in one line
_MOST_REASONS = 10
_MOST_SWINGS = 5


def counts(view: Preview) -> str:
    """Say how much it is."""
    return " · ".join(
        (
            counted(view.counts.items, "item"),
            counted(view.counts.accounts, "account"),
            counted(view.counts.calls, "call"),
        )
    )


def changed(difference: PlanDiff) -> str:
    """Say how many accounts changed, those first that are missing."""
    gone, new, redated = difference.gone.count, difference.new.count, difference.redated
    said = []
    if gone:
        said.append(f"{counted(gone, 'account')} disappeared")
    if difference.kept_out:
        said.append(f"{counted(difference.kept_out, 'account')} excluded")
    if new:
        said.append(f"{new:,} new")
    if redated:
        said.append(f"{redated:,} with other dates")
    return ", ".join(said) if said else "no account is new, gone, or has other dates"


def compared(difference: PlanDiff) -> str:
    """Say how much it was compared with, and how."""
    before = difference.before
    how = (
        "dates count from each side's own period"
        if difference.relative
        else "dates are compared as they are, since not both have a period"
    )
    return f"{counted(before.accounts, 'account')} and {counted(before.items, 'item')}; {how}"


def dates_now(change: DatesChange) -> str:
    """Say the dates that accounts have now; one that did not move with the period is suspect."""
    kept = ", the same as then: were they to move on?" if change.before == change.after else ""
    return f"{dates_of(change.after)}{kept}"


def dates_of(dates: Dates) -> str:
    """Say an account's dates."""
    said = []
    for target, invoice, revision in dates[:_MOST_DATES]:
        text = str(target) if target == invoice else f"{target} (invoice {invoice})"
        said.append(text + (f" revision {revision}" if revision > 1 else ""))
    more = len(dates) - _MOST_DATES
    return ", ".join(said) + (f" and {more:,} more" if more > 0 else "")


def charges(kinds: Charges) -> str:
    """Say which charges an invoice takes in."""
    names = (("one-time", kinds.one_time), ("recurring", kinds.recurring), ("usage", kinds.usage))
    taken = [name for name, chosen in names if chosen]
    left = [name for name, chosen in names if not chosen]
    if not left:
        return "one-time, recurring and usage"
    return f"{' and '.join(taken) or 'none'} (not {' nor '.join(left)})"


def numbered(view: Preview) -> str:
    """Say how many accounts are still to be looked up; nothing where there are none."""
    number = view.counts.by_number
    if not number:
        return ""
    verb = "is" if number == 1 else "are"
    return f"{number:,} of the accounts {verb} named by number, and looked up when it is run"


def period(view: Preview, quote: Callable[[str], str]) -> str:
    """Say the month, and in whose calendar its days are meant; nothing where neither is named."""
    spec = view.plan.spec
    return ", ".join(quote(one) for one in (spec.period, spec.timezone) if one)


def rules(view: Preview) -> Iterator[tuple[str, str]]:
    """Say by label what the spec itself holds a run to, as far as it does."""
    for label, said in (("expect", expect(view)), ("stages", stages(view)), ("stop", stop(view))):
        if said:
            yield label, said


def stages(view: Preview) -> str:
    """Say after how many items a person looks; nothing where nobody does."""
    cuts = view.plan.spec.stages
    if not cuts:
        return ""
    counts = ", then ".join("the rest" if cut is None else f"{cut:,}" for cut in cuts)
    return f"{counts}; a person looks at each stage before the next begins"


def stop(view: Preview) -> str:
    """Say at which numbers a run stops itself; nothing where it has no rule."""
    rules = view.plan.spec.stop
    said = []
    if rules.failures is not None:
        said.append(f"at {counted(rules.failures, 'failure')}")
    if rules.failure_ratio is not None:
        least = counted(rules.min_sample, "item")
        said.append(f"at a failure ratio of {rules.failure_ratio:g} (from {least} on)")
    if rules.unknown is not None:
        said.append(f"at {rules.unknown:,} unknown")
    if rules.consecutive_failures is not None:
        said.append(f"at {counted(rules.consecutive_failures, 'failure')} in a row")
    if rules.deadline is not None:
        said.append(f"after {duration(rules.deadline)}")
    return ", ".join(said)


def expect(view: Preview) -> str:
    """Say what the plan must come to, and when that is checked; nothing where nothing is."""
    wanted = view.plan.spec.expect
    if wanted is None:
        return ""
    said = []
    if wanted.accounts is not None:
        said.append(counted(wanted.accounts, "account"))
    if wanted.items is not None:
        said.append(counted(wanted.items, "item"))
    if wanted.accounts_digest is not None:
        said.append(f"the accounts of digest {wanted.accounts_digest}")
    if not said:
        return ""
    # Of accounts by number nothing is certain before the tenant has said which ones they are.
    later = not view.plan.resolved
    when = "checked once the numbers are looked up" if later else "it comes to that"
    return f"{', '.join(said)}; {when}"


def excluded(view: Preview, quote: Callable[[str], str]) -> str:
    """Say how many accounts are kept out, and why; nothing where there are none."""
    said = [_kept_out(view.counts.excluded, quote)] if view.counts.excluded else []
    if view.counts.to_exclude:
        by_number = _kept_out(view.counts.to_exclude, quote)
        said.append(f"by number, counted in until the run looks it up, {by_number}")
    return "; ".join(said)


def _kept_out(reasons: Sequence[tuple[str, int]], quote: Callable[[str], str]) -> str:
    total = counted(sum(number for _, number in reasons), "account")
    said = [f"{number:,} for {quote(reason)}" for reason, number in reasons[:_MOST_REASONS]]
    if len(reasons) > _MOST_REASONS:
        rest = sum(number for _, number in reasons[_MOST_REASONS:])
        said.append(f"{rest:,} for {len(reasons) - _MOST_REASONS:,} other reasons")
    return f"{total}: {', '.join(said)}"


def online(found: Online) -> Iterator[str]:
    """Say what the tenant shows of what is left, a sentence each."""
    if not found.items:
        yield "nothing is left to ask about"
        return
    asked = f"{found.asked_at:%Y-%m-%d %H:%M} UTC, {counted(found.requests, 'question')}"
    yield f"asked about {counted(found.items, 'item')}, {asked}; nothing was sent"
    unknown, inactive = len(found.unknown), len(found.inactive)
    if not (unknown or inactive):
        yield "all of their accounts are there and active"
    if found.there:
        yield (
            f"{counted(len(found.there), 'item')} with an invoice there already, such as"
            f" {found.there[0].item.identity}: zbatch run makes no second one"
        )
    if found.drafts:
        yield (
            f"{counted(len(found.drafts), 'account')} with an open draft, such as"
            f" {found.drafts[0]}: a tenant may be set up to append to it"
        )


def estimated(found: Online) -> Iterator[str]:
    """Say what Zuora's previews come to, currency by currency, and that they promise nothing."""
    if found.estimates is None:
        return
    estimates = to_the_last(found.estimates)
    by_currency: dict[str, list[Decimal]] = defaultdict(list)
    untold = 0
    for one in estimates:
        if one.amount is not None and one.currency:
            by_currency[one.currency].append(one.amount)
        untold += one.amount is not None and not one.currency
    for currency, amounts in sorted(by_currency.items()):
        said = f"{grouped(added(amounts))} {currency} for {counted(len(amounts), 'account')}"
        nothing = sum(not amount for amount in amounts)
        yield f"{said}, {nothing:,} of them nothing" if nothing else said
    if untold:
        yield f"not added up for {counted(untold, 'account')}: the tenant tells no currency"
    without = [one for one in estimates if one.amount is None]
    if without:
        why = f": {without[0].problem.message}" if without[0].problem else ""
        first = without[0].item.identity.account_id
        yield f"none for {counted(len(without), 'account')}, such as {first}{why}"
    if len(estimates) < len(found.estimates):
        yield "of several dates the last one of an account: its preview takes in the earlier ones"
    yield "Zuora's previews, no promise: tax is not in them unless a price includes it"


def swung(found: Swings) -> Iterator[str]:
    """Say how estimates compare with what an earlier run has billed, and whose differ far."""
    if not found.changes:
        yield f"no account has both an estimate and an amount in run {found.run_id}"
        return
    for one in found.changes:
        yield (
            f"{counted(one.accounts, 'account')}: from {grouped(one.then)} {one.currency} in run"
            f" {found.run_id} to {grouped(one.now)} {one.currency} expected now"
        )
    if found.far:
        differ = f"{counted(len(found.far), 'account')} differ{'s' * (len(found.far) == 1)}"
        yield f"{differ} by more than a fifth, the greatest difference first:"
    for far in found.far[:_MOST_SWINGS]:
        yield f"{far.account_id}: from {grouped(far.then)} to {grouped(far.now)} {far.currency}"
    if more := len(found.far[_MOST_SWINGS:]):
        yield f"and {counted(more, 'more account')}"


def requests(view: Preview) -> str:
    """Say what is sent, if all goes well."""
    if not view.load.limited:
        return _nothing(view)
    most, unsure = view.load.calls, view.held.unsure
    calls = counted(most, "generate call")
    if unsure:  # each takes the same call once more, or a question alone settles it
        calls = f"{max(0, most - unsure - view.held.behind):,} to {calls}"
    asked = counted(view.load.questions, "question")
    total = f"{'at most ' if unsure else ''}{view.load.requests:,} if all goes well"
    return f"{total}: {calls}, {asked} and a token"


def _nothing(view: Preview) -> str:
    failed = f"what failed is sent with {RETRY_FAILED} only" if view.held.retries else ""
    if view.held.held_back:
        return "; ".join(filter(None, ("none: what is left is held back", failed)))
    if failed:
        return f"none: {failed}"
    if view.held.counts.get(Outcome.FAILED):
        return f"none: what failed is not sent with {RETRY_FAILED} either"
    return "none: nothing is left to do"


def time_needed(view: Preview) -> str:
    """Say how long it takes, what decides that, and what is assumed."""
    limits = view.plan.spec.limits
    if not view.load.limited:
        return _nothing(view)
    by = view.estimate.decided_by or ""
    ceiling = ", the tenant's ceiling," if by in view.plan.spec.lowered else ""
    limit = limits.rate if by == "rate" else limits.concurrency
    decides = f"the {by} of {limit}{ceiling} decides"
    if by == "account":
        decides = f"the {view.estimate.most} items of one account, one after the other, decide"
    return (
        f"about {duration(view.estimate.seconds)}; {decides}, if an"
        f" invoice takes {INVOICE_SECONDS:g} s (assumed)"
    )


def quotas(view: Preview) -> Iterator[str]:
    """Say what is used of each quota; nothing of a tenant without a kind."""
    for use in view.uses:
        if use.stretch == "day" or not use.fits:
            yield quota(use, view.plan.tenant.kind or "")


def quota(use: Use, kind: str) -> str:
    """Say what is used of one quota."""
    share = use.uses / use.allowed
    percent = "under 1 %" if share < 0.01 else f"{share:.0%}".replace("%", " %")
    fits = "" if use.fits else ", which is too much"
    return (
        f"{use.uses:,} of the {use.allowed:,} calls {use.each} of a tenant of kind {kind}"
        f" ({percent}){fits}"
    )
