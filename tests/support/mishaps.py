"""The faults that leave open what was done, by what was: nothing, or all of it."""

from __future__ import annotations

from zbatch.emulator.catalogue import fault

DROP_BEFORE = fault("reset", when="before_execution")
DROP_AFTER = fault("reset", when="after_execution")
UNKNOWN_EXECUTED = fault("row_error", code="UNKNOWN_ERROR", executed=True)
UNKNOWN_UNEXECUTED = fault("row_error", code="UNKNOWN_ERROR", executed=False)
