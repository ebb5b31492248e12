"""Histories by seed: a scenario is drawn as data, played in a world, judged by the checker."""
