"""The schemas as people, editors and other tools meet them."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing.exceptions import Unresolvable

from zbatch.spec import check_spec, check_tenants
from zbatch.spec.rows import compile_rows
from zbatch.spec.schema import compile_validator, load_schema, with_defaults
from zbatch.zuora.hosts import DATA_CENTERS, canonical_url
from zbatch.zuora.quotas import QUOTAS

KINDS = ["spec", "tenants"]
ENTRY = load_schema("spec")["properties"]["accounts"]["items"]
ID = "2c93808457d787030157e0306be53a75"


def _schemas(value: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every map within a schema that is itself a schema, with where it stands."""
    if isinstance(value, dict):
        yield place, value
        for name in ("properties", "patternProperties"):
            for key, sub in value.get(name, {}).items():
                yield from _schemas(sub, f"{place}/{key}")
        for name in ("items", "oneOf"):
            for sub in value.get(name, []) if name == "oneOf" else [value.get(name)]:
                yield from _schemas(sub, f"{place}/{name}")


@pytest.mark.parametrize("kind", KINDS)
def test_schema_is_a_schema(kind: str) -> None:
    """Both schemas keep to the draft that they name."""
    Draft202012Validator.check_schema(load_schema(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_maps_are_closed(kind: str) -> None:
    """No map lets a key pass that it does not name."""
    for place, schema in _schemas(load_schema(kind)):
        if schema.get("type") == "object":
            assert schema.get("additionalProperties") is False, place


@pytest.mark.parametrize("kind", KINDS)
def test_properties_are_described_with_valid_examples(kind: str) -> None:
    """Editors can show what each key means, with examples that hold; refused keys have none."""
    for place, schema in _schemas(load_schema(kind)):
        for name, sub in schema.get("properties", {}).items():
            assert len(sub["description"]) > 10, f"{place}/{name}"
            assert ("not" in sub) == (not sub["examples"]), f"{place}/{name}"
            for value in [*sub["examples"], *([sub["default"]] if "default" in sub else [])]:
                compile_validator(sub).validate(value)


@pytest.mark.parametrize("kind", KINDS)
def test_patterns_hold_at_the_line_end(kind: str) -> None:
    """A value with a line end behind it is no valid value, in Python's dialect as in ECMA's."""
    for place, schema in _schemas(load_schema(kind)):
        pattern = schema.get("pattern")
        if pattern is None:
            continue
        assert pattern.startswith("^"), place
        assert "errorMessage" in schema, place
        assert "\\d" not in pattern, place
        if "examples" in schema:
            for example in schema["examples"]:
                assert not compile_validator(schema).is_valid(f"{example}\n"), place


@pytest.mark.parametrize("kind", KINDS)
def test_patterns_are_quick(kind: str) -> None:
    """No pattern of the schema takes noticeable time on a hostile text of 100,000 signs.

    Linear time is a few milliseconds; quadratic time would be minutes.
    """
    hostile = ["a" * 100_000, "1" * 100_000, " " * 100_000 + "\n", "a " * 50_000, "a\n" * 50_000]
    for _, schema in _schemas(load_schema(kind)):
        for text in hostile if "pattern" in schema else ():
            begun = time.process_time()
            re.search(schema["pattern"], text)
            assert time.process_time() - begun < 1.0, schema["pattern"]


def test_no_quadratic_keyword() -> None:
    """`uniqueItems` is not used: on maps it is quadratic."""
    for kind in KINDS:
        assert all("uniqueItems" not in schema for _, schema in _schemas(load_schema(kind)))


def test_defaults_are_those_of_the_design() -> None:
    """The defaults that hold are the ones in the schema."""
    filled = with_defaults({}, load_schema("spec"))
    assert filled == {
        "charges": {"one_time": True, "recurring": True, "usage": True},
        "limits": {
            "concurrency": 10, "rate": "600/min", "objects_per_call": 1, "timeout": "150s"
        },
        "retry": {"max_attempts": 6},
        "reconcile": {"settle": "60m", "wait": "0s"},
    }  # fmt: skip
    (tenant,) = load_schema("tenants")["properties"]["tenants"]["patternProperties"].values()
    assert with_defaults({}, tenant) == {
        "credentials": {
            "client_id_env": "ZUORA_CLIENT_ID",
            "client_secret_env": "ZUORA_CLIENT_SECRET",
        },
        "protected": False,
        "wsdl_version": 79,
    }


def test_data_centers_are_those_that_have_a_host() -> None:
    """Schema and table name the same ten data centers, each with a canonical https URL."""
    (tenant,) = load_schema("tenants")["properties"]["tenants"]["patternProperties"].values()
    assert tenant["properties"]["data_center"]["enum"] == list(DATA_CENTERS)
    assert len(set(DATA_CENTERS.values())) == 10
    for url in DATA_CENTERS.values():
        assert canonical_url(url) == (url, url.removeprefix("https://"))


def test_kinds_are_those_that_have_a_quota() -> None:
    """Schema and tables name the same kinds of tenants."""
    (tenant,) = load_schema("tenants")["properties"]["tenants"]["patternProperties"].values()
    assert tenant["properties"]["kind"]["enum"] == list(QUOTAS)


def test_installed_schema_is_the_one_in_the_folder(repository: Path) -> None:
    """The loader reads the very files that editors are pointed to."""
    for kind in KINDS:
        text = (repository / f"schemas/{kind}.schema.json").read_text("utf-8")
        assert json.loads(text)["title"] == load_schema(kind)["title"]


@pytest.mark.filterwarnings("ignore")  # jsonschema warns when it fetches: here it shall fail
def test_no_file_is_fetched(tmp_path: Path) -> None:
    """A reference from the schema to a file is an error, even if the file exists."""
    target = tmp_path / "other.json"
    target.write_text("{}")
    with pytest.raises(Unresolvable):
        compile_validator({"$ref": target.as_uri()}).is_valid({})


@pytest.mark.filterwarnings("ignore")  # jsonschema warns when it fetches: here it shall fail
def test_no_address_is_fetched() -> None:
    """A reference from the schema to an address is an error, and nobody is connected to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/other.json"
        with pytest.raises(Unresolvable):
            compile_validator({"$ref": address}).is_valid({})
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_committed_files_pass_check_jsonschema(repository: Path) -> None:
    """A validator that we did not write accepts the specs and the tenants file as they are."""
    tool = Path(sys.executable).with_name("check-jsonschema")
    specs = sorted((repository / "specs").glob("*.yaml"))
    assert len(specs) >= 2
    for kind, files in {"spec": specs, "tenants": [repository / "tenants.yaml"]}.items():
        schema = repository / f"schemas/{kind}.schema.json"
        result = subprocess.run(
            [tool, "--schemafile", schema, *files], capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stdout + result.stderr


def test_committed_files_have_no_findings(repository: Path) -> None:
    """The specs and the tenants file of this repository pass without a warning."""
    for path in sorted((repository / "specs").glob("*.yaml")):
        spec, findings = check_spec(path)
        assert spec is not None
        assert findings == ()
        first = path.read_text("utf-8").splitlines()[0]
        assert first == "# yaml-language-server: $schema=../schemas/spec.schema.json"
    tenants, findings = check_tenants(repository / "tenants.yaml")
    assert findings == ()
    assert tenants is not None
    assert tenants.emulator_accounts == repository / "emulator/accounts.csv"


_texts = st.sampled_from(
    [ID, ID.upper(), ID + "\n", ID[:-1], ID + "0", "", "2026-11-30", "x", " x"]
)
_dates = st.lists(
    st.dictionaries(st.sampled_from(["target_date", "invoice_date", "x"]), _texts, max_size=2),
    max_size=2,
)
_entries = st.one_of(
    _texts,
    st.integers(),
    st.booleans(),
    st.lists(_texts, max_size=1),
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.just(ID) | _texts,
            "dates": _dates | _texts,
            "reason": st.text(max_size=3) | _texts | st.just("x" * 501),
            "revision": st.integers(0, 101) | st.booleans() | st.just("2"),
            "number": _texts | st.just("A00991201"),
            "file": _texts,
            "columns": st.dictionaries(st.sampled_from(["account_id", "x"]), _texts, max_size=2),
        },
    ),
)


@settings(max_examples=500, deadline=None)
@given(_entries)
def test_quick_yes_is_the_validators_yes(entry: object) -> None:
    """The compiled check of an entry and jsonschema agree on every entry."""
    assert compile_rows(ENTRY)(entry) == compile_validator(ENTRY).is_valid(entry)


def _examples(schema: Mapping[str, Any]) -> Any:
    """Write a whole file of the examples that a schema gives, each key with its last one."""
    return {
        key: sub["examples"][-1] if "examples" in sub else _examples(sub)
        for key, sub in schema["properties"].items()
        if "not" not in sub
    }


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each map and list within a value, with each of its keys or positions."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys if isinstance(value, dict | list) else ():
        yield value, key
        yield from _places(value[key]) if isinstance(value[key], dict | list) else ()


_odd = st.sampled_from(
    (
        *(None, True, False, 0, 1, 2, 0.5, 1e9, "", "x", "x\n", " x", "x" * 600, "600/min", "1"),
        *(ID, "production", [], {}, ["rest"], {"x": "y"}, {"id": ID}),
        [{"target_date": "2026-11-30"}],
    )
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_quick_yes_to_a_whole_file_is_the_validators_yes(kind: str, data: st.DataObject) -> None:
    """The compiled check of a file and jsonschema agree, however a good one is spoiled.

    But for a whole number where any number may stand: no text is typed so, and a no asks anew.
    """
    schema = load_schema(kind)
    value = json.loads(json.dumps(_examples(schema)))
    for _ in range(data.draw(st.integers(0, 2))):
        held, key = data.draw(st.sampled_from(list(_places(value))))
        change = data.draw(st.sampled_from(["put", "take", "add"]))
        if change == "put":
            held[key] = data.draw(_odd)
        elif change == "take":
            del held[key]
        elif isinstance(held, dict):
            held[data.draw(st.sampled_from(["x", "x y", *schema["properties"], "id"]))] = "x"
    quick, valid = compile_rows(schema)(value), compile_validator(schema).is_valid(value)
    assert valid or not quick
    whole = [held[key] for held, key in _places(value) if key == "failure_ratio"]
    assert quick or not valid or any(type(one) is int for one in whole)


def test_a_good_file_needs_no_jsonschema(tmp_path: Path) -> None:
    """What fits the schema is told by the compiled check alone: jsonschema takes long to load."""
    spec = tmp_path / "good.yaml"
    spec.write_text(
        f"version: 1\nname: good\ntenant: emulator\ndates: [{{target_date: 2026-11-30}}]\n"
        f"accounts: [{ID}]\n"
    )
    code = (
        "import sys; from zbatch.cli import main; code = main(['validate', sys.argv[1]]); "
        "sys.exit(code or 'jsonschema' in sys.modules or 'importlib.resources' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(spec)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_quick_yes_knows_every_keyword() -> None:
    """A keyword that the compiled check does not know stops it from being built."""
    with pytest.raises(KeyError):
        compile_rows({"type": "string", "format": "date"})
    with pytest.raises(KeyError):
        compile_rows({"type": "object", "dependentSchemas": {}})
    with pytest.raises(KeyError):
        compile_rows({"type": "object", "properties": {}})
    with pytest.raises(KeyError):
        compile_rows({"oneOf": [{"type": "string"}, {"type": "string"}]})
    with pytest.raises(KeyError):
        compile_rows({"type": "object", "patternProperties": {"^x": {}}})
    with pytest.raises(KeyError):
        compile_rows({"enum": ["x", 1]})
