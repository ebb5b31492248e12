"""The command line: one file a verb, one frame that turns errors into exit codes."""

from zbatch.cli.frame import main

__all__ = ["main"]
