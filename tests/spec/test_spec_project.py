"""Where a spec belongs, and which tenant it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from zbatch.model import Charges, Credentials, Limits, Rate, Tenant
from zbatch.spec import (
    Project,
    SpecError,
    find_project,
    load_spec,
    load_tenants,
    resolve_tenant,
)  # fmt: skip
from zbatch.zuora.hosts import canonical_url, is_loopback

TENANTS = "version: 1\ntenants:\n  production: {data_center: us-production-cloud-2}\n"


def _spec(folder: Path, tenant: str, head: str) -> Path:
    path = folder / "spec.yaml"
    path.write_text(
        head.replace("emulator", tenant) + f'accounts: ["{"a" * 32}"]\n', encoding="utf-8"
    )
    return path


def test_nearest_tenants_file_is_the_root(tmp_path: Path) -> None:
    """The nearest folder with tenants.yaml wins over one further up and over .git."""
    specs = tmp_path / "inner/specs"
    specs.mkdir(parents=True)
    (specs / ".git").mkdir()
    (tmp_path / "tenants.yaml").touch()
    assert find_project(specs / "x.yaml").root == tmp_path
    (tmp_path / "inner/tenants.yaml").touch()
    project = find_project(specs / "x.yaml")
    assert project == Project(tmp_path / "inner", tmp_path / "inner/tenants.yaml")


def test_git_is_the_root_without_a_tenants_file(tmp_path: Path) -> None:
    """Without tenants.yaml the repository is the project, whether .git is a folder or a file."""
    specs = tmp_path / "specs"
    specs.mkdir()
    (tmp_path / ".git").touch()
    assert find_project(specs / "x.yaml") == Project(tmp_path, None)


def test_own_folder_is_the_root_of_a_spec_alone(tmp_path: Path) -> None:
    """A spec without any surroundings is its own project."""
    above = [folder / mark for folder in tmp_path.parents for mark in ("tenants.yaml", ".git")]
    if any(mark.exists() for mark in above):
        pytest.skip("the folder for temporary files lies in a project")
    assert find_project(tmp_path / "x.yaml") == Project(tmp_path, None)


def test_link_belongs_where_the_spec_is(tmp_path: Path, head: str) -> None:
    """A link to a spec finds the project of the spec, not that of the link."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (home / "tenants.yaml").touch()
    (elsewhere / "tenants.yaml").touch()
    (elsewhere / "link.yaml").symlink_to(_spec(home, "emulator", head))
    assert find_project(elsewhere / "link.yaml").root == home


def test_broken_tenants_link_is_not_passed_over(tmp_path: Path, head: str) -> None:
    """A tenants.yaml that cannot be read is an error, never a reason to look further up."""
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "tenants.yaml").write_text(TENANTS)
    (inner / "tenants.yaml").symlink_to(inner / "nowhere")
    path = _spec(inner, "production", head)
    with pytest.raises(SpecError, match="ZB101"):
        resolve_tenant(load_spec(path), find_project(path))


def test_emulator_is_built_in(tmp_path: Path, head: str) -> None:
    """The built-in tenant needs no file, and its host is `emulator` whatever its port."""
    spec = load_spec(_spec(tmp_path, "emulator", head))
    assert resolve_tenant(spec, Project(tmp_path, None)) == Tenant(
        name="emulator",
        base_url="http://127.0.0.1",
        host="emulator",
        credentials=Credentials("ZUORA_CLIENT_ID", "ZUORA_CLIENT_SECRET"),
    )


def test_tenant_comes_from_the_file(tmp_path: Path, head: str) -> None:
    """A name from tenants.yaml gives that tenant, with its defaults."""
    (tmp_path / "tenants.yaml").write_text(TENANTS)
    path = _spec(tmp_path, "production", head)
    tenant = resolve_tenant(load_spec(path), find_project(path))
    assert tenant.base_url == "https://rest.zuora.com"
    assert tenant.host == "rest.zuora.com"
    assert tenant.wsdl_version == 79
    assert tenant.entity_id is None


def test_unknown_tenant_is_shown_where_it_is_named(tmp_path: Path, head: str) -> None:
    """An unknown tenant is told at its place in the spec, with the nearest known name."""
    (tmp_path / "tenants.yaml").write_text(TENANTS)
    path = _spec(tmp_path, "prodcution", head)
    with pytest.raises(SpecError) as raised:
        resolve_tenant(load_spec(path), find_project(path))
    assert str(raised.value).startswith(f'{path}:3:9 ZB303 the tenant "prodcution" is not known')
    assert str(raised.value).endswith("did you mean `production`?")


def test_unknown_tenant_without_a_file(tmp_path: Path, head: str) -> None:
    """Without tenants.yaml only the emulator is known, and the message says so."""
    spec = load_spec(_spec(tmp_path, "mars", head))
    with pytest.raises(SpecError, match=r"there is no tenants\.yaml; known: emulator"):
        resolve_tenant(spec, Project(tmp_path, None))


def test_tenants_are_canonical() -> None:
    """Hosts and entities are lower case, without default port; loopback may be plain http."""
    path = Path(__file__).parents[1] / "examples/valid/tenants-all.yaml"
    file = load_tenants(path)
    assert file.tenants["production"] == Tenant(
        name="production",
        base_url="https://rest.zuora.com",
        host="rest.zuora.com",
        credentials=Credentials("PROD_ID", "PROD_SECRET"),
        entity_id="11e643f4-a3ee-8bad-b061-0025904c57d6",
        wsdl_version=153,
    )
    assert {name: tenant.host for name, tenant in file.tenants.items()} == {
        "production": "rest.zuora.com",
        "sandbox": "rest.sandbox.eu.zuora.com",
        "test-1": "127.0.0.1:8080",
        "test-2": "localhost",
        "test-3": "[::1]:9",
        "test_4": "xn--bcher-kva.example",
        "test.5": "10.0.0.1",
    }
    assert file.emulator_accounts == path.with_name("book.csv").resolve()


def test_f130_account_book_cannot_be_linked_from_outside(tmp_path: Path) -> None:
    """A link within the project to a file outside is a way out, and refused."""
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "book.csv").touch()
    (project / "book.csv").symlink_to(tmp_path / "book.csv")
    (project / "tenants.yaml").write_text("version: 1\nemulator: {accounts: book.csv}\n")
    with pytest.raises(SpecError, match="ZB305"):
        load_tenants(project / "tenants.yaml")


@pytest.mark.parametrize("book", ["a" * 300, "a\\0b", "loop/x"])
def test_account_book_that_no_system_has(tmp_path: Path, book: str) -> None:
    """A path that the system itself refuses is a finding."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "tenants.yaml").write_text(f'version: 1\nemulator: {{accounts: "{book}"}}\n')
    with pytest.raises(SpecError, match=r"ZB(306|106)"):
        load_tenants(tmp_path / "tenants.yaml")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True), ("127.255.0.9", True), ("[::1]", True), ("localhost", True),
        ("128.0.0.1", False), ("1.0.0.127", False), ("[::]", False), ("localhost.x", False),
        ("[::ffff:127.0.0.1]", False), ("emulator", False),
    ],
)  # fmt: skip
def test_loopback_is_this_machine_alone(host: str, loopback: bool) -> None:
    """Only 127.0.0.0/8, ::1 and localhost are this machine."""
    assert is_loopback(host) is loopback


def test_canonical_url_is_stable() -> None:
    """A canonical URL is its own canonical form."""
    for text in ["https://REST.zuora.com:443/", "http://[0:0::1]:80", "https://h:8443"]:
        url, host = canonical_url(text)
        assert canonical_url(url) == (url, host)
        assert url.endswith(f"://{host}")


def test_limits_and_retry_are_read(tmp_path: Path, head: str) -> None:
    """Limits come out in calls and seconds."""
    path = _spec(tmp_path, "emulator", head)
    limits = "limits: {concurrency: 3, rate: 5000/h, objects_per_call: 50, timeout: 2500ms}\n"
    path.write_text(path.read_text() + limits + "retry: {max_attempts: 2}\n")
    spec = load_spec(path)
    assert spec.limits == Limits(3, Rate(5000, 3600.0), 50, 2.5)
    assert spec.max_attempts == 2
    assert spec.charges == Charges()
