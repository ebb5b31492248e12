"""The web adapter: it waits for the tenant's executions and knows nothing else."""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET

from aiohttp import http_exceptions, web

from zbatch.emulator.config import EmulatorConfig
from zbatch.emulator.exchange import Answer, Delivery, Request
from zbatch.emulator.faults import NO_ANSWER, Mishap, Twice
from zbatch.emulator.files import load_book, open_store
from zbatch.emulator.schedule import CONNECTION, Faults
from zbatch.emulator.tenant import Tenant
from zbatch.emulator.visit import Pending
from zbatch.emulator.wire import Last, Pause, Send, Step, way_of
from zbatch.errors import CannotStart

HOST = "127.0.0.1"
GRACE = 5.0  # seconds that executions get to finish when the emulator stops
LOOK = 0.02  # seconds between two looks at a connection
MOST_UNSENT = 1 << 20  # bytes that wait for a slow caller
DELIVERED_AGAIN = "delivered again"

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
        faults = Faults(config.faults, config.seed)
        faults.start(clock())
        front = Front(Tenant(config, book, store, faults), clock)
        server = web.Server(front.handle, access_log=None, logger=_LOG, auto_decompress=False)
        runner = web.ServerRunner(server, shutdown_timeout=GRACE)
        await runner.setup()
        door, listener = _Door(server, faults, clock), None
        try:
            listener = await _listen(door, config.port)
            port: int = listener.sockets[0].getsockname()[1]
            client = (config.client_id, config.client_secret)
            yield RunningEmulator(f"http://{HOST}:{port}", *client, config.data_dir, faults)
        finally:
            front.stop()
            if listener is not None:
                listener.close()
            door.close()
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
        path = request.rel_url.raw_path
        unread = self._tenant.meet_unread(request.method, path, self._clock())
        if unread is not None and unread.way is not None:
            return await self._play(request, unread.way.steps(NO_ANSWER))
        try:
            whole = await _read(request)
        except web.HTTPRequestEntityTooLarge:
            return _response(Answer(413, b"Payload Too Large\n"))
        except (ConnectionError, web.RequestPayloadError):
            return _response(Answer(400, b"Bad Request\n"))  # it never arrived as a whole
        now = self._clock()
        mishap = self._tenant.meet(whole, now)
        if mishap is not None and mishap.twice is not None:
            answer = await self._twice(whole, mishap, mishap.twice)
        else:
            answer = await self._come_to_answer(self._tenant.receive(whole, now, mishap))
        await self._pass(answer.late)
        way = way_of(answer)
        return _response(answer) if way is None else await self._play(request, way.steps(answer))

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

    async def _play(self, request: web.BaseRequest, steps: Iterator[Step]) -> web.StreamResponse:
        """Write the steps in place of what the web server would, which then writes nothing."""
        transport = request.transport
        for step in steps:
            if transport is None or transport.is_closing():
                break
            if isinstance(step, Send):
                transport.write(step.data)
                await asyncio.sleep(0)  # what never ends must let others in
                await self._drained(transport)
            elif isinstance(step, Pause):
                await self._pass(step.seconds)
            else:
                await self._end(transport, step)
                return _Played(step is Last.KEEP)
            if self._stopping.is_set():
                break
        return _Played(False)

    async def _end(self, transport: asyncio.Transport, last: Last) -> None:
        if last is Last.HOLD:
            while not (self._stopping.is_set() or transport.is_closing()):
                await self._pass(LOOK)
            last = Last.RESET
        if last is Last.RESET:
            _reset(transport)
        elif last is Last.CLOSE:
            transport.close()

    async def _drained(self, transport: asyncio.Transport) -> None:
        """Wait while a caller takes nothing in: what never ends must not fill the memory."""
        while transport.get_write_buffer_size() > MOST_UNSENT and not transport.is_closing():
            if self._stopping.is_set():
                return
            await self._pass(LOOK)

    async def _pass(self, seconds: float) -> None:
        """Let time pass, unless the emulator stops."""
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _twice(self, whole: Request, mishap: Mishap, twice: Twice) -> Answer:
        """Deliver a request again while its first delivery is under way, or after."""

        async def deliver(after: float, note: str) -> Answer:
            await self._pass(after)
            arrived = self._tenant.receive(whole, self._clock(), replace(mishap, twice=None), note)
            return await self._come_to_answer(arrived)

        both = await asyncio.gather(deliver(0.0, ""), deliver(twice.after, DELIVERED_AGAIN))
        return both[twice.second]

    async def _come_to_answer(self, arrived: Answer | Pending) -> Answer:
        return arrived if isinstance(arrived, Answer) else await self._execution(arrived)

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


class _Played(web.StreamResponse):
    """A response that has been written by other hands."""

    def __init__(self, keep: bool) -> None:
        super().__init__()
        self._keep = keep

    @property
    def keep_alive(self) -> bool:
        """Tell whether the connection serves another request."""
        return self._keep

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write no head."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Write no end."""


class _Refusing(asyncio.Protocol):
    """A connection that meets its mishap before anything is read: it ends, or stays mute."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """End the connection, or take in without an answer whatever comes."""
        if not isinstance(transport, asyncio.Transport):
            return
        self.transport = transport
        if self._delivery is Delivery.CLOSED:
            transport.close()
        elif self._delivery is not Delivery.SILENT:
            _reset(transport)


class _Door:
    """Lets connections in, or lets happen to them what is to happen."""

    def __init__(self, server: web.Server, faults: Faults, clock: Clock) -> None:
        self._server = server
        self._faults = faults
        self._clock = clock
        self._refused: list[_Refusing] = []

    def __call__(self) -> asyncio.Protocol:
        mishap = self._faults.next(CONNECTION, self._clock())
        if mishap is None:
            return self._server()
        self._refused.append(_Refusing(mishap.what_becomes))
        return self._refused[-1]

    def close(self) -> None:
        """End the connections that nobody has answered."""
        for refused in self._refused:
            if refused.transport is not None:
                refused.transport.abort()


def _reset(transport: asyncio.Transport) -> None:
    """Break the connection off with RST, unless its caller has left."""
    if transport.is_closing():
        return
    sock = transport.get_extra_info("socket")
    sock.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _response(answer: Answer) -> web.Response:
    headers = {"Server": "zbatch-emulator", **answer.headers}
    response = web.Response(status=answer.status, body=answer.body, headers=headers)
    for name, value in answer.more:
        response.headers.add(name, value)
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


async def _listen(door: Callable[[], asyncio.Protocol], port: int) -> asyncio.Server:
    try:
        return await asyncio.get_running_loop().create_server(door, HOST, port)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CannotStart(f"the emulator cannot listen on {HOST}:{port}: {reason}") from error
