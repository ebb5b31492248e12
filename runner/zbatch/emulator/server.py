"""The web adapter: it waits for the tenant's executions and knows nothing else."""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET

from aiohttp import http_exceptions, web

from zbatch.emulator.config import EmulatorConfig
from zbatch.emulator.exchange import Answer, Delivery, Request
from zbatch.emulator.faults import Faults
from zbatch.emulator.files import load_book, open_store
from zbatch.emulator.tenant import Tenant
from zbatch.emulator.visit import Pending
from zbatch.errors import CannotStart

HOST = "127.0.0.1"
GRACE = 5.0  # seconds that executions get to finish when the emulator stops

Clock = Callable[[], float]


def _is_ours(record: logging.LogRecord) -> bool:
    """Pass over what is only a caller's broken HTTP: it has its 400, and may hold secrets."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, http_exceptions.HttpProcessingError)


_LOG = logging.getLogger(__name__)
_LOG.addFilter(_is_ours)


@dataclass(frozen=True, slots=True)
class RunningEmulator:
    """Where the emulator listens, the OAuth client it knows, and what goes wrong in it."""

    base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    data_dir: Path
    faults: Faults = field(default_factory=Faults, repr=False)


@asynccontextmanager
async def running(
    config: EmulatorConfig, clock: Clock = time.time
) -> AsyncIterator[RunningEmulator]:
    """Run an emulator on loopback; `clock` is its wall time in epoch seconds.

    Raises `Refused` for the account book, `CannotStart` for the folder or the port.
    """
    book = load_book(config)
    with open_store(config.data_dir, config.seed) as store:
        faults = Faults(config.faults)
        front = Front(Tenant(config, book, store, faults), clock)
        server = web.Server(front.handle, access_log=None, logger=_LOG, auto_decompress=False)
        runner = web.ServerRunner(server, shutdown_timeout=GRACE)
        await runner.setup()
        try:
            port = await _listen(runner, config.port)
            client = (config.client_id, config.client_secret)
            yield RunningEmulator(f"http://{HOST}:{port}", *client, config.data_dir, faults)
        finally:
            front.stop()
            deadline = asyncio.get_running_loop().time() + GRACE
            await runner.cleanup()
            await front.drain(deadline)


async def serve_forever(
    config: EmulatorConfig, announce: Callable[[RunningEmulator], None]
) -> None:
    """Run an emulator until the task is cancelled; `announce` is told once it listens."""
    async with running(config) as emulator:
        announce(emulator)
        await asyncio.Event().wait()


class Front:
    """Turns web requests into the tenant's, and lets its executions take their time."""

    def __init__(self, tenant: Tenant, clock: Clock) -> None:
        self._tenant = tenant
        self._clock = clock
        self._executions: set[asyncio.Task[Answer]] = set()
        self._stopping = asyncio.Event()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one web request."""
        try:
            whole = await _read(request)
        except web.HTTPRequestEntityTooLarge:
            return _response(Answer(413, b"Payload Too Large\n"))
        except (ConnectionError, web.RequestPayloadError):
            return _response(Answer(400, b"Bad Request\n"))  # it never arrived as a whole
        arrived = self._tenant.arrive(whole, self._clock())
        answer = arrived if isinstance(arrived, Answer) else await self._execution(arrived)
        return await self._deliver(request, answer)

    def stop(self) -> None:
        """Let go of those who were to wait for an answer in vain."""
        self._stopping.set()

    async def drain(self, deadline: float) -> None:
        """Let executions finish that nobody waits for any more; the rest dies as in a crash."""
        if self._executions:
            left_over = max(0.0, deadline - asyncio.get_running_loop().time())
            _, left = await asyncio.wait(self._executions, timeout=left_over)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _deliver(self, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        if answer.delivery is Delivery.WHOLE:
            return _response(answer)
        if answer.delivery is Delivery.CUT_SHORT:
            return await _cut_short(request, answer)
        if answer.delivery is Delivery.SILENT:
            await self._stopping.wait()
        _reset(request)
        return web.Response()  # to a connection that is no more

    async def _execution(self, pending: Pending) -> Answer:
        now = self._clock()
        if pending.due <= now:
            return self._tenant.complete(pending, now)
        # its own task: a caller who goes away does not stop what the server has begun
        task = asyncio.create_task(self._execute(pending, pending.due - now))
        self._executions.add(task)
        task.add_done_callback(self._executions.discard)
        done, _ = await asyncio.wait({task}, timeout=pending.cut_at - now)
        return task.result() if done else self._tenant.cut_off(pending, self._clock())

    async def _execute(self, pending: Pending, wait: float) -> Answer:
        await asyncio.sleep(wait)
        return self._tenant.complete(pending, self._clock())


def _response(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers=_headers(answer))


def _headers(answer: Answer) -> dict[str, str]:
    return {"Server": "zbatch-emulator", **answer.headers}


def _reset(request: web.BaseRequest) -> None:
    """Break the connection off with RST."""
    if request.transport is not None:
        sock = request.transport.get_extra_info("socket")
        sock.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()


async def _cut_short(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    """Promise the whole body, send its first bytes, and close."""
    response = web.StreamResponse(status=answer.status, headers=_headers(answer))
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: answer.length])
    if request.transport is not None:
        request.transport.close()
    return response


async def _read(request: web.BaseRequest) -> Request:
    return Request(
        method=request.method,
        path=request.rel_url.raw_path,
        query=request.query,
        headers=request.headers,
        body=await request.read(),
        peer=request.remote or "",
    )


async def _listen(runner: web.ServerRunner, port: int) -> int:
    site = web.TCPSite(runner, HOST, port)
    try:
        await site.start()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CannotStart(f"the emulator cannot listen on {HOST}:{port}: {reason}") from error
    address: tuple[str, int] = runner.addresses[0]
    return address[1]
