"""How an account is named."""

from __future__ import annotations

import re

ACCOUNT_ID = re.compile(r"[0-9a-f]{32}")
ACCOUNT_NUMBER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._/#:-]{0,68}[A-Za-z0-9])?")
