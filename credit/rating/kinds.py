"""Which engine rates by which kind of scheme. A new kind is one more row here; a new scheme needs none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from credit.rating.engine import TreeEngine
from credit.rating.ledger_scheme import LedgerEngine
from credit.rating.value import Engine, Kind, RatedScheme, Rating
from domain.errors import ConfigurationError

ENGINES: Final[Mapping[Kind, Callable[[RatedScheme], Engine]]] = {Kind.TREE: TreeEngine, Kind.LEDGER: LedgerEngine}


def compiled(scheme: RatedScheme) -> Engine:
    """The engine of a scheme: made once, used for many merchants.

    Raises:
        ConfigurationError: there is no engine of the scheme's kind.
    """
    try:
        return ENGINES[scheme.kind](scheme)
    except KeyError:
        raise ConfigurationError(f"schemes of the kind {scheme.kind.value} cannot be rated", key=scheme.name) from None


def rate(scheme: RatedScheme, facts: Mapping[str, Any]) -> Rating:
    """The rating of one merchant by a scheme; who rates many calls ``compiled`` once.

    Raises:
        BadInput: a key of the facts is missing, unknown or has an impossible value.
    """
    return compiled(scheme).rate(facts)
