"""What is allowed, and yet most often a slip: days far from the period, weekends, wrong hosts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from zbatch.spec.diagnostics import Diagnostic, Related, quote
from zbatch.spec.expressions import month_of
from zbatch.spec.findings import Findings
from zbatch.zuora.hosts import KINDS, PRODUCTION, kinds_at

if TYPE_CHECKING:
    from zbatch.model import Plan, Source, Spec, Tenant

FAR = 1  # months between a day's own and the period: the months before and after are near

_LIVE = frozenset({"live", "prod", "production"})
_TRIAL = frozenset({"dev", "qa", "sandbox", "staging", "test", "testing", "uat"})
_SATURDAY = 5


class DayWarnings:
    """Sees every day that is written, and warns at the first place of each in each file."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._places: dict[tuple[str, str, date], tuple[int, int]] = {}
        self._written: dict[tuple[str, str, date], tuple[int, int]] = {}

    def see(
        self, file: str, line: int, column: int, key: str, day: date, *, meant: bool = False
    ) -> None:
        """Take note of a day under `target_date` or `invoice_date`.

        It is `meant` if it is a month's first or last by expression, or an invoice date that is the
        target date too, whatever its weekday.
        """
        self._places.setdefault((file, key, day), (line, column))
        if key == "invoice_date" and not meant:
            self._written.setdefault((file, key, day), (line, column))

    def tell(self, period: str | None) -> None:
        """Warn of days that are far from the period, and of invoice dates on a weekend."""
        month = month_of(period)
        for (file, key, day), place in self._places.items():
            what = f"the {key.replace('_', ' ')} {day.isoformat()}"
            apart = 0 if month is None else abs(day.year * 12 + day.month - 1 - month)
            if apart > FAR:
                message = f"{what} is {apart} months from the period {period}"
                self._findings.add(Diagnostic(file, *place, "ZB902", message))
        for (file, key, day), place in self._written.items():
            if day.weekday() >= _SATURDAY:
                what = f"the {key.replace('_', ' ')} {day.isoformat()}"
                name = "Saturday" if day.weekday() == _SATURDAY else "Sunday"
                self._findings.add(Diagnostic(file, *place, "ZB903", f"{what} is a {name}"))


def misplaced(spec: Spec, tenant: Tenant) -> Iterator[Diagnostic]:
    """Warn of a name that says production where the host is a sandbox's, and the reverse."""
    words = _words(f"{spec.name} {spec.tenant} {Path(spec.file).stem}")
    live, trial = bool(words & _LIVE), bool(words & _TRIAL)
    kinds = kinds_at(tenant.base_url)
    real = kinds == (PRODUCTION,)
    sandbox = PRODUCTION not in kinds or (kinds == KINDS and bool(_words(tenant.host) & _TRIAL))
    if live != trial and ((live and sandbox) or (trial and real)):
        said, is_ = ("production", "a sandbox") if live else ("a sandbox", "production")
        message = f"the name of the spec or its tenant says {said}, but {tenant.host} is {is_}"
        at = spec.tenant_source or Source(spec.file, 1)
        hint = "check `tenant`, or give it another name"
        yield Diagnostic(at.file, at.line, at.column, "ZB904", message, hint)


class Claims:
    """The specs of one call of `validate`, held against each other by tenant and period."""

    def __init__(self) -> None:
        self._specs: dict[tuple[str, str], list[Spec]] = {}

    def against(self, spec: Spec, tenant: Tenant) -> Iterator[Diagnostic]:
        """Warn once for each earlier spec that bills an account for the same target date."""
        if not spec.period:
            return
        earlier = self._specs.setdefault((tenant.folder, spec.period), [])
        for other in earlier:
            from zbatch.spec.plan import make_plan  # a spec alone is not laid out

            theirs = dict(_claims(make_plan(other, tenant)))
            shared = [claim for claim in _claims(make_plan(spec, tenant)) if claim[0] in theirs]
            if shared:
                yield _shared(shared[0], theirs[shared[0][0]], len(shared), spec.period)
        earlier.append(spec)


Claim = tuple[str, date, int]  # an account as it is named, target date, revision


def _claims(plan: Plan) -> Iterator[tuple[Claim, Source]]:
    for item in plan.items:
        identity = item.identity
        yield (identity.account_id, identity.target_date, identity.revision), item.source
    for account in plan.unresolved:
        for pair in plan.spec.dates if account.dates is None else account.dates:
            yield (account.named, pair.target_date, account.revision), account.source


def _shared(first: tuple[Claim, Source], theirs: Source, count: int, period: str) -> Diagnostic:
    (account, day, _), at = first
    what = f"account {quote(account)} with target date {day.isoformat()}"
    more = f", and {count - 1:,} more," if count > 1 else ""
    message = f"{what}{more} is claimed by two specs of the period {period}"
    related = Related("the other", theirs.file, theirs.line, theirs.column)
    hint = "list it in one of them"
    return Diagnostic(at.file, at.line, at.column, "ZB905", message, hint, (related,), count)


def _words(text: str) -> set[str]:
    words = set(re.split(r"[^a-z]+", text.lower()))
    return words | {"sandbox"} if "sandbox" in text.lower() else words  # also in `apisandbox`
