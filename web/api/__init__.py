"""The HTTP API under ``/api/v1``: one module per noun."""

from web.api import (
    assessments,
    consequences,
    credit,
    departments,
    evidence,
    health,
    interruptions,
    live,
    observations,
    operations,
    publicity,
    push,
    registers,
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
        departments,
        publicity,
        registers,
        review,
        evidence,
        operations,
        push,
        live,
    )
)

__all__ = ["ROUTERS"]
