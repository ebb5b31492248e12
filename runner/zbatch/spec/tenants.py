"""The tenants file: which Zuora endpoints specs may name, and the emulator's account book."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zbatch.model import Credentials, Tenant
from zbatch.spec.diagnostics import Diagnostic, SpecError, quote, tidy
from zbatch.spec.loader import has_errors, load_document
from zbatch.spec.nodes import Mapping, Node, Scalar, child
from zbatch.spec.schema import load_schema, with_defaults
from zbatch.zuora.hosts import DATA_CENTERS, canonical_url

EMULATOR = "emulator"


@dataclass(frozen=True, slots=True)
class TenantsFile:
    """The tenants of a project by name; `emulator_accounts` is an existing file or None."""

    file: str
    tenants: MappingType[str, Tenant]
    emulator_accounts: Path | None


def load_tenants(path: Path) -> TenantsFile:
    """Return the tenants in a file, or raise SpecError with all that is wrong with it."""
    tenants, findings = check_tenants(path)
    if tenants is None:
        raise SpecError(finding for finding in findings if not finding.warning)
    return tenants


def check_tenants(path: Path) -> tuple[TenantsFile | None, tuple[Diagnostic, ...]]:
    """Return the tenants, if all is well with them, and everything there is to say."""
    try:
        document, value, problems = load_document(path, "tenants")
    except SpecError as error:
        return None, tidy(error.diagnostics)
    meaning = _Meaning(document.file, path.resolve().parent)
    meaning.tenants(child(document.root, "tenants"))
    accounts = meaning.account_book(child(child(document.root, "emulator"), "accounts"))
    findings = tidy([*problems, *meaning.problems])
    if has_errors(findings):
        return None, findings
    full = with_defaults(value, load_schema("tenants"))
    tenants = {name: _tenant(name, entry) for name, entry in full["tenants"].items()}
    return TenantsFile(document.file, tenants, accounts), findings


def builtin_emulator() -> Tenant:
    """Return the built-in tenant; its real address is known once the emulator has started."""
    return Tenant(EMULATOR, "http://127.0.0.1", EMULATOR, _credentials({}))


def _tenant(name: str, entry: Any) -> Tenant:
    url, host = canonical_url(entry.get("base_url") or DATA_CENTERS[entry["data_center"]])
    entity = entry.get("entity_id")
    return Tenant(
        name=name,
        base_url=url,
        host=host,
        credentials=_credentials(entry["credentials"]),
        entity_id=entity.lower() if entity else None,
        wsdl_version=entry["wsdl_version"],
    )


def _credentials(names: dict[str, str]) -> Credentials:
    tenants = load_schema("tenants")["properties"]["tenants"]
    (tenant,) = tenants["patternProperties"].values()
    return Credentials(**with_defaults(names, tenant["properties"]["credentials"]))


class _Meaning:
    """Checks what the schema cannot say, passes over what the schema refuses, keeps findings."""

    def __init__(self, file: str, folder: Path) -> None:
        self.problems: list[Diagnostic] = []
        self._file = file
        self._folder = folder
        self._spellings: dict[tuple[str, str], str] = {}

    def tenants(self, node: Node | None) -> None:
        """Check each tenant's host and entity."""
        for key, entry in node.entries.values() if isinstance(node, Mapping) else ():
            if isinstance(entry, Mapping) and key.value != EMULATOR:
                self._tenant(child(entry, "base_url"), entry)

    def account_book(self, node: Node | None) -> Path | None:
        """Return the emulator's account book, a regular file in the project's folder."""
        if not isinstance(node, Scalar) or not node.value:
            return None
        try:
            path = (self._folder / node.value).resolve()
            found = path.is_file()
        except (OSError, ValueError, RuntimeError):  # too long, a NUL, links in a circle
            path, found = self._folder, False
        if Path(node.value).is_absolute() or not path.is_relative_to(self._folder):
            self._problem(node, "ZB305", f"the path {quote(node.value)} leaves the project folder")
        elif not found:
            self._problem(node, "ZB306", f"there is no file {quote(node.value)} in the project")
        else:
            return path
        return None

    def _problem(self, node: Node, code: str, message: str) -> None:
        self.problems.append(Diagnostic(self._file, node.line, node.column, code, message))

    def _tenant(self, base_url: Node | None, entry: Mapping) -> None:
        center = child(entry, "data_center")
        if isinstance(base_url, Scalar):
            try:
                host = canonical_url(base_url.value)[1]
            except ValueError as error:
                self._problem(base_url, "ZB304", f"`base_url` {error}")
                return
            if host == EMULATOR:
                message = "the host `emulator` is reserved for the built-in tenant"
                self._problem(base_url, "ZB307", message)
        elif isinstance(center, Scalar) and center.value in DATA_CENTERS:
            host = canonical_url(DATA_CENTERS[center.value])[1]
        else:
            return
        self._entity(host, child(entry, "entity_id"))

    def _entity(self, host: str, node: Node | None) -> None:
        if not isinstance(node, Scalar):
            return
        spelling = node.value.lower()
        first = self._spellings.setdefault((host, spelling.replace("-", "")), spelling)
        if first != spelling:
            message = f"this entity is spelled {quote(first)} above; spell it the same everywhere"
            self._problem(node, "ZB308", message)
