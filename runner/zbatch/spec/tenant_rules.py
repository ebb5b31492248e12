"""What a tenants file must keep to beyond its schema, each breach at its place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from zbatch.model import EMULATOR
from zbatch.spec.confinement import Outside, within
from zbatch.spec.diagnostics import Diagnostic, Related, quote
from zbatch.spec.nodes import Mapping, Node, Scalar, child
from zbatch.zuora.hosts import (
    DATA_CENTERS,
    KINDS,
    PRODUCTION,
    canonical_proxy,
    canonical_url,
    kinds_at,
)

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_PRIVATE_KEY = b"PRIVATE KEY-----"
_MOST_OF_CERTIFICATES = 4 * 1024 * 1024  # bytes; the system's own bundle has a quarter megabyte


@dataclass(frozen=True, slots=True)
class _Entry:
    """A tenant as written: the key with its name, the map behind it, its URL once that is known."""

    key: Scalar
    node: Mapping
    base_url: str = ""

    @property
    def production(self) -> bool:
        kind, url = self.text("kind"), self.base_url
        return (kind is not None and kind.value == PRODUCTION) or kinds_at(url) == (PRODUCTION,)

    @property
    def protected(self) -> bool:
        return self._protected is not None and self._protected.value == "true"

    @property
    def decided(self) -> bool:
        """Whether it says that it is protected, or that it is not."""
        return self._protected is not None

    @property
    def _protected(self) -> Scalar | None:
        node = child(self.node, "protected")
        return node if isinstance(node, Scalar) and node.plain else None

    def text(self, key: str) -> Scalar | None:
        """Give the text of a key, if it is one."""
        node = child(self.node, key)
        return node if isinstance(node, Scalar) else None


class TenantRules:
    """Checks what the schema cannot say, passes over what the schema refuses, keeps findings."""

    def __init__(self, file: str, folder: Path) -> None:
        self.problems: list[Diagnostic] = []
        self._file = file
        self._folder = folder
        self._spellings: dict[tuple[str, str], str] = {}

    def tenants(self, node: Node | None) -> None:
        """Check each tenant, and what tenants at one host must have in common."""
        hosts: dict[str, list[_Entry]] = {}
        for key, value in node.entries.values() if isinstance(node, Mapping) else ():
            if not isinstance(value, Mapping) or key.value == EMULATOR:
                continue
            entry = _Entry(key, value)
            self._own(entry)
            if url := self._base_url(entry):
                self._with_url(entry, url)
                hosts.setdefault(canonical_url(url)[1], []).append(replace(entry, base_url=url))
        for entries in hosts.values():
            self._protection(entries)

    def project_file(self, node: Node | None) -> Path | None:
        """Return a regular file in the project's folder that a text names."""
        if not isinstance(node, Scalar) or not node.value:
            return None
        try:
            path = within(self._folder, self._folder, node.value)
        except Outside:
            self._problem(node, "ZB305", f"the path {quote(node.value)} leaves the project folder")
            return None
        if path is None or not path.is_file():
            self._problem(node, "ZB306", f"there is no file {quote(node.value)} in the project")
            return None
        return path

    def _problem(self, node: Node, code: str, message: str, hint: str = "", *also: Related) -> None:
        place = (self._file, node.line, node.column)
        self.problems.append(Diagnostic(*place, code, message, hint, also))

    def _own(self, entry: _Entry) -> None:
        """Check what no host is needed for."""
        self._certificates(entry.text("ca_file"))
        credentials = child(entry.node, "credentials")
        for of in ("client_id", "client_secret"):
            file, variable = child(credentials, f"{of}_file"), child(credentials, f"{of}_env")
            if file is not None and variable is not None:
                message = f"`{of}_file` stands beside `{of}_env`"
                self._problem(file, "ZB346", message, "keep the one that is meant")
            self._committed(file, f"{of}_file")

    def _base_url(self, entry: _Entry) -> str | None:
        base_url, center = entry.text("base_url"), entry.text("data_center")
        if base_url is not None:
            try:
                url, host = canonical_url(base_url.value)
            except ValueError as error:
                self._problem(base_url, "ZB304", f"`base_url` {error}")
                return None
            if host == EMULATOR:
                message = "the host `emulator` is reserved for the built-in tenant"
                self._problem(base_url, "ZB307", message)
            return url
        return DATA_CENTERS.get(center.value) if center is not None else None

    def _with_url(self, entry: _Entry, url: str) -> None:
        host = canonical_url(url)[1]
        self._entity(host, entry.text("entity_id"))
        self._proxy(entry.text("proxy"), url)
        kind, kinds = entry.text("kind"), kinds_at(url)
        if kind is not None and kind.value in set(KINDS) - set(kinds):
            known = " or ".join(f"`{one}`" for one in kinds)
            self._problem(kind, "ZB342", f"at {host} Zuora has no such tenant, only {known}")

    def _entity(self, host: str, node: Scalar | None) -> None:
        if node is None:
            return
        spelling = node.value.lower()
        first = self._spellings.setdefault((host, spelling.replace("-", "")), spelling)
        if first != spelling:
            message = f"this entity is spelled {quote(first)} above; spell it the same everywhere"
            self._problem(node, "ZB308", message)

    def _proxy(self, node: Scalar | None, url: str) -> None:
        if node is None:
            return
        try:
            canonical_proxy(node.value)
        except ValueError as error:
            self._problem(node, "ZB343", f"`proxy` {error}")
            return
        if url.startswith("http:"):
            message = "a proxy would see all that is said by plain http, credentials too; only"
            self._problem(node, "ZB344", f"{message} a tenant at an https URL may have one")

    def _certificates(self, node: Scalar | None) -> None:
        path = self.project_file(node)
        if node is None or path is None:
            return
        try:
            with path.open("rb") as file:
                text = file.read(_MOST_OF_CERTIFICATES + 1)
        except OSError as error:
            message = f"{quote(node.value)} cannot be read: {error.strerror}"
            self._problem(node, "ZB345", message)
            return
        if _PRIVATE_KEY in text:
            message = f"{quote(node.value)} holds a private key, which is for no one else to have"
        elif _CERTIFICATE not in text:
            message = f"{quote(node.value)} holds no certificate in PEM"
        elif len(text) > _MOST_OF_CERTIFICATES:
            message = f"{quote(node.value)} is larger than 4 MB"
        else:
            return
        self._problem(node, "ZB345", message)

    def _committed(self, node: Node | None, key: str) -> None:
        """Warn of a secret's file in the project; its path is not repeated, nor looked for."""
        if not isinstance(node, Scalar) or not node.value.startswith(("/", ".")):
            return
        try:
            path = (self._folder / node.value).resolve()
        except (OSError, ValueError, RuntimeError):  # reading it will tell
            return
        if path.is_relative_to(self._folder):
            message = (
                f"the file of `{key}` lies in the project, where it may be committed by mistake"
            )
            self._problem(node, "ZB925", message, "keep it elsewhere, such as in ~/.config/zbatch")

    def _protection(self, entries: list[_Entry]) -> None:
        """Refuse a way around a protected tenant's guard; ask for one where production has none."""
        guarded = next((entry.key for entry in entries if entry.protected), None)
        for entry in entries:
            name = quote(entry.key.value)
            if guarded and not entry.protected:
                place = Related("protected here", self._file, guarded.line, guarded.column)
                message = f"{name} is at the same host as {quote(guarded.value)} and a way around"
                message += " its protection"
                self._problem(entry.key, "ZB341", message, "protect both, or neither", place)
            elif entry.production and not entry.decided:
                message = f"{name} is a production tenant and does not say `protected`"
                hint = "write `protected: true`, so that a run asks for its name, or `false`"
                self._problem(entry.key, "ZB926", message, hint)
