"""The command line: one file a verb, one frame that turns errors into exit codes."""
