"""Lay a plan out, and refuse it where it is not what was approved."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from zbatch.app.loading import Overrides, load_plan, tighten
from zbatch.app.review.counts import PlanCounts, count_plan
from zbatch.app.review.differing import differences
from zbatch.app.review.frozen import Approved, Document, Frozen, approved, digest_of, document_at
from zbatch.errors import Refused
from zbatch.model import Plan
from zbatch.spec import Diagnostic, SpecError
from zbatch.spec.values import parse_rate

_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Chosen:
    """A plan, the spec that it was laid out from, and what an approval of it covers.

    `document` is the frozen plan that it was held to.
    """

    plan: Plan
    spec: Path
    counts: PlanCounts
    approved: Approved
    document: Path | None = None

    @property
    def digest(self) -> str:
        """The digest by which the approval is passed on."""
        return digest_of(self.approved)

    def tightened(self, overrides: Overrides) -> Chosen:
        """Press less, as the command line asks; raise `Refused` where it asks for more."""
        before = self.plan.spec.limits
        limits = tighten(before, overrides)
        names = ("concurrency", "rate")
        changed = tuple(name for name in names if getattr(limits, name) != getattr(before, name))
        spec = replace(self.plan.spec, limits=limits, tightened=changed)
        plan = replace(self.plan, spec=spec)
        return replace(self, plan=plan, approved=approved(plan, self.counts, overrides))


@dataclass(frozen=True, slots=True)
class Stale:
    """A frozen plan that is not what its spec says any more, and why, a line each."""

    document: Path
    frozen: Frozen
    why: tuple[str, ...]


def choose(path: Path, overrides: Overrides) -> Chosen:
    """Lay out a spec; raise `SpecError` or `Refused`."""
    plan = load_plan(path, overrides)
    counts = count_plan(plan)
    return Chosen(plan, path, counts, approved(plan, counts, overrides)).tightened(overrides)


def choose_approved(
    asked: Path | Document, overrides: Overrides, digest: str | None = None
) -> Chosen:
    """Lay out a spec, or the spec of a frozen plan, and insist that it is what was approved.

    A path may be that of either. Approved is what the frozen plan says, and what `digest` stands
    for; with neither, anything.
    A digest that is none, for instance an empty variable, is refused as such.
    The command line may always press less than that. Raises `SpecError` or `Refused`.
    """
    path = asked if isinstance(asked, Path) else asked.path
    if digest is not None and not _DIGEST.fullmatch(digest):
        raise _not_approved(str(path), _no_digest(digest))
    document = document_at(asked) if isinstance(asked, Path) else asked
    if document:
        approved_digest = document.frozen["digest"]
        if digest not in (None, approved_digest):
            raise _not_approved(str(path), f"its digest is {approved_digest}")
        _insist(document, overrides)
        return _as_frozen(document, overrides)
    loose = choose(path, replace(overrides, concurrency=None, rate=None))
    tightened = loose.tightened(overrides)
    if digest is None or digest == tightened.digest:
        return tightened
    if digest == loose.digest:  # approved as the spec has it: to press less needs no approval
        return replace(tightened, approved=loose.approved)
    raise _not_approved(str(path), _why(digest, tightened))


def look_at_frozen(document: Document, overrides: Overrides) -> Chosen | Stale:
    """Lay out the spec of a frozen plan, or say why that is not what was approved.

    Raises `SpecError` for overrides that contradict it.
    """
    _insist(document, overrides)
    try:
        return _as_frozen(document, overrides)
    except Refused as error:
        return Stale(document.path, document.frozen, tuple(str(error).split("\n")))


def _as_frozen(document: Document, overrides: Overrides) -> Chosen:
    """Lay out the spec of a frozen plan; raise `SpecError` with all that is not as it was."""
    path, frozen = document.path, document.frozen
    chosen = choose(spec_of(path, frozen), _as_then(frozen, overrides))
    changed = differences(frozen["approved"], chosen.approved, str(path), str(chosen.spec))
    if changed:
        raise SpecError(changed)
    tightened = chosen.tightened(overrides)
    return replace(tightened, approved=frozen["approved"], document=path)


def _insist(document: Document, overrides: Overrides) -> None:
    """Refuse a command line that names another tenant or period than was approved."""
    path, was = document.path, document.frozen["approved"]
    asked = (
        ("tenant", overrides.tenant, was["tenant"]["name"]),
        ("period", overrides.period, was["spec"]["period"]),
    )
    contradicted = [
        Diagnostic(str(path), 1, 1, "ZB507", f"--{name} {said} is not what was approved: {meant}")
        for name, said, meant in asked
        if said is not None and said != meant
    ]
    if contradicted:
        raise SpecError(contradicted)


def _as_then(frozen: Frozen, overrides: Overrides) -> Overrides:
    """Change of the spec what the command line changed when the plan was made."""
    said = frozen["approved"]["overrides"]
    rate = said["rate"]
    return replace(
        overrides,
        tenant=said["tenant"],
        period=said["period"],
        concurrency=said["concurrency"],
        rate=None if rate is None else parse_rate(rate),
    )


def spec_of(path: Path, frozen: Frozen) -> Path:
    """Find the spec of a frozen plan: from here as it was given, or from beside the plan.

    Which of two it is makes no difference to what is billed: it is run only if it is what was
    approved. Its project is where the ledger is, though, as of any spec.
    """
    given = Path(frozen["spec"]["given"])
    beside = path.parent / frozen["spec"]["beside"]
    found = next((one for one in (given, beside) if one.is_file()), None)
    if found is None:
        message = (
            f"the spec of this plan, {given}, is not there, nor is {beside}; run it from the"
            " folder where the plan was made"
        )
        raise SpecError([Diagnostic(str(path), 1, 1, "ZB508", message)])
    return found


def _why(digest: str, chosen: Chosen) -> str:
    if digest == chosen.plan.digest:
        return (
            "what was given is the digest of the items alone, which says nothing of limits and"
            " tenant; take the one that zbatch plan --digest prints"
        )
    what = chosen.approved
    files = "".join(f", {one['path']} {one['digest']}" for one in what["files"])
    return (
        f"its digest is now {chosen.digest}. The spec, a list that it names, its tenant in"
        " tenants.yaml, an override or zbatch's schemas changed since; compare with the digests of"
        f" what was approved: spec {what['spec']['digest']}{files}"
    )


def _no_digest(given: str) -> str:
    what = "is not 64 hexadecimal characters in small letters" if given else "is empty"
    return f"the digest that was given {what}; take the one that zbatch plan --digest prints"


def _not_approved(file: str, why: str) -> SpecError:
    message = f"this is not the plan that --plan-digest approves: {why}"
    return SpecError([Diagnostic(file, 1, 1, "ZB509", message)])
