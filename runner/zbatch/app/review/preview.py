"""All that is to be said of a plan before it is run, by whoever shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from zbatch.app.outstanding import Wish
from zbatch.app.review.approval import Chosen
from zbatch.app.review.counts import PlanCounts
from zbatch.app.review.estimate import Estimate, Use, estimate, too_much, uses
from zbatch.app.review.held import PLAIN, Held, held
from zbatch.app.review.in_turn import INVOICE_SECONDS, InTurn
from zbatch.app.review.load import Load
from zbatch.app.review.online import Online
from zbatch.app.review.swings import Swings
from zbatch.app.state import State
from zbatch.model import Limits, Plan
from zbatch.spec import find_project
from zbatch.spec.plan_diff import FAR, FEW, PlanDiff


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that somebody should have meant: a code, and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan with its counts; `load`, `estimate` and `uses` are of what is left to send.

    `online` is what the tenant shows of it, where it was asked; `swings` hold its estimates against
    an earlier run.
    """

    plan: Plan
    digest: str
    counts: PlanCounts
    held: Held
    load: Load
    estimate: Estimate
    uses: tuple[Use, ...]
    difference: PlanDiff | None = None
    warnings: tuple[Warned, ...] = ()
    online: Online | None = None
    swings: Swings | None = None


def preview(
    chosen: Chosen,
    state_dir: Path | None = None,
    other: str | None = None,
    wish: Wish = PLAIN,
) -> Preview:
    """Look at a plan, at what the ledger holds of it, and at what it is held against.

    `other` names that: a file, a run or a git revision. `wish` is what the run is to try again.
    Raises `Refused` where `other` names none.
    """
    plan = chosen.plan
    folder = State.of(find_project(chosen.spec).root, state_dir).root / plan.tenant.folder
    difference = None if other is None else _against(other, plan, folder)
    done = held(plan, chosen.counts.items, folder, wish)
    return look(plan, chosen.digest, chosen.counts, done, difference)


def _against(other: str, plan: Plan, folder: Path) -> PlanDiff:
    # Loaded here, because most plans are held against nothing.
    from zbatch.app.review.against import against

    return against(other, plan, folder)


def look(
    plan: Plan, digest: str, counts: PlanCounts, done: Held, difference: PlanDiff | None = None
) -> Preview:
    """Put together what was read; pure."""
    limits = plan.spec.limits
    in_turn = done.in_turn or counts.in_turn
    load = left(counts, done, limits, in_turn)
    least = left(counts, done, limits)  # what a run goes by where it refuses too much
    time = estimate(load, limits, in_turn.most if load.calls else 0)
    warnings = (*_far(difference), *_too_much(plan, least), *_too_long(plan, time))
    return Preview(
        plan=plan,
        digest=digest,
        counts=counts,
        held=done,
        load=load,
        estimate=time,
        uses=uses(load, limits, plan.tenant),
        difference=difference,
        warnings=warnings,
    )


def left(counts: PlanCounts, done: Held, limits: Limits, in_turn: InTurn | None = None) -> Load:
    """Tell the load of what the ledger does not hold as settled for good.

    Without knowing how it comes `in_turn`, that is the least.
    """
    calls = (counts.calls if done.calls is None else done.calls) + done.unsure
    sent = done.to_send + done.unsure
    load = Load.of(calls, sent + done.again, sent, limits, in_turn)
    return replace(load, before=load.before + counts.look_ups)


def with_online(view: Preview, online: Online) -> Preview:
    """Add what the tenant shows, and warn of accounts that it cannot bill."""
    warnings = (*view.warnings, *_absent(view.plan, online), *_inactive(online))
    return replace(view, online=online, warnings=warnings)


def _absent(plan: Plan, online: Online) -> Iterator[Warned]:
    if online.unknown:
        first = online.unknown[0]
        yield Warned(
            "ZB930",
            f"tenant {plan.tenant.name} shows no account for {len(online.unknown):,} of the items,"
            f" such as {first.identity.account_id} ({first.source.file}:{first.source.line});"
            " Zuora refuses them",
        )


def _inactive(online: Online) -> Iterator[Warned]:
    if online.inactive:
        yield Warned(
            "ZB931",
            f"not active in the tenant: {len(online.inactive):,} of the accounts, such as"
            f" {online.inactive[0]}; Zuora refuses them",
        )


def _far(difference: PlanDiff | None) -> Iterator[Warned]:
    if difference is None:
        return
    before, after = difference.before, difference.after
    for code, far, how in (
        ("ZB920", difference.far_more, "more"),
        ("ZB921", difference.far_fewer, "fewer"),
    ):
        if far:
            yield Warned(
                code,
                f"far {how} items than in {before.label}: {before.items:,} then, {after.items:,}"
                f" now, which is {FEW} or more and over {FAR * 100:.0f} %",
            )


def _too_much(plan: Plan, load: Load) -> Iterator[Warned]:
    for said in too_much(load, plan.spec.limits, plan.tenant):
        yield Warned("ZB922", f"{said}; zbatch run refuses this")


def _too_long(plan: Plan, time: Estimate) -> Iterator[Warned]:
    deadline = plan.spec.stop.deadline
    if deadline is not None and time.seconds > deadline:
        yield Warned(
            "ZB923",
            f"it takes about {timedelta(seconds=round(time.seconds))} h, if an invoice takes"
            f" {INVOICE_SECONDS:g} s, and stop.deadline ends a run after"
            f" {timedelta(seconds=round(deadline))} h; running again goes on",
        )
