"""Sorting a million numbers by what they stand for, without a million keys in memory."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence

_BUCKET = 4096  # members of a bucket, about: so many keys are held at a time


def sorted_by(key: Callable[[int], bytes], rows: Sequence[int]) -> array[int]:
    """Return rows sorted by key, those of one key in the order given.

    A sample of the keys cuts the rows into buckets, which are then sorted one by one.
    """
    if len(rows) <= 2 * _BUCKET:
        return array("I", sorted(rows, key=key))
    sample = sorted(key(rows[at]) for at in range(0, len(rows), _BUCKET // 16))
    bounds = sample[16::16]
    buckets = [array("I") for _ in range(len(bounds) + 1)]
    for row in rows:
        buckets[bisect_right(bounds, key(row))].append(row)
    done = array("I")
    buckets.reverse()
    while buckets:
        done.extend(sorted(buckets.pop(), key=key))
    return done
