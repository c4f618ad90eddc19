"""``kitchen audit verify``: whether the audit trail is as it was written."""

from __future__ import annotations

from cli.output import show_json
from configs.endpoints import Endpoints
from domain.errors import Conflict
from store import open_store


def verify(endpoints: Endpoints, *, as_json: bool) -> None:
    """Recompute the hash chain.

    Raises:
        Conflict: naming the first entry that is not as it was written.
    """
    store = open_store(endpoints.database)
    try:
        store.ping()
        with store.reading() as uow:
            length = uow.audit.verify()
    except Conflict as broken:
        if as_json:
            show_json({"ok": False, "problem": str(broken)})
        raise
    finally:
        store.close()
    if as_json:
        show_json({"ok": True, "entries": length})
    else:
        print(f"the audit trail is sound: {length} entries")
