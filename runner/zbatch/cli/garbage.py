"""Keep the garbage collector from looking through what is loaded: all of that stays to the end.

A short command takes a sixth of its time for that, most of it when the interpreter ends.
"""

from __future__ import annotations

import gc


def pause() -> None:
    """Look for no garbage while modules are loaded: hardly anything of them is any."""
    gc.disable()
    gc.freeze()


def pass_over() -> None:
    """Look through nothing that is there by now, ever, where `pause` was called before."""
    if gc.get_freeze_count():
        gc.freeze()


def resume() -> None:
    """Pass over what is there by now, and look for garbage from now on."""
    pass_over()
    gc.enable()
