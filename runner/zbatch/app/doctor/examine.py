"""The use case: look at everything, in the order in which a run would need it."""

from __future__ import annotations

import platform
import sqlite3
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

from zbatch import __version__
from zbatch.app.clock import SystemClock
from zbatch.app.connection import Access, access_to
from zbatch.app.doctor.answers import AFTER_TOKEN, Answers, ask, check_answers
from zbatch.app.doctor.check import Check, Examination, Mark, note, ok, problem, skipped
from zbatch.app.doctor.folder import check_folder
from zbatch.app.event_loop import event_loop
from zbatch.app.home import home_in
from zbatch.app.loading import emulator_book
from zbatch.app.state import State
from zbatch.engine.ports import Clock
from zbatch.errors import CannotStart, Refused
from zbatch.model import EMULATOR, Plan, Tenant
from zbatch.net.credentials import read_credential
from zbatch.spec import Project, blank_spec, builtin_emulator, check_tenants, find_project

PATIENCE = 30.0  # seconds for each of the two requests
SQLITE = (3, 37)  # the first with STRICT tables

_BUILT_IN = ok("tenant", "emulator is built in")


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    """Whose health is asked for; `folder` says from where the project is looked for.

    `patience` is how many seconds each of its requests may take. No flag sets it, nor `clock`, nor
    the folder, which is the current one.
    """

    tenant: str
    environ: Mapping[str, str]
    folder: Path = Path()
    state_dir: Path | None = None
    clock: Clock = field(default_factory=SystemClock)
    patience: float = PATIENCE


def examine(options: DoctorOptions) -> Examination:
    """Look at a tenant and at what is needed to bill it.

    Of the tenant a token and one question are asked, and nothing is made there. Raises `Refused`
    where the project does not know the name.
    """
    project = find_project(options.folder.absolute() / "spec")
    tenant, checks = _tenant(options.tenant, project)
    if tenant is None:
        return Examination(options.tenant, "", (*checks, check_versions()))
    state = State.of(project.root, options.state_dir)
    answers = None
    checks += _credentials(tenant, options.environ)
    if any(check.mark is Mark.PROBLEM for check in checks):
        checks += [skipped(name, "not asked") for name in ("connection", "token", *AFTER_TOKEN)]
    else:
        answers = _asked(tenant, project, state, options)
        checks += check_answers(tenant, answers)
    checks += [*check_folder(state, tenant, options.clock.now()), check_versions()]
    unasked = answers is not None and answers.unasked
    return Examination(tenant.name, tenant.host, tuple(checks), unasked)


def _tenant(name: str, project: Project) -> tuple[Tenant | None, list[Check]]:
    """Find the tenant, with a line for each thing that is wrong with the file it stands in."""
    if project.tenants_file is None:
        if name != EMULATOR:
            raise Refused(f"--tenant {name}: there is no tenants.yaml here, only emulator is known")
        return builtin_emulator(), [_BUILT_IN]
    found, findings = check_tenants(project.tenants_file)
    told = [(note if one.warning else problem)("tenants.yaml", str(one)) for one in findings]
    if found is None:
        return None, told
    if name == EMULATOR:
        return builtin_emulator(), [*told, _BUILT_IN]
    if name not in found.tenants:
        known = ", ".join(sorted([EMULATOR, *found.tenants]))
        raise Refused(f"--tenant {name}: {project.tenants_file} has no such tenant; known: {known}")
    return found.tenants[name], [*told, ok("tenant", f"{name} in {project.tenants_file}")]


def _credentials(tenant: Tenant, environ: Mapping[str, str]) -> Iterator[Check]:
    """Say which variables or files there are, never what they hold."""
    if tenant.embedded:
        yield ok("credentials", "the built-in emulator needs none")
        return
    places = tenant.credentials
    for place in (places.client_id, places.client_secret):
        try:
            read_credential(tenant, place, environ)
        except CannotStart as error:
            yield problem("credentials", str(error))
        else:
            kind = "the file" if isinstance(place, Path) else "the environment variable"
            yield ok("credentials", f"{kind} {place} is there")


def _asked(tenant: Tenant, project: Project, state: State, options: DoctorOptions) -> Answers:
    with tempfile.TemporaryDirectory(prefix="zbatch-doctor-") as folder, event_loop() as loop:
        access = _access(tenant, project, Path(folder), options)
        with suppress(CannotStart):  # what is wrong with a ledger is told where that is looked at
            access = replace(access, home=home_in(state.root / tenant.folder))
        return loop.run(ask(access, options.clock))


def _access(tenant: Tenant, project: Project, folder: Path, options: DoctorOptions) -> Access:
    """Go the way of a run, but for the emulator's data, which would be made for it."""
    spec = blank_spec("doctor", tenant.name)
    spec = replace(spec, limits=replace(spec.limits, timeout=options.patience))
    plan = Plan(spec, tenant, (), (), spec.digest)
    book = emulator_book(project) if tenant.embedded else None
    return access_to(plan, folder, book, options.environ)


def check_versions(sqlite: tuple[int, ...] = sqlite3.sqlite_version_info) -> Check:
    """Tell what a report of a fault should name."""
    written = ".".join(map(str, sqlite))
    if sqlite[:2] < SQLITE:
        advice = f"use a Python with SQLite {'.'.join(map(str, SQLITE))} or later"
        return problem("versions", f"SQLite {written} is too old", advice)
    names = (
        f"zbatch {__version__}",
        f"Python {platform.python_version()}",
        f"SQLite {written}",
        f"aiohttp {version('aiohttp')}",
        ssl.OPENSSL_VERSION.split("  ")[0],
    )
    return ok("versions", ", ".join(names))
