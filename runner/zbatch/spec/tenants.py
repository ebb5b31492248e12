"""The tenants file: which Zuora endpoints specs may name, and the emulator's account book."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zbatch.model import EMULATOR, Ceilings, Credentials, Source, Tenant
from zbatch.spec.diagnostics import Diagnostic, SpecError, tidy
from zbatch.spec.documents import has_errors, load_document
from zbatch.spec.nodes import Document, Mapping, child, node_at
from zbatch.spec.schema import load_schema, with_defaults
from zbatch.spec.tenant_rules import TenantRules
from zbatch.spec.values import parse_rate
from zbatch.zuora.hosts import DATA_CENTERS, canonical_proxy, canonical_url


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
    folder = path.resolve().parent
    rules = TenantRules(document.file, folder)
    rules.tenants(child(document.root, "tenants"))
    accounts = rules.project_file(child(child(document.root, "emulator"), "accounts"))
    findings = tidy([*problems, *rules.problems])
    if has_errors(findings):
        return None, findings
    full = with_defaults(value, load_schema("tenants"))
    make = _Making(document, folder)
    tenants = {name: make.tenant(name, entry) for name, entry in full["tenants"].items()}
    return TenantsFile(document.file, tenants, accounts), findings


def builtin_emulator() -> Tenant:
    """Return the built-in tenant; its real address is known once the emulator has started."""
    schema = load_schema("tenants")["properties"]["tenants"]
    (tenant,) = schema["patternProperties"].values()
    names = with_defaults({}, tenant["properties"]["credentials"])
    credentials = Credentials(names["client_id_env"], names["client_secret_env"])
    return Tenant(EMULATOR, "http://127.0.0.1", EMULATOR, credentials)


@dataclass(frozen=True, slots=True)
class _Making:
    """Makes tenants of entries that have passed every check; paths are from `folder`."""

    document: Document
    folder: Path

    def tenant(self, name: str, entry: Any) -> Tenant:
        url, host = canonical_url(entry.get("base_url") or DATA_CENTERS[entry["data_center"]])
        entity, proxy, ca_file = (entry.get(key) for key in ("entity_id", "proxy", "ca_file"))
        return Tenant(
            name=name,
            base_url=url,
            host=host,
            credentials=self._credentials(entry["credentials"]),
            entity_id=entity.lower() if entity else None,
            wsdl_version=entry["wsdl_version"],
            kind=entry.get("kind"),
            ceilings=self._ceilings(name, entry["ceilings"]) if "ceilings" in entry else None,
            protected=entry["protected"],
            proxy=canonical_proxy(proxy) if proxy else None,
            ca_file=(self.folder / ca_file).resolve() if ca_file else None,
        )

    def _credentials(self, names: MappingType[str, str]) -> Credentials:
        """Prefer files: the names of variables have defaults."""
        return Credentials(*(self._place(names, of) for of in ("client_id", "client_secret")))

    def _place(self, names: MappingType[str, str], of: str) -> str | Path:
        file = names.get(f"{of}_file")
        if file is None:
            return names[f"{of}_env"]
        return Path(file) if file.startswith("~") else self.folder / file

    def _ceilings(self, name: str, entry: MappingType[str, Any]) -> Ceilings:
        node = node_at(self.document.root, ("tenants", name, "ceilings"))
        places = node.entries if isinstance(node, Mapping) else {}
        return Ceilings(
            concurrency=entry.get("concurrency"),
            rate=parse_rate(entry["rate"]) if "rate" in entry else None,
            objects_per_call=entry.get("objects_per_call"),
            sources={
                key: Source(self.document.file, at.line, at.column)
                for key, (_, at) in places.items()
            },
        )
