"""The pages people see: server-rendered, one module per noun."""

from web.pages import (
    assessments,
    beginnings,
    consequences,
    credit,
    home,
    operations,
    registers,
    review,
    scores,
    session,
    shell,
    warning,
)

ROUTERS = tuple(
    module.router
    for module in (
        shell,
        session,
        home,
        warning,
        credit,
        beginnings,
        consequences,
        scores,
        assessments,
        registers,
        review,
        operations,
    )
)

__all__ = ["ROUTERS"]
