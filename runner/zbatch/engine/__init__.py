"""Decide and do: verdicts, pacing, order, and the loop that sends."""
