"""Keep the garbage collector from looking through what is loaded: all of that stays to the end.

A short command takes a sixth of its time for that, most of it when the interpreter ends.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


def pause() -> None:
    """Begin a process of our own: look for no garbage before a verb is loaded."""
    gc.disable()
    gc.freeze()


def pass_over() -> None:
    """Look through nothing that is there by now, ever; another program is left as it is."""
    if gc.get_freeze_count():
        gc.freeze()


@contextmanager
def loading() -> Iterator[None]:
    """Look for no garbage while modules are loaded, and pass over them from then on."""
    if not gc.get_freeze_count():
        yield
        return
    gc.disable()
    yield
    gc.freeze()
    gc.enable()
