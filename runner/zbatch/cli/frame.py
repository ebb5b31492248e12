"""The one outermost frame: whatever happens inside becomes a sentence and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import TextIO

import click

from zbatch.cli import garbage
from zbatch.cli.exit_code import exit_code_of
from zbatch.cli.group import zbatch
from zbatch.cli.opening import Opening
from zbatch.cli.streams import STDERR, STDOUT, hold_standard_descriptors, steady
from zbatch.errors import ZbatchError
from zbatch.model import ExitCode
from zbatch.zuora.text import one_line

DEBUG = "ZBATCH_DEBUG"
MESSAGE_LIMIT = 2000


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    hold_standard_descriptors()
    opening = Opening(STDERR)
    out, err = steady(STDOUT, opening.wipe), steady(STDERR, opening.wipe)
    opening.show(sys.argv[1:] if argv is None else argv, os.environ)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            return int(guarded(lambda: _call(argv), err))
    finally:
        opening.wipe()


def guarded(action: Callable[[], int], err: TextIO) -> int:
    """Do what was asked; whatever goes wrong becomes a sentence on `err` and an exit code."""
    try:
        return action()
    except click.ClickException as error:
        error.show(err)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        print("zbatch: interrupted", file=err)
        return ExitCode.INTERRUPTED
    except ZbatchError as error:
        _tell(error, err)
        return exit_code_of(error)
    except Exception as error:
        print("\n".join(_confess(error)), file=err)
        return ExitCode.INTERNAL


def _call(argv: Sequence[str] | None) -> int:
    garbage.pass_over()  # the help loads no verb
    result = zbatch.main(argv, prog_name="zbatch", standalone_mode=False)
    sys.stdout.flush()
    return result if isinstance(result, int) else ExitCode.OK


def _tell(error: ZbatchError, err: TextIO) -> None:
    # Loaded here, because most commands find nothing wrong, and it takes a tenth of a second.
    from zbatch.spec.diagnostics import SpecError

    if isinstance(error, SpecError):
        from zbatch.cli.findings import refusal

        print("\n".join(refusal(error, err, os.environ)), file=err)
    elif err.isatty():
        from zbatch.cli.paper import say_lines

        say_lines(_lines_of(error), err, os.environ)
    else:
        print("\n".join(_lines_of(error)), file=err)


def _lines_of(error: ZbatchError) -> Iterator[str]:
    # Several lines are several diagnostics, each of which stands at the start of its line.
    lines = str(error).split("\n")
    prefix = "zbatch: " if len(lines) == 1 else ""
    for line in lines:
        yield one_line(prefix + line, MESSAGE_LIMIT)
    if error.command:
        yield f"next: {error.command}"


def _confess(error: Exception) -> Iterator[str]:
    """Tell of a bug by class and place; messages and values may hold secrets and stay inside."""
    import traceback  # loaded here, because hardly any command has a bug to tell of

    frames = traceback.extract_tb(error.__traceback__)
    place = f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else "?"
    yield (
        f"zbatch: internal error, {type(error).__name__} at {place}: this is a bug. Please report "
        f"it to the maintainers of zbatch with the output of {DEBUG}=1. What was sent and "
        "answered is in the ledger; running the same command again is safe."
    )
    if os.environ.get(DEBUG) == "1":
        yield from _chain(error)


def _chain(error: BaseException) -> Iterator[str]:
    import traceback

    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _chain(cause)
        yield "led to"
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"  {frame.filename}:{frame.lineno} in {frame.name}"
    yield f"{type(error).__module__}.{type(error).__qualname__}"
    for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield "holding"
        yield from _chain(inner)
