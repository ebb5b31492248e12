"""What comes of a tenants file: tenants with all that they may name, and specs held to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from zbatch.model import Ceilings, Credentials, Limits, Rate, Source, Spec, Tenant
from zbatch.spec import SpecError, check_tenants, load_spec, load_tenants, under_ceilings
from zbatch.zuora.hosts import DATA_CENTERS, canonical_proxy
from zbatch.zuora.quotas import QUOTAS

EXAMPLES = Path(__file__).parents[1] / "examples"
FULL = EXAMPLES / "valid/tenants-full/tenants.yaml"
CEILINGS = Ceilings(5, Rate(60, 60.0), 2, {"rate": Source("tenants.yaml", 7, 9)})
TENANT = Tenant(
    "sandbox", "https://x.example", "x.example", Credentials("I", "S"), ceilings=CEILINGS
)


def test_a_tenant_has_all_that_its_entry_names() -> None:
    """Kind, protection, ceilings, proxy, certificates and files come out, paths resolved."""
    tenant = load_tenants(FULL).tenants["production"]
    assert tenant == Tenant(
        name="production",
        base_url="https://rest.zuora.com",
        host="rest.zuora.com",
        credentials=Credentials(
            Path("~/.config/zbatch/client-id"), Path("/run/secrets/client-secret")
        ),
        kind="production",
        ceilings=Ceilings(8, Rate(300, 60.0), 5),
        protected=True,
        proxy="http://proxy.example.com",
        ca_file=FULL.parent.resolve() / "certificates/inspection.pem",
    )
    assert tenant.ceilings
    assert tenant.ceilings.sources["rate"] == Source(str(FULL), 9, 38)


def test_the_example_in_the_docs_is_good_as_it_stands(tmp_path: Path, repository: Path) -> None:
    """What docs/tenants.md shows passes without a warning; its tables are those of the code."""
    page = (repository / "docs/tenants.md").read_text("utf-8")
    text = page.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "tenants.yaml").write_text(text)
    tenants, findings = check_tenants(tmp_path / "tenants.yaml")
    assert findings == ()
    assert tenants
    assert [tenant.protected for tenant in tenants.tenants.values()] == [True, False]
    for name, url in DATA_CENTERS.items():
        assert f"| `{name}` | {url.removeprefix('https://')} |" in page
    for kind, quota in QUOTAS.items():
        (row,) = [
            line for line in page.splitlines() if line.startswith("| ") and f"`{kind}`" in line
        ]
        figures = (quota.calls_a_minute, quota.calls_an_hour, quota.calls_a_day)
        assert row.endswith("".join(f"| {figure:,} " for figure in figures) + "|")


def test_each_credential_has_a_place_of_its_own() -> None:
    """A variable for the one and a file for the other may be named; a default gives way to both."""
    assert load_tenants(FULL).tenants["again"].credentials == Credentials(
        "OTHER_ID", Path("~/other")
    )


def test_a_relative_path_starts_at_the_tenants_file(tmp_path: Path) -> None:
    """`./` and `../` are seen from the folder of tenants.yaml, wherever zbatch is called."""
    path = tmp_path / "tenants.yaml"
    path.write_text(
        "version: 1\ntenants:\n  t: {data_center: eu-api-sandbox,"
        " credentials: {client_id_file: ./id, client_secret_file: ../secret}}\n"
    )
    assert load_tenants(path).tenants["t"].credentials == Credentials(
        tmp_path / "id", tmp_path / "../secret"
    )


def test_a_certificate_cannot_be_linked_from_outside(tmp_path: Path) -> None:
    """A link within the project to a file outside is a way out, and refused."""
    project = tmp_path / "project"
    project.mkdir()
    outside = tmp_path / "ca.pem"
    outside.write_bytes((FULL.parent / "certificates/inspection.pem").read_bytes())
    (project / "ca.pem").symlink_to(outside)
    text = "version: 1\ntenants: {t: {data_center: eu-api-sandbox, ca_file: ca.pem}}\n"
    (project / "tenants.yaml").write_text(text)
    with pytest.raises(SpecError, match="ZB305"):
        load_tenants(project / "tenants.yaml")


def test_a_bundle_has_a_size_that_is_read(tmp_path: Path) -> None:
    """A file that goes on and on is no bundle of certificates."""
    certificate = (FULL.parent / "certificates/inspection.pem").read_bytes()
    (tmp_path / "ca.pem").write_bytes(certificate + b"#" * (4 * 1024 * 1024))
    text = "version: 1\ntenants: {t: {data_center: eu-api-sandbox, ca_file: ca.pem}}\n"
    (tmp_path / "tenants.yaml").write_text(text)
    with pytest.raises(SpecError, match=r"ZB345 .* is larger than 4 MB"):
        load_tenants(tmp_path / "tenants.yaml")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("http://Proxy.example.com:80/", "http://proxy.example.com"),
        ("https://proxy.example.com:443", "https://proxy.example.com"),
        ("http://10.0.0.1:3128", "http://10.0.0.1:3128"),
        ("http://[0:0::1]:3128", "http://[::1]:3128"),
    ],
)
def test_a_proxy_may_be_plain_http_anywhere(text: str, canonical: str) -> None:
    """What goes through it is encrypted to the tenant, so that a proxy needs no https itself."""
    assert canonical_proxy(text) == canonical == canonical_proxy(canonical)


def test_a_port_is_one_of_those_that_there_are() -> None:
    """From 1 to 65535, as TCP numbers them."""
    assert canonical_proxy("http://proxy:65535") == "http://proxy:65535"
    for port in (0, 65_536):
        with pytest.raises(ValueError, match="between 1 and 65535"):
            canonical_proxy(f"http://proxy:{port}")


@pytest.fixture
def spec(tmp_path: Path, head: str) -> Spec:
    """Give a spec for the sandbox that leaves its limits to the defaults."""
    path = tmp_path / "spec.yaml"
    path.write_text(head.replace("emulator", "sandbox") + f'accounts: ["{"a" * 32}"]\n')
    return load_spec(path)


def test_defaults_give_way_to_ceilings(spec: Spec) -> None:
    """A default that is above a ceiling is lowered, and what was lowered is known."""
    under = under_ceilings(spec, TENANT)
    assert under.limits == Limits(5, Rate(60, 60.0), 1, 150.0)
    assert under.lowered == ("concurrency", "rate")
    assert replace(under, limits=spec.limits, lowered=()) == spec


def test_a_tenant_without_ceilings_leaves_a_spec_alone(spec: Spec) -> None:
    """Nothing is lowered where nothing is said, nor by ceilings that are higher."""
    assert under_ceilings(spec, replace(TENANT, ceilings=None)) == spec
    high = Ceilings(40, Rate(700, 60.0), 50)
    assert under_ceilings(spec, replace(TENANT, ceilings=high)) == spec
    assert under_ceilings(spec, replace(TENANT, ceilings=Ceilings())) == spec


def test_a_limit_that_is_written_is_refused_with_both_places(spec: Spec) -> None:
    """What a review has passed is never changed silently: spec and ceiling are both named."""
    asked = replace(
        spec,
        limits=replace(spec.limits, rate=Rate(2, 1.0)),
        limit_sources={"rate": Source("spec.yaml", 6, 18)},
    )
    with pytest.raises(SpecError) as caught:
        under_ceilings(asked, TENANT)
    assert str(caught.value) == (
        "spec.yaml:6:18 ZB340 `rate` is 2/s, above the ceiling of the tenant `sandbox`; "
        "write 60/min or less (ceiling: tenants.yaml:7:9)"
    )


def test_rates_are_compared_by_what_they_let_through(spec: Spec) -> None:
    """60 a minute are not above 1 a second, whatever the larger number."""
    same = Ceilings(rate=Rate(10, 1.0))
    assert under_ceilings(spec, replace(TENANT, ceilings=same)) == spec


def test_a_spec_for_another_tenant_is_lowered(spec: Spec) -> None:
    """Limits that were reviewed for one tenant do not press another one beyond its ceilings."""
    asked = replace(
        spec,
        limits=replace(spec.limits, objects_per_call=9),
        limit_sources={"objects_per_call": Source("spec.yaml", 6, 18)},
    )
    under = under_ceilings(asked, replace(TENANT, name="rehearsal"))
    assert under.limits == Limits(5, Rate(60, 60.0), 2, 150.0)
    assert under.lowered == ("concurrency", "rate", "objects_per_call")
