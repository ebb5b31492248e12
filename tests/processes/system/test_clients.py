"""The emulator as clients see it that were written by others: curl, and Zuora's own SDK."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from support.processes import ZBATCH

READER = Path(__file__).with_name("clients") / "read_with_sdk.py"
CLIENT_ID = "0f6e3a52-7c1d-4b9e-8a60-2d5c91f7b3e4"
SECRET = "emulator"
ACCOUNT = "2c93808457d787030157e0306be53a75"
ITS_INVOICES = (
    "select Id, AccountId, TargetDate, Status from Invoice"
    " where AccountId = '2c93808457d787030157e0306be53a75'"
)
ITSELF = (
    "select Id, AccountNumber, Status from Account where Id = '2c93808457d787030157e0306be53a75'"
)
RUN_OF = """\
version: 1
name: month-end
tenant: served
dates: [{target_date: 2026-11-30}]
accounts:
  - {number: A-EUR}
  - {number: A-USD}
"""
BOOK = f"""\
account_id,account_number,invoices,currency,amount,tax
{ACCOUNT},A-EUR,2,EUR,1234.50,
2c93808457d787030157e0306be53a76,A-USD,1,USD,0.07,failed
"""
# The sample request of Zuora's page "Generate billing documents".
SAMPLE = {
    "objects": [{"AccountId": ACCOUNT, "InvoiceDate": "2016-10-20", "TargetDate": "2016-10-20"}],
    "type": "Invoice",
}


@pytest.fixture
def base_url(tmp_path: Path) -> Iterator[str]:
    """Serve an emulator of the command line."""
    with serving(tmp_path) as url:
        yield url


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[str]:
    words = [ZBATCH, "emulator", "--port", "0", "--client-id", CLIENT_ID, *options]
    with subprocess.Popen(
        words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()


def curl(*words: str, body: bytes = b"") -> bytes:
    """Run curl and give the body of a reply with a status below 400."""
    command = ["curl", "--silent", "--show-error", "--fail-with-body", "--max-time", "30", *words]
    done = subprocess.run(command, input=body, capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


def logged_in(base_url: str) -> str:
    form = {"client_id": CLIENT_ID, "client_secret": SECRET, "grant_type": "client_credentials"}
    fields = [word for pair in form.items() for word in ("--data-urlencode", "=".join(pair))]
    return str(json.loads(curl(f"{base_url}/oauth/token", *fields))["access_token"])


def posting(base_url: str) -> list[str]:
    """Give the words that let curl post what it reads, with a token."""
    headers = [f"Authorization: Bearer {logged_in(base_url)}", "Content-Type: application/json"]
    return [*(word for header in headers for word in ("-H", header)), "--data-binary", "@-"]


def asked(sdk: Path, *tenants: Sequence[str]) -> list[list[Any]]:
    """Give what Zuora's own SDK understands of what each tenant answers: its URL, its questions."""
    words = [word for tenant in tenants for word in ("--", *tenant)]
    command = [str(sdk), str(READER), CLIENT_ID, SECRET, *words[1:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    answers: list[list[Any]] = json.loads(done.stdout)
    return answers


def billed(folder: Path, base_url: str) -> list[dict[str, Any]]:
    """Bill the book's accounts with `zbatch run`, and give the lines of its report."""
    named = f"version: 1\ntenants: {{served: {{base_url: '{base_url}', wsdl_version: 147}}}}\n"
    (folder / "tenants.yaml").write_text(named, "utf-8")
    (folder / "month-end.yaml").write_text(RUN_OF, "utf-8")
    logged = {**os.environ, "ZUORA_CLIENT_ID": CLIENT_ID, "ZUORA_CLIENT_SECRET": SECRET}
    command = [ZBATCH, "run", "month-end.yaml", "--report", "report.jsonl"]
    done = subprocess.run(
        command, cwd=folder, env=logged, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = (folder / "report.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("zipped", [False, True])
def test_curl_bills_with_the_pages_own_sample_request(
    base_url: str, curl_there: None, zipped: bool
) -> None:
    """A row for the one object, with the ID of the invoice that it made; gzip both ways or none."""
    words = posting(base_url)
    body = json.dumps(SAMPLE).encode()
    if zipped:
        words += ["-H", "Content-Encoding: gzip", "--compressed"]
        body = gzip.compress(body)
    (row,) = json.loads(curl(f"{base_url}/v1/action/generate", *words, body=body))
    assert row["Success"] is True
    assert len(row["Id"]) == 32
    asked = {"queryString": ITS_INVOICES}
    found = curl(f"{base_url}/v1/action/query", *words[:6], body=json.dumps(asked).encode())
    assert [invoice["Id"] for invoice in json.loads(found)["records"]] == [row["Id"]]


def test_zuoras_own_sdk_reads_what_was_billed(
    base_url: str, curl_there: None, tmp_path: Path, sdk: Path
) -> None:
    """What was billed past zbatch, and by a run; one process for both, for the SDK is slow to load.

    Its token, its action query, its own reading of the answers: account and invoice.
    """
    words = posting(base_url)
    body = json.dumps(SAMPLE).encode()
    (row,) = json.loads(curl(f"{base_url}/v1/action/generate", *words, body=body))
    (tmp_path / "book.csv").write_text(BOOK, "utf-8")
    with serving(tmp_path, "--data", "other", "--accounts", "book.csv") as other:
        lines = billed(tmp_path, other)
        told = [(line, invoice) for line in lines for invoice in line["invoices"]]
        keys = [f"invoices/{invoice[key]}" for _, invoice in told for key in ("id", "number")]
        keys += [f"accounts/{line[f'account_{key}']}" for line in lines for key in ("id", "number")]
        keys += ["accounts/A-1", "invoices/INV00000009"]
        found, answers = asked(sdk, (base_url, ITS_INVOICES, ITSELF), (other, *keys))
    (invoice,), (account,) = found
    assert (invoice["Id"], invoice["AccountId"]) == (row["Id"], ACCOUNT)
    assert invoice["TargetDate"] == "2016-10-20"
    assert (account["Id"], account["Status"]) == (ACCOUNT, "Active")
    hold_against(lines, iter(answers))


def hold_against(lines: Sequence[dict[str, Any]], answers: Iterator[Any]) -> None:
    """Each invoice and account by ID and by number: what the report says, in the SDK's models.

    What is not there is an error of the SDK's own.
    """
    told = [(line, invoice) for line in lines for invoice in line["invoices"]]
    assert [invoice["amount"] for _, invoice in told] == ["1234.50", "1234.50", "0.07"]
    for line, invoice in told:
        read, again = next(answers), next(answers)
        assert read == again
        assert (read["success"], read["id"], read["source"]) == ("True", invoice["id"], "API")
        amounts = ("amount", "balance")
        assert [Decimal(read[name]) for name in amounts] == [Decimal(invoice[n]) for n in amounts]
        same = ("status", "currency", "tax_status")
        assert [read[name] for name in same] == [invoice[name] for name in same]
        assert read["invoice_number"] == invoice["number"]
        dates = ("account_id", "invoice_date", "target_date")
        assert [read[name] for name in dates] == [line[name] for name in dates]
    for line in lines:
        read, again = next(answers), next(answers)
        assert read == again
        assert read["basic_info"] == {
            "id": line["account_id"],
            "account_number": line["account_number"],
            "status": "Active",
        }
        assert read["billing_and_payment"]["currency"] == line["invoices"][0]["currency"]
    assert list(answers) == [{"status": 404}] * 2  # it asks by a version that says so
