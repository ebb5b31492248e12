"""What a sender in a test is made from that never has to wait for a token."""

from __future__ import annotations


class TokenInHand:
    """Any request of its would leave at once."""

    def ready(self, stale_token: int | None) -> bool:
        return True

    async def prepare(self, stale_token: int | None) -> bool:
        return True
