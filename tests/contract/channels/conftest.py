from __future__ import annotations

import pytest

from tests.contract.channels.push_service import serving


@pytest.fixture
async def service():
    async with serving() as service:
        yield service
