"""Real services for the tests: each module starts one kind on a free loopback port and stops what it started, by pid."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


class CannotBeHad(Exception):
    """A real part cannot be started here; the message says which and what would help."""


@contextmanager
def required_in_ci() -> Iterator[None]:
    """Skip the test where a part is missing; fail where the environment says ``CI=true``, because there it is promised."""
    try:
        yield
    except CannotBeHad as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(str(reason))
        pytest.skip(str(reason))
