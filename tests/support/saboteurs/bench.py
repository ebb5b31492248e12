"""Put substitutes in the product's places from outside, and take every one of them back."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from zbatch.engine.loop import Engine

MISFITS = (TypeError, AttributeError, NameError)
HERE = str(Path(__file__).parent)
_ROOTS = ("zbatch", "support", "tests", "test_")
_OURS = "support.saboteurs"


class Provoked(Exception):
    """An error that a saboteur raises on purpose."""


class Bench:
    """What one saboteur has put in place; `reached` counts how often the product came by.

    A constant that was replaced counts as reached: what reads it cannot be watched. `blunders`
    are errors that the substitutes themselves have made: they prove nothing about the product.
    """

    def __init__(self) -> None:
        self._undo = ExitStack()
        self.reached = 0
        self.blunders: list[Exception] = []

    def function(self, original: Callable[..., Any], substitute: Callable[..., Any]) -> None:
        """Replace a function in every module that holds it, also those that imported it."""
        self._everywhere(original, self._watched(substitute))

    def constant(self, original: object, value: object) -> None:
        """Replace a constant in every module that holds it."""
        self.reached += 1
        self._everywhere(original, value)

    def method(self, owner: type, name: str, substitute: Callable[..., Any] | property) -> None:
        """Replace a method or a property of a class."""
        if name not in vars(owner):
            raise LookupError(f"{owner.__name__} has no {name} of its own")
        if isinstance(substitute, property):
            self.reached += 1
            self._set(owner, name, substitute)
        else:
            self._set(owner, name, self._watched(substitute))

    def local(self, module: ModuleType, name: str, substitute: Callable[..., Any]) -> None:
        """Replace a function as one module sees it, and as no other does."""
        if name not in vars(module):
            raise LookupError(f"{module.__name__} has no {name}")
        self._set(module, name, self._watched(substitute))

    def row(self, table: Mapping[Any, Any], key: object, *rules: Callable[..., Any]) -> None:
        """Replace the rules in a row of a decision table."""
        if not isinstance(table, dict) or len(table[key]) != len(rules):
            raise LookupError(f"the table has no such row: {key}")
        old = table[key]
        table[key] = tuple(self._watched(rule) for rule in rules)
        self._undo.callback(table.__setitem__, key, old)

    def watch(self) -> None:
        """See the errors that the engine itself would only report as a bug of its own."""
        broken = Engine._broken

        def substitute(engine: Engine, error: Exception) -> None:
            if own_fault(error):
                self.blunders.append(error)
            broken(engine, error)

        self._set(Engine, "_broken", substitute)

    def undo(self) -> None:
        """Take everything back."""
        self._undo.close()

    def _everywhere(self, original: object, value: object) -> None:
        places = list(_places(original))
        if not places:
            raise LookupError(f"no module holds {original!r}")
        for module, name in places:
            self._set(module, name, value)

    def _set(self, owner: ModuleType | type, name: str, value: object) -> None:
        self._undo.callback(setattr, owner, name, vars(owner)[name])
        setattr(owner, name, value)

    def _watched(self, substitute: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(substitute):

            @functools.wraps(substitute)
            async def waiting(*given: Any, **named: Any) -> Any:
                with self._passing():
                    return await substitute(*given, **named)

            return waiting

        @functools.wraps(substitute)
        def watched(*given: Any, **named: Any) -> Any:
            with self._passing():
                return substitute(*given, **named)

        return watched

    @contextmanager
    def _passing(self) -> Iterator[None]:
        self.reached += 1
        try:
            yield
        except Exception as error:
            if own_fault(error):
                self.blunders.append(error)
            raise


def own_fault(error: BaseException) -> bool:
    """Tell whether an error was made by a substitute's own code, and not on purpose.

    A name or a type that does not fit is the patch's fault, wherever it shows.
    """
    if isinstance(error, MISFITS):
        return True
    innermost, trace = "", error.__traceback__
    while trace is not None:
        innermost, trace = trace.tb_frame.f_code.co_filename, trace.tb_next
    return innermost.startswith(HERE) and not isinstance(error, Provoked)


def _places(original: object) -> Iterator[tuple[ModuleType, str]]:
    for name, module in list(sys.modules.items()):
        if name.startswith(_ROOTS) and not name.startswith(_OURS):
            yield from ((module, key) for key, held in vars(module).items() if held is original)
