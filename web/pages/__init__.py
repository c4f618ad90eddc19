"""The pages people see: server-rendered, one module per noun."""

from web.pages import consequences, credit, home, review, session, shell, warning

ROUTERS = tuple(module.router for module in (shell, session, home, warning, credit, consequences, review))

__all__ = ["ROUTERS"]
