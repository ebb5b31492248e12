"""What `plan` and `run` say of a spec before there is a plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.accounts import account
from zbatch.app.loading import Overrides, load_plan
from zbatch.spec import SpecError


@pytest.mark.parametrize(("tenant", "codes"), [(None, ["ZB303", "ZB302"]), ("emulator", ["ZB302"])])
def test_an_unknown_tenant_is_told_with_all_the_rest(
    tmp_path: Path, tenant: str | None, codes: list[str]
) -> None:
    """A broken spec's tenant is looked up too, unless the command line names another."""
    spec = tmp_path / "nov.yaml"
    spec.write_text(
        "version: 1\nname: nov\ntenant: emulater\ndates: [{target_date: 2026-11-30}]\n"
        f'accounts: ["{account(1)}", "{account(1)}"]\n'
    )
    (tmp_path / "tenants.yaml").write_text("version: 1\ntenants: {}\n")
    with pytest.raises(SpecError) as refused:
        load_plan(spec, Overrides(tenant=tenant))
    assert [finding.code for finding in refused.value.diagnostics] == codes
