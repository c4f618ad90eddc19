"""How long the random tests of the log look: with ``LONG=1`` in the environment, ten times as long as CI does."""

from __future__ import annotations

import os
from typing import Final

LONG: Final = os.environ.get("LONG") == "1"


def times(short: int) -> int:
    """So many examples in CI, ten times as many in the long form."""
    return short * 10 if LONG else short
