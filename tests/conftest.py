"""What all tests share: properties draw the same examples in each run (support/budget.py)."""

from __future__ import annotations

import support.budget  # noqa: F401 - loads the profile
