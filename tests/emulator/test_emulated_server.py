"""The emulator over loopback, met by clients that know nothing of it."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import io
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from support.emulator import NOON
from support.mishaps import DROP_AFTER, DROP_BEFORE
from zbatch.emulator import (
    EmulatorConfig,
    Mishap,
    RunningEmulator,
    Scheduled,
    ServerLimits,
    executions,
    history,
    invoices,
    running,
    serve_forever,
)
from zbatch.emulator.catalogue import fault
from zbatch.emulator.tenant import AFTER_CUT_OFF
from zbatch.errors import CannotStart

# the request sample of the page "Action POSTgenerate", as it stands there
SAMPLE = b"""{
  "objects": [
    {
      "AccountId": "2c93808457d787030157e0306be53a75",
      "InvoiceDate": "2016-10-20",
      "TargetDate": "2016-10-20"
    }
  ],
  "type": "Invoice"
}"""
PATH = "/v1/action/generate"


@dataclass(frozen=True, slots=True)
class Caller:
    """A session that is logged in."""

    session: aiohttp.ClientSession
    url: str
    bearer: str

    async def generate(self, key: str, account: str = "0" * 32, **more: str) -> tuple[int, bytes]:
        """Send one generate, gzipped, and return status and body."""
        row = {"AccountId": account, "InvoiceDate": "2026-11-30", "TargetDate": "2026-11-30"}
        body = gzip.compress(json.dumps({"objects": [row], "type": "Invoice"}).encode())
        headers = {
            "Authorization": f"Bearer {self.bearer}",
            "Content-Encoding": "gzip",
            "Idempotency-Key": key,
            **more,
        }
        async with self.session.post(self.url + PATH, data=body, headers=headers) as reply:
            return reply.status, await reply.read()

    async def until_begun(self) -> None:
        """Wait until one call is in execution: it takes one of the 40 places."""
        headers = {"Authorization": f"Bearer {self.bearer}"}
        left = "40"
        while left != "39":
            async with self.session.get(f"{self.url}/v1/nowhere", headers=headers) as reply:
                left = reply.headers["Concurrency-Limit-Remaining"]


@asynccontextmanager
async def calling(emulator: RunningEmulator) -> AsyncIterator[Caller]:
    """Log in with the credentials that the emulator tells."""
    form = {
        "client_id": emulator.client_id,
        "client_secret": emulator.client_secret,
        "grant_type": "client_credentials",
    }
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{emulator.base_url}/oauth/token", data=form) as reply:
            bearer = (await reply.json())["access_token"]
        yield Caller(session, emulator.base_url, bearer)


def play(config: EmulatorConfig, scene: Callable[[Caller], Awaitable[None]]) -> None:
    """Run a scene with an emulator and a caller."""

    async def staged() -> None:
        async with running(config) as emulator, calling(emulator) as caller:
            async with asyncio.timeout(10):
                await scene(caller)
        assert len(asyncio.all_tasks()) == 1, "a task is left over"

    asyncio.run(staged())


def test_the_page_s_own_sample(tmp_path: Path) -> None:
    """A plain HTTP client with the page's sample gets the page's answer."""

    def talk(emulator: RunningEmulator) -> tuple[http.client.HTTPMessage, bytes]:
        host = urlsplit(emulator.base_url).netloc
        connection = http.client.HTTPConnection(host, timeout=10)
        form = "client_id=emulator&client_secret=emulator&grant_type=client_credentials"
        form_type = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/oauth/token", form, form_type)
        bearer = json.loads(connection.getresponse().read())["access_token"]
        headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
        connection.request("POST", PATH, SAMPLE, headers)
        reply = connection.getresponse()
        body = reply.read()
        connection.close()
        assert reply.status == 200
        return reply.headers, body

    async def staged() -> tuple[http.client.HTTPMessage, bytes]:
        async with running(EmulatorConfig(tmp_path)) as emulator:
            assert urlsplit(emulator.base_url).hostname == "127.0.0.1"
            return await asyncio.to_thread(talk, emulator)

    headers, body = asyncio.run(staged())
    [invoice] = invoices(tmp_path)
    assert json.loads(body) == [{"Success": True, "Id": invoice.id}]
    assert invoice.account_id == "2c93808457d787030157e0306be53a75"
    assert headers.get_all("Server") == ["zbatch-emulator"]
    assert len(headers.get_all("Date") or []) == 1


def test_calls_at_once_each_make_one_invoice(tmp_path: Path) -> None:
    """Forty callers, each key sent twice: one invoice a key, and both see its row."""

    async def scene(caller: Caller) -> None:
        async def twice(n: int) -> None:
            account = f"{n:032x}"
            _, first = await caller.generate(f"k{n}", account)
            _, again = await caller.generate(f"k{n}", account)
            assert again == first

        await asyncio.gather(*(twice(n) for n in range(40)))

    play(EmulatorConfig(tmp_path, latency=0.001), scene)
    assert len(invoices(tmp_path)) == 40


def test_a_caller_who_goes_away_does_not_stop_the_execution(tmp_path: Path) -> None:
    """The invoice arises though nobody waits, even if the emulator is told to stop meanwhile."""

    async def scene(caller: Caller) -> None:
        call = asyncio.create_task(caller.generate("k"))
        await caller.until_begun()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    play(EmulatorConfig(tmp_path, latency=0.6), scene)
    assert [invoice.key for invoice in invoices(tmp_path)] == ["k"]


def test_the_cut_off_on_the_wire(tmp_path: Path) -> None:
    """A slow call is a 504 in plain text at the cut-off, and executed afterwards."""

    async def scene(caller: Caller) -> None:
        status, body = await caller.generate("k")
        assert (status, body) == (504, b"Gateway Timeout\n")
        assert (await caller.generate("k"))[0] == 409

    play(EmulatorConfig(tmp_path, latency=0.3, limits=ServerLimits(cut_off=0.05)), scene)
    assert len(invoices(tmp_path)) == 1
    assert history(tmp_path)[-1].note == AFTER_CUT_OFF


def test_the_concurrency_limit_on_the_wire(tmp_path: Path) -> None:
    """Of three calls at once two find a place, and the third is turned away."""

    async def scene(caller: Caller) -> None:
        calls = (caller.generate(f"k{n}", f"{n:032x}") for n in range(3))
        statuses = [status for status, _ in await asyncio.gather(*calls)]
        assert sorted(statuses) == [200, 200, 429]

    play(EmulatorConfig(tmp_path, latency=0.2, limits=ServerLimits(concurrency=2)), scene)


def test_a_restart_on_the_same_folder(tmp_path: Path) -> None:
    """A second emulator on the folder replays the key and keeps the invoice."""
    replies: list[tuple[int, bytes]] = []

    async def scene(caller: Caller) -> None:
        replies.append(await caller.generate("k"))

    for _ in range(2):
        play(EmulatorConfig(tmp_path, latency=0), scene)
    assert replies[0] == replies[1]
    assert len(invoices(tmp_path)) == 1


def test_a_large_reply_is_compressed_on_the_wire(tmp_path: Path) -> None:
    """A reply over 1000 bytes comes gzipped to whoever takes it, and is whole."""
    rows = [{"AccountId": "x"}] * 50

    async def scene(caller: Caller) -> None:
        headers = {"Authorization": f"Bearer {caller.bearer}", "Accept-Encoding": "gzip"}
        body = {"objects": rows, "type": "Invoice"}
        async with caller.session.post(caller.url + PATH, json=body, headers=headers) as reply:
            assert reply.headers["Content-Encoding"] == "gzip"
            assert len(await reply.json()) == 50

    play(EmulatorConfig(tmp_path), scene)


def test_a_body_over_the_cap_is_refused(tmp_path: Path) -> None:
    """More than a megabyte is no call; the emulator says 413 and goes on."""

    async def scene(caller: Caller) -> None:
        headers = {"Authorization": f"Bearer {caller.bearer}"}
        body = io.BytesIO(b" " * 1_100_000)
        async with caller.session.post(caller.url + PATH, data=body, headers=headers) as reply:
            assert reply.status == 413
            assert reply.headers["Server"] == "zbatch-emulator"
        assert (await caller.generate("k"))[0] == 200

    play(EmulatorConfig(tmp_path, latency=0), scene)


def test_a_request_that_breaks_off_executes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A body shorter than announced never arrives, and makes no noise."""

    async def scene(caller: Caller) -> None:
        url = urlsplit(caller.url)
        _, writer = await asyncio.open_connection(url.hostname, url.port)
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {caller.bearer}\r\n"
        writer.write(f"{head}Content-Length: {len(SAMPLE)}\r\n\r\n".encode() + SAMPLE[:-1])
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        assert (await caller.generate("k"))[0] == 200

    play(EmulatorConfig(tmp_path, latency=0), scene)
    assert [invoice.key for invoice in invoices(tmp_path)] == ["k"]
    assert caplog.records == []


GARBAGE = [
    b"garbage\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\ncanary\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: " + b"canary" * 2000 + b"\r\n\r\n",
]


@pytest.mark.parametrize("sent", GARBAGE, ids=["no http", "no chunk", "no header"])
def test_broken_http_is_a_400_and_no_noise(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    """What is no HTTP gets a 400, and nothing of it is written to any log."""

    async def scene(caller: Caller) -> None:
        url = urlsplit(caller.url)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(sent)
        assert b" 400 " in await reader.readline()
        writer.close()
        await writer.wait_closed()
        assert (await caller.generate("k"))[0] == 200

    play(EmulatorConfig(tmp_path, latency=0), scene)
    assert caplog.records == []


def test_an_idle_connection_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """The emulator stops at once though a caller keeps its connection open."""

    async def staged() -> float:
        loop = asyncio.get_running_loop()
        async with aiohttp.ClientSession() as session:
            async with running(EmulatorConfig(tmp_path)) as emulator:
                async with session.get(emulator.base_url) as reply:
                    assert reply.status == 404
                    await reply.read()
                leaving = loop.time()
            return loop.time() - leaving

    assert asyncio.run(staged()) < 2


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """A port in use is told as such, and the folder is free again."""

    async def staged(port: int) -> None:
        async with running(EmulatorConfig(tmp_path, port=port)):
            pass

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=f"cannot listen on 127.0.0.1:{port}"):
            asyncio.run(staged(port))
    asyncio.run(staged(0))


def test_serving_forever_ends_when_cancelled(tmp_path: Path) -> None:
    """The coroutine of the command line announces itself, serves, and goes when told to."""

    async def staged() -> None:
        announced: asyncio.Future[RunningEmulator] = asyncio.get_running_loop().create_future()
        config = EmulatorConfig(tmp_path, latency=0)
        serving = asyncio.create_task(serve_forever(config, announced.set_result))
        async with calling(await announced) as caller:
            assert (await caller.generate("k"))[0] == 200
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving

    asyncio.run(staged())


def test_the_clock_is_the_caller_s(tmp_path: Path) -> None:
    """Wall time comes in from outside, down to the invoice."""

    async def staged() -> None:
        config = EmulatorConfig(tmp_path, latency=0)
        async with running(config, lambda: NOON) as emulator, calling(emulator) as caller:
            await caller.generate("k")

    asyncio.run(staged())
    assert invoices(tmp_path)[0].created_at.timestamp() == NOON


def test_no_secret_in_what_is_shown(tmp_path: Path) -> None:
    """Neither the setup nor the running emulator shows the client secret."""
    config = EmulatorConfig(tmp_path, client_secret="canary")
    shown = RunningEmulator("http://127.0.0.1:1", "id", "canary", tmp_path)
    assert "canary" not in repr(config) + repr(shown)


LOST = [
    (DROP_BEFORE, aiohttp.ClientOSError, 0),
    (DROP_AFTER, aiohttp.ClientOSError, 1),
    (fault("truncated", offset=-1), aiohttp.ClientPayloadError, 1),
    (fault("truncated", offset=-40), aiohttp.ClientPayloadError, 1),
]


@pytest.mark.parametrize(("mishap", "error", "billed"), LOST, ids=range(len(LOST)))
def test_a_mishap_on_the_wire(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    mishap: Mishap,
    error: type[Exception],
    billed: int,
) -> None:
    """The caller sees a broken connection, the same key then brings rows, and no log tells."""

    async def scene(caller: Caller) -> None:
        with pytest.raises(error):
            await caller.generate("k")
        assert len(executions(tmp_path)) == billed
        assert (await caller.generate("k"))[0] == 200

    play(EmulatorConfig(tmp_path, latency=0, faults=(Scheduled(mishap, at=1),)), scene)
    assert len(executions(tmp_path)) == 1
    assert caplog.records == []


def test_silence_on_the_wire(tmp_path: Path) -> None:
    """A silent call is executed and never answered; it holds up neither others nor the end."""

    async def scene(caller: Caller) -> None:
        silent = asyncio.create_task(caller.generate("k"))
        while not executions(tmp_path):
            assert (await caller.session.get(f"{caller.url}/v1/x")).status == 401
        assert (await caller.generate("k"))[0] == 200
        assert not silent.done()
        silent.cancel()
        await asyncio.gather(silent, return_exceptions=True)

    play(EmulatorConfig(tmp_path, latency=0, faults=(Scheduled(fault("silence"), at=1),)), scene)
    assert len(executions(tmp_path)) == 1


def test_faults_are_switched_while_it_runs(tmp_path: Path) -> None:
    """From the switch on the new schedule holds, counted over all calls so far."""

    async def staged() -> list[int]:
        config = EmulatorConfig(tmp_path, latency=0)
        async with running(config) as emulator, calling(emulator) as caller:
            statuses = [(await caller.generate("a"))[0]]
            emulator.faults.switch([Scheduled(Mishap(executed=False, status=503), every=2)])
            statuses += [(await caller.generate(key))[0] for key in "bcd"]
            emulator.faults.switch()
            return [*statuses, (await caller.generate("b"))[0]]

    assert asyncio.run(staged()) == [200, 503, 200, 503, 200]


def test_the_command_serves_from_its_own_process(tmp_path: Path) -> None:
    """`zbatch emulator` tells its URL first, plays its file, and follows it as it changes."""
    played = tmp_path / "played.faults.yaml"
    head = "{version: 1, name: x, modes: {second_generate: bills_again}, faults: ["
    played.write_text(head + "{fault: reset, at: 1}]}")
    data = tmp_path / "data"
    options = ["--port", "0", "--data", str(data), "--faults", str(played), "--seed", "3"]
    command = [sys.executable, "-c", "from zbatch.cli import main; main()", "emulator", *options]

    async def scene(url: str) -> None:
        told = RunningEmulator(url, "emulator", "emulator", data)
        async with asyncio.timeout(10), calling(told) as caller:
            with pytest.raises(aiohttp.ClientOSError):
                await caller.generate("a")
            assert (await caller.generate("a"))[0] == 200
            assert (await caller.generate("b"))[0] == 200

    async def afterwards(url: str) -> None:
        told = RunningEmulator(url, "emulator", "emulator", data)
        async with asyncio.timeout(10), calling(told) as caller:
            assert b"LOCK_COMPETITION" in (await caller.generate("c"))[1]

    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            url = process.stdout.readline().strip()
            asyncio.run(scene(url))
            played.write_text(head + "{fault: locked, every: 1}]}")
            assert any("1 fault from now on" in line for line in process.stderr)
            asyncio.run(afterwards(url))
        finally:
            process.terminate()
    assert [execution.key for execution in executions(data)] == ["a", "b"]


SERVE = """
import asyncio, sys
from pathlib import Path
from zbatch.emulator import EmulatorConfig, serve_forever
def announce(emulator):
    print(emulator.base_url, flush=True)
asyncio.run(serve_forever(EmulatorConfig(Path(sys.argv[1]), latency=float(sys.argv[2])), announce))
"""


def test_sigkill_loses_only_what_had_not_committed(tmp_path: Path) -> None:
    """What was answered before the kill stands after it; what was in progress never was."""

    async def scene(process: subprocess.Popen[str], url: str) -> None:
        told = RunningEmulator(url, "emulator", "emulator", tmp_path)
        async with asyncio.timeout(10), calling(told) as caller:
            assert (await caller.generate("done"))[0] == 200
            slow = asyncio.create_task(caller.generate("lost", "1" * 32))
            await caller.until_begun()
            process.send_signal(signal.SIGKILL)
            with pytest.raises(aiohttp.ClientError):
                await slow

    arguments = [sys.executable, "-c", SERVE, str(tmp_path), "0.5"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            asyncio.run(scene(process, process.stdout.readline().strip()))
        finally:
            process.kill()
    assert [invoice.key for invoice in invoices(tmp_path)] == ["done"]

    async def afterwards(caller: Caller) -> None:
        assert b'Success":true' in (await caller.generate("lost", "1" * 32))[1]

    play(EmulatorConfig(tmp_path, latency=0), afterwards)
    assert [invoice.key for invoice in invoices(tmp_path)] == ["done", "lost"]
