"""What is not ours and not in zbatch's environment: the rivals' libraries, and wrk."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import BUILD, HERE, measured, scratch

LOCK = HERE / "rivals.txt"
SLOTS = 40


@dataclass(frozen=True, slots=True)
class Loop:
    """What the calls alone took: microseconds of CPU a call and an account, and calls a second."""

    call: float
    account: float
    rate: float


def rival_python() -> str:
    """Give an interpreter that has httpx and requests, in an environment of the bench."""
    place = BUILD / "rivals"
    python = place / "bin" / "python"
    stamp = place / "made-from"
    if not stamp.exists() or stamp.read_text("utf-8") != LOCK.read_text("utf-8"):
        print("setting up build/bench/rivals for httpx and requests", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]
        words = [*pip, "install", "--require-hashes", "-r", str(LOCK)]
        subprocess.run(words, check=True)
        stamp.write_text(LOCK.read_text("utf-8"), "utf-8")
    return str(python)


def rival(way: str, url: str, calls: int, objects: int = 1, spec: Path | None = None) -> Loop:
    """Let one of the rivals make the calls."""
    python = rival_python() if way in ("httpx", "requests") else sys.executable
    out, journal = scratch("rival"), scratch("journal")
    words = [python, str(HERE / "rivals.py"), way, url, "--journal", str(journal)]
    words += ["--count", str(calls * objects), "--objects", str(objects)]
    words += ["--spec", str(spec)] if spec else []
    measured(words, out=out)
    journal.unlink(missing_ok=True)
    told = json.loads(out.read_text("utf-8"))
    each, account = told["cpu"] / told["calls"] * 1e6, told["cpu"] / told["accounts"] * 1e6
    return Loop(each, account, told["calls"] / told["wall"])


def versions() -> str:
    """Tell the versions of what is neither ours nor in zbatch's environment."""
    lock = LOCK.read_text("utf-8")
    found = [f"{name} {_locked(name, lock)}" for name in ("httpx", "requests")]
    if command := shutil.which("wrk"):
        done = subprocess.run([command, "-v"], capture_output=True, text=True, check=False)
        told = re.search(r"wrk\s+(?:debian/)?(\S+)", done.stdout + done.stderr)
        found.append(f"wrk {told[1]}" if told else "wrk")
    return ", ".join(found)


def _locked(name: str, lock: str) -> str:
    line = re.search(rf"^{name}==(\S+)", lock, re.MULTILINE)
    return line[1] if line else "of a version that the lock does not tell"


def rival_words(way: str, *rest: str) -> list[str]:
    """Give the command of a rival that needs nothing beyond zbatch's own environment."""
    return [sys.executable, str(HERE / "rivals.py"), way, *rest]


def have_wrk() -> bool:
    """Tell whether wrk is there; say aloud how to get it otherwise."""
    if shutil.which("wrk"):
        return True
    print("wrk is missing: no physical limit, no capacity (apt install wrk)", file=sys.stderr)
    return False


SCRIPT = """\
wrk.method = "POST"
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
file:close()
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Content-Encoding"] = "gzip"
wrk.headers["Authorization"] = "Bearer {token}"
local sent = 0
request = function()
  sent = sent + 1
  wrk.headers["Idempotency-Key"] = "bench-" .. sent
  wrk.headers["Zuora-Track-Id"] = "bench-" .. sent
  return wrk.format()
end
"""


def wrk(url: str, seconds: float, token: str = "a-token-of-the-bench") -> Loop:  # noqa: S107
    """Let wrk send one body again and again, under keys of their own, and parse nothing."""
    body, script, out = scratch("wrk-body"), scratch("wrk-script"), scratch("wrk-told")
    entry = {"AccountId": "2c93808457d787030157e0306be53a01"}
    entry |= {"InvoiceDate": "2026-11-30", "TargetDate": "2026-11-30"}
    told = json.dumps({"objects": [entry], "type": "Invoice"}, separators=(",", ":"))
    body.write_bytes(gzip.compress(told.encode(), 1, mtime=0))
    script.write_text(SCRIPT.format(body=body, token=token), "utf-8")
    words = ["wrk", "-t1", f"-c{SLOTS}", f"-d{max(1, round(seconds))}s", "-s", str(script)]
    cost = measured([*words, f"{url}/v1/action/generate"], out=out)
    said = out.read_text("utf-8")
    found = re.search(r"(\d+) requests in ([\d.]+)s", said)
    if found is None or "Non-2xx" in said:
        raise RuntimeError(f"wrk did not get what it asked for: {said}")
    calls, each = int(found[1]), cost.cpu / int(found[1]) * 1e6
    return Loop(each, each, calls / float(found[2]))
