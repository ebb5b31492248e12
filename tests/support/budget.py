"""How many examples a property is held to: the same few in each run, or many new ones in a soak.

`HYPOTHESIS_PROFILE=soak` asks for the many. No examples are kept in files: what has ever failed
stands as an `@example` beside its property.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

SOAK_FACTOR = 20

settings.register_profile("ci", derandomize=True, database=None, deadline=None)
settings.register_profile(
    "soak",
    database=None,
    deadline=None,
    max_examples=100 * SOAK_FACTOR,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci")
settings.load_profile(PROFILE)


def examples(count: int, steps: int = 50) -> settings:
    """Ask for so many examples in an ordinary run, and twenty times as many in a soak.

    `steps` is how long an example of a state machine may be.
    """
    many = count * (SOAK_FACTOR if PROFILE == "soak" else 1)
    return settings(max_examples=many, stateful_step_count=steps)
