"""What all tests share: properties draw the same examples in each run (support/budget.py).

A test that is `untraced` adds nothing to the coverage of the rooms whose every branch is held: its
long simulated runs only repeat what other tests have come by, and a traced one takes four times as
long.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator

import pytest

import support.budget  # noqa: F401 - loads the profile


def pytest_configure() -> None:
    """Take SIGHUP as from a terminal: under `nohup` zbatch would go on, as it should."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Look away while a test runs that is `untraced`.

    pytest-cov has a mark for it, which ends one of the two tracers that it starts in a worker.
    """
    if item.get_closest_marker("untraced") is None:
        return (yield)
    tracing = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracing)
