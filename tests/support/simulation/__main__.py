"""Play many seeds: `python -m support.simulation --seeds 0:3000`, from the folder `tests`."""

from __future__ import annotations

import sys

from support.simulation.command import main

sys.exit(main(sys.argv[1:]))
