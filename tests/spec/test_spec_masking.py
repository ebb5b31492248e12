"""What of a line may be shown: nothing that could be a secret, and enough to find the mistake."""

from __future__ import annotations

import pytest

from zbatch.spec.masking import Outline, pieces

SECRET = "hunter2"


def shown(text: str) -> list[str]:
    """Show each line of a text as excerpts do."""
    outline, lines = Outline(), []
    for line in text.split("\n"):
        above = outline.enter(line)
        found = [*pieces(line, above)]
        assert "".join(line[piece.start : piece.end] for piece in found) == line
        lines.append("".join(line[p.start : p.end] if p.shown else "*" for p in found))
    return lines


@pytest.mark.parametrize(
    "text",
    [
        "client_secret: hunter2",
        "client_secret hunter2",
        "hunter2",
        "password: 'hunter2'",
        'password: "x\\" name: hunter2',
        "password: ab: hunter2",
        "passwords: [a, hunter2, {name: hunter2}]",
        "password:\n  hunter2",
        "password:\n- hunter2",
        "password: |\n  name: hunter2",
        "password: &x\n  - - hunter2",
        '"password":\n  name: hunter2',
        "? password\n: hunter2",
        "name: nov # hunter2",
        "# hunter2",
        "name: {secret: 'hunter2'}",
        "name:\n  tenant: hunter2",
        "credentials: hunter2",
        "accounts: [{id: 'x', client_secret: 'hunter2'}]",
        "accounts:\n  - id: x\n    password: hunter2",
        "accounts:\n  - {id: x,\n     reason: moved, password: hunter2}",
        "limits: {concurrency: 99, token: hunter2, rate: 600/min}",
        "tenants: {p: hunter2}",
        "tenants:\n  p:\n    base_url: https://me:hunter2@rest.zuora.com",
        "tenants: {p: {base_url: 'https://me:hunter2@rest.zuora.com', data_center: eu}}",
        "tenants:\n  p:\n    credentials:\n      client_id_env: hunter2",
        "tenants:\n  p:\n    credentials: {client_id_env: A, client_secret_env: hunter2}",
        "tenants:\n  p:\n    credentials:\n      client_secret: >-\n        hunter2\n",
        "tenants:\n  p: {credentials:\n    hunter2}",
    ],
)
def test_f141_a_secret_is_hidden_wherever_it_stands(text: str) -> None:
    """F141: under keys that no schema knows, under `writeOnly`, in comments, in broken YAML."""
    assert SECRET in text
    assert SECRET not in "".join(shown(text))


@pytest.mark.parametrize(
    "text",
    [
        "name: month-end",
        "tenant: 'emulator'",
        "period: 2026-13",
        "dates: [{target_date: 2026-02-30}, {target_date: x, invoice_date: y}]",
        "dates:\n  - target_date: 2026-02-30\n    invoice_date: z",
        "limits: {concurrency: 99, rate: 600 / min}",
        "charges: {usage: yes}",
        "accounts:\n  - 2c93\n  - {id: 'it''s', reason: gone}",
        "accounts:\n- 2c93\n- id: x\n  dates:\n  - {target_date: 2026-02-30}",
        "accounts: ['a', b]",
        "tenants:\n  p:\n    data_center: mars\n    wsdl_version: 3",
        "tenants: {p: {data_center: mars}}",
        "faults:\n  - {fault: delay, every: 1}",
        "---",
    ],
)
def test_what_the_schemas_know_is_shown(text: str) -> None:
    """Nothing of an ordinary file is hidden."""
    assert shown(text) == text.split("\n")


def test_a_colon_that_is_missing_can_be_seen() -> None:
    """A word that is a key of ours is shown even where YAML sees no key."""
    assert shown("tenant emulator") == ["tenant *"]


def test_an_entry_belongs_to_its_own_list() -> None:
    """A key is left when the indentation ends, and a list may stand right below its key."""
    text = "password:\n  - x\naccounts:\n- y\nname: z"
    assert shown(text) == ["password:", "  - *", "accounts:", "- y", "name: z"]
