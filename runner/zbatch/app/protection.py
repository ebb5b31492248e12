"""What stands before a protected tenant: its name, repeated, and a ledger that is not lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zbatch.app.review.approval import Chosen
from zbatch.app.state import State
from zbatch.errors import CannotStart, Refused
from zbatch.model import Tenant
from zbatch.model.tenants import folder_of


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is told before naming a protected tenant."""

    chosen: Chosen
    state: State
    new_ledger: bool

    @property
    def tenant(self) -> Tenant:
        """The tenant that is to be named."""
        return self.chosen.plan.tenant


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What somebody has confirmed: the tenant's name, and the name again for a new ledger.

    `ask` puts the question where somebody can answer it, `tell` says what is worth knowing where
    nobody is asked. `thrown_away` is true on a machine that lasts no longer than the run: a CI
    runner.
    """

    tenant: str | None = None
    new_ledger: str | None = None
    thrown_away: bool = False
    ask: Callable[[Question], str] | None = None
    tell: Callable[[Question], None] | None = None


UNCONFIRMED = Confirmation()


def confirm_run(chosen: Chosen, state: State, confirmation: Confirmation) -> None:
    """Let a run pass that is confirmed as far as its tenant asks for it, or raise `Refused`.

    A name that is given must be right even where none is needed: it says which tenant was meant.
    """
    tenant = chosen.plan.tenant
    _check_name("--confirm", confirmation.tenant, tenant)
    _check_name("--confirm-new-ledger", confirmation.new_ledger, tenant)
    fresh = not _has_ledger(tenant, state)
    if confirmation.new_ledger and not fresh:
        raise Refused(
            f"--confirm-new-ledger {tenant.name}: there is a ledger, {state.ledger(tenant)}; leave "
            f"the flag away, it is for a first run alone"
        )
    if fresh and not confirmation.new_ledger and (other := _same_host(tenant, state)):
        raise Refused(_under_another_name(tenant, other))
    if not tenant.protected:
        return
    if fresh and confirmation.thrown_away and not confirmation.new_ledger:
        raise Refused(_lost(tenant, state))
    _check_named(Question(chosen, state, fresh), confirmation)


def confirm_decisions(tenant: Tenant, confirmation: Confirmation, decisions: int) -> None:
    """Let a person's decisions on items of a protected tenant pass, or raise `Refused`.

    Questions alone need no confirmation: they change nothing that a tenant has.
    """
    _check_name("--confirm", confirmation.tenant, tenant)
    if tenant.protected and decisions and confirmation.tenant is None:
        raise Refused(_unnamed(tenant, "and what is accepted is not billed again"))


def require_ledger(tenant: Tenant, state: State) -> None:
    """Refuse to settle doubt in a ledger that was never used: that none is in it proves nothing."""
    if not _has_ledger(tenant, state):
        raise Refused(
            f"{_none_of(tenant, state)}, so nothing of it can be in doubt here; name the folder by "
            f"--state-dir, or bring its ledger back"
        )


def _has_ledger(tenant: Tenant, state: State) -> bool:
    # Loaded here, because most commands look at no ledger.
    from zbatch.ledger.glance import has_begun

    return has_begun(state.ledger(tenant).parent)


def _same_host(tenant: Tenant, state: State) -> Path | None:
    """Find a ledger by which calls were sent that may be the tenant's own: of no entity, or of one.

    Ledger and keys go by the entity as it is written, so that one who writes it down anew, or no
    more, begins anew beside what is in doubt.
    """
    whole = folder_of(tenant.host, None)
    there = sorted(state.root.iterdir()) if state.root.is_dir() else []
    others = (
        folder
        for folder in there
        if (folder.name == whole if tenant.entity_id else folder.name.startswith(f"{whole}-"))
    )
    return next(filter(_has_sent, others), None)


def _has_sent(folder: Path) -> bool:
    """Tell whether the ledger in a folder holds any send; one that cannot be read may."""
    from zbatch.ledger.glance import Glance, glance

    def sent(ledger: Glance) -> bool:
        return any(any(ledger.sends(run.id)) for run in ledger.runs())

    try:
        return bool(glance(folder, sent))
    except CannotStart:
        return True


def _under_another_name(tenant: Tenant, other: Path) -> str:
    now, then = ("an", "without one") if tenant.entity_id else ("no", "with one")
    return (
        f"the tenant {tenant.name} has {now} entity_id, and there is a ledger of its host {then}: "
        f"{other}. If both are one tenant, write entity_id as before: what is in doubt there would "
        f"be billed again. If they are two, --confirm-new-ledger {tenant.name}"
    )


def _none_of(tenant: Tenant, state: State) -> str:
    path = state.ledger(tenant)
    which = "the protected tenant" if tenant.protected else "tenant"
    none = f"there is no ledger of {which} {tenant.name} in {state.root}"
    return f"{none} ({path} is there and holds no run)" if path.exists() else none


def _check_named(question: Question, confirmation: Confirmation) -> None:
    tenant = question.tenant
    if confirmation.tenant:
        if confirmation.tell:
            confirmation.tell(question)
        return
    if confirmation.ask is None:
        raise Refused(_unnamed(tenant, "and what it bills is real"))
    if confirmation.ask(question) != tenant.name:
        raise Refused(f"that is not the tenant's name, {tenant.name}: nothing was sent")


def _check_name(flag: str, given: str | None, tenant: Tenant) -> None:
    if given is not None and given != tenant.name:
        raise Refused(f"{flag} {given}: the tenant is {tenant.name}; nothing was sent")


def _unnamed(tenant: Tenant, why: str) -> str:
    name = tenant.name
    return f"the tenant {name} is protected, {why}: repeat its name with --confirm {name}"


def _lost(tenant: Tenant, state: State) -> str:
    return (
        f"{_none_of(tenant, state)}, and this machine is a CI runner, which is thrown away: "
        f"restore the folder of the last run before this one. Only if nothing was ever billed "
        f"there, --confirm-new-ledger {tenant.name}"
    )
