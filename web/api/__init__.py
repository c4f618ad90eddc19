"""The HTTP API under ``/api/v1``: one module per noun."""

from web.api import (
    assessments,
    consequences,
    credit,
    evidence,
    health,
    interruptions,
    live,
    observations,
    push,
    review,
    session,
    warnings,
)

ROUTERS = tuple(
    module.router
    for module in (
        health,
        session,
        observations,
        warnings,
        credit,
        assessments,
        interruptions,
        consequences,
        review,
        evidence,
        push,
        live,
    )
)

__all__ = ["ROUTERS"]
