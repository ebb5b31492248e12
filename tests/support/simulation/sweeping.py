"""Have garbage collected seldom: a history leaves little of it, and most looks find none."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

ALLOCATED = 100_000  # objects between two looks, in place of 700


@contextmanager
def seldom_swept() -> Iterator[None]:
    """Look for garbage seldom, and not at all among what is there already."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(ALLOCATED, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()
