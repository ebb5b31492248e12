"""Which process this is, so that another one can tell whether it is still there."""

from __future__ import annotations

import os
from dataclasses import dataclass

_DEAD = -1


@dataclass(frozen=True, slots=True)
class Process:
    """A process of a machine; `born` tells it from a later one with its number, where known."""

    pid: int
    machine: str
    born: int | None = None

    @classmethod
    def current(cls) -> Process:
        """Name the process that asks."""
        return cls(os.getpid(), os.uname().nodename, _born(os.getpid()))

    @property
    def near(self) -> bool:
        """Whether it is, or was, on this machine: of another one nobody can tell from here."""
        return self.machine == os.uname().nodename

    @property
    def runs(self) -> bool:
        """Whether a process of this machine is still there."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # it is there, and somebody else's
        born = _born(self.pid)
        return born != _DEAD and (None in (born, self.born) or born == self.born)


def _born(pid: int) -> int | None:
    """Tell when a process began, in ticks since the start of the machine; Linux alone tells it.

    One that has ended, and that nobody has waited for yet, is `_DEAD`.
    """
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return _DEAD if fields[0] in "ZX" else int(fields[19])
    except (OSError, IndexError, ValueError):
        return None
