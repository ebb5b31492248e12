"""The emulator as clients see it that were written by others: curl, and Zuora's own SDK."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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
# The sample request of Zuora's page "Generate billing documents".
SAMPLE = {
    "objects": [{"AccountId": ACCOUNT, "InvoiceDate": "2016-10-20", "TargetDate": "2016-10-20"}],
    "type": "Invoice",
}


@pytest.fixture
def base_url(tmp_path: Path) -> Iterator[str]:
    """Serve an emulator of the command line."""
    words = [str(Path(sys.executable).with_name("zbatch")), "emulator", "--port", "0"]
    words += ["--client-id", CLIENT_ID]
    with subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
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


def test_zuoras_own_sdk_reads_what_was_billed(base_url: str, curl_there: None, sdk: Path) -> None:
    """Its token, its action query, its own reading of the answers: account and invoice."""
    words = posting(base_url)
    body = json.dumps(SAMPLE).encode()
    (row,) = json.loads(curl(f"{base_url}/v1/action/generate", *words, body=body))
    command = [str(sdk), str(READER), base_url, CLIENT_ID, SECRET, ITS_INVOICES, ITSELF]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (invoice,), (account,) = json.loads(done.stdout)
    assert (invoice["Id"], invoice["AccountId"]) == (row["Id"], ACCOUNT)
    assert invoice["TargetDate"] == "2016-10-20"
    assert (account["Id"], account["Status"]) == (ACCOUNT, "Active")
