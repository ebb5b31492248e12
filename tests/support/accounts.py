"""Accounts by number, where a test needs an ID that looks like the tenant's."""

from __future__ import annotations


def account(number: int) -> str:
    """Return the ID of an account."""
    return f"2c93808457d787030157e030{number:08x}"
