"""Values that nobody changes: mypy sees to that, and making one costs no more than it must."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from dataclasses import dataclass

    def value(*, frozen: bool, slots: bool):
        """Make a dataclass that is frozen for mypy, and not while zbatch runs; docs/decisions/0058.

        For what a run makes of each account: it compares and hashes as a frozen one does, and sets
        its fields in a fraction of the time.
        """
        return dataclass(slots=slots, unsafe_hash=frozen)


__all__ = ["value"]
