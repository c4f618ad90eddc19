"""``kitchen id check``: one JSON line per text. That a text is invalid is its answer, not a failure of the command."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from cli.output import show_json
from cli.sentences import clause_in
from domain.errors import BadInput, Code
from domain.id_checks import IdKind, check_id


def check(texts: Iterable[str], kind: str | None, *, language: str) -> None:
    """Print what was found about each text.

    Raises:
        BadInput: E003 if ``kind`` names no kind.
    """
    meant = None if kind is None else _kind(kind)
    for text in texts:
        for one in (line.rstrip("\r\n") for line in sys.stdin) if text == "-" else (text,):
            found = check_id(one, meant)
            show_json({"text": found.text, "kind": found.kind.value, "valid": found.valid, "why": clause_in(found.why, language)})


def _kind(word: str) -> IdKind:
    try:
        return IdKind(word)
    except ValueError:
        known = ", ".join(kind.value for kind in IdKind)
        raise BadInput(Code.FIELD, f"{word!r} is no kind of identifier", where="--kind", hint=f"known: {known}") from None
