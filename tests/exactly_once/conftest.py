"""Worlds for the tests of this folder."""

from __future__ import annotations

from support.fixtures import make_world, nothing_is_left_open, world

__all__ = ["make_world", "nothing_is_left_open", "world"]
