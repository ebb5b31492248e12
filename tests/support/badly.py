"""What can happen to a request and its reply on the way: happenings for the proxy, by name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from support.proxy import Happening, Passage

Edit = Callable[[bytes], bytes]
TURN = 0.02  # seconds that a slow network takes for a step


# Bytes of a reply


def parts(reply: bytes) -> tuple[bytes, bytes]:
    """Split a reply into its head, with the empty line, and its body."""
    head, _, body = reply.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", body


def headed(reply: bytes, *lines: str, without: str = "") -> bytes:
    """Add lines to a reply's head, and leave out a header."""
    head, body = parts(reply)
    if without:
        head = re.sub(rb"(?i)\r\n" + without.encode() + rb":[^\r]*", b"", head)
    added = "".join(f"{line}\r\n" for line in lines).encode("latin-1")
    return head[:-2] + added + b"\r\n" + body


def chunked(reply: bytes, size: int = 7) -> bytes:
    """Frame a reply's body in chunks."""
    head, body = parts(headed(reply, "Transfer-Encoding: chunked", without="Content-Length"))
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    return head + b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"


def closed(reply: bytes) -> bytes:
    """Let a reply's body end where the connection does."""
    return headed(reply, "Connection: close", without="Content-Length")


def saying(reply: bytes, body: bytes, *lines: str) -> bytes:
    """Give a reply another body, under its own head."""
    length = f"Content-Length: {len(body)}"
    return parts(headed(reply, length, *lines, without="Content-Length"))[0] + body


def http(status: int, body: bytes = b"", *lines: str) -> bytes:
    """Build a reply."""
    head = (f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *lines, "", "")
    return "\r\n".join(head).encode("latin-1") + body


# Happenings


async def reset_unread(passage: Passage) -> None:
    """Reset when the head is there and the body is not read."""
    passage.peer.reset()


async def reset_unexecuted(passage: Passage) -> None:
    """Reset when the request is read, and pass nothing on."""
    await passage.read()
    passage.peer.reset()


async def reset_executed(passage: Passage) -> None:
    """Reset when the tenant has answered."""
    await passage.forward()
    passage.peer.reset()


async def end_executed(passage: Passage) -> None:
    """End the connection in order when the tenant has answered."""
    await passage.forward()
    passage.peer.writer.close()


async def silent_unexecuted(passage: Passage) -> None:
    """Never answer, nor hang up, and pass nothing on."""
    await passage.read()
    await asyncio.Event().wait()


async def silent_executed(passage: Passage) -> None:
    """Let the tenant answer, and keep that for oneself."""
    await passage.forward()
    await asyncio.Event().wait()


def instead(reply: bytes, *, executed: bool = False) -> Happening:
    """Answer in the tenant's place, which may have executed the call or not."""

    async def happen(passage: Passage) -> None:
        await (passage.forward() if executed else passage.read())
        await passage.peer.say(reply)

    return happen


def edited(edit: Edit) -> Happening:
    """Pass on the tenant's reply with other bytes."""

    async def happen(passage: Passage) -> None:
        await passage.peer.say(edit(await passage.forward()))

    return happen


def cut(edit: Edit) -> Happening:
    """Pass on what an edit leaves of the tenant's reply, and hang up."""

    async def happen(passage: Passage) -> None:
        await edited(edit)(passage)
        passage.peer.writer.close()

    return happen


def in_steps(size: int, seconds: float = TURN, edit: Edit = bytes) -> Happening:
    """Pass on the tenant's reply so many bytes at a time."""

    async def happen(passage: Passage) -> None:
        reply = edit(await passage.forward())
        for at in range(0, len(reply), size):
            await passage.peer.say(reply[at : at + size])
            await asyncio.sleep(seconds)

    return happen


def late(before: float, after: float = 0.0) -> Happening:
    """Let the request, and its reply, take their time."""

    async def happen(passage: Passage) -> None:
        await passage.read()
        await asyncio.sleep(before)
        reply = await passage.forward()
        await asyncio.sleep(after)
        await passage.peer.say(reply)

    return happen


def endlessly(opening: bytes, piece: bytes, seconds: float = 0.0) -> Happening:
    """Let the tenant execute, and answer without end."""

    async def happen(passage: Passage) -> None:
        await passage.forward()
        await passage.peer.say(opening)
        while True:
            await passage.peer.say(piece)
            await asyncio.sleep(seconds)

    return happen


async def twice(passage: Passage) -> None:
    """Deliver a request twice, the second while the first is executed, and pass on the second."""
    original = asyncio.create_task(passage.forward())
    await asyncio.sleep(TURN)
    reply = await passage.forward()
    await original
    await passage.peer.say(reply)
