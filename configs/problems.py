"""What is wrong with a configuration: one value per problem, so that all of them can be shown at once.

A key is the path a person follows in the file, e.g. ``cameras[0].zones[1].polygon``; never a pydantic location tuple.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        file: the file, as a person would open it.
        key: path of the key inside the file; empty for the file as a whole.
        what: what is wrong there.
        hint: what to do about it.
        fatal: False for something to look at that stops nothing (E012: a licence number is flagged, never refused).
    """

    file: str
    what: str
    key: str = ""
    hint: str = ""
    fatal: bool = True

    def __str__(self) -> str:
        place = ": ".join(part for part in (self.file, self.key) if part)
        return f"{place}: {self.what}" + (f" ({self.hint})" if self.hint else "")


def as_error(problems: Sequence[Problem]) -> ConfigurationError:
    """The first fatal problem as an error; the others are told after it."""
    first, *others = [problem for problem in problems if problem.fatal]
    rest = "".join(f"\n{problem}" for problem in others)
    if not rest:
        return ConfigurationError(first.what, file=first.file, key=first.key, hint=first.hint)
    what = first.what + (f" ({first.hint})" if first.hint else "")
    return ConfigurationError(f"{what}{rest}", file=first.file, key=first.key)


def key_path(location: Iterable[str | int]) -> str:
    """``("cameras", 0, "zones")`` as ``cameras[0].zones``."""
    path = ""
    for part in location:
        if part == "[key]":  # pydantic's mark for "the key itself"
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


_HINTS = {
    "extra_forbidden": "remove it or correct its spelling; known keys are in configs/schemas/",
    "missing": "add it",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
}


def of_validation(file: str, error: ValidationError, known: Sequence[str] = ()) -> list[Problem]:
    """Every finding of pydantic as a problem a person understands.

    Args:
        file: the file that was read.
        error: what pydantic raised.
        known: names to suggest when a key is unknown.
    """
    return [_of_detail(file, detail, known) for detail in error.errors(include_url=False, include_context=True)]


def _of_detail(file: str, detail: ErrorDetails, known: Sequence[str]) -> Problem:
    kind = detail["type"]
    what = detail["msg"].removeprefix("Value error, ")
    hint = _HINTS.get(kind, "")
    if kind == "extra_forbidden":
        what = "this key is not known"
        hint = nearest(str(detail["loc"][-1]), known) or hint
    elif kind == "missing":
        what = "this key is required"
    elif kind == "enum":
        what = f"{detail['input']!r} is not one of {detail['ctx']['expected']}"
    elif not isinstance(detail["input"], (dict, list)):
        what = f"{what} (found {detail['input']!r})"
    return Problem(file=file, key=key_path(detail["loc"]), what=what, hint=hint)


def nearest(word: str, known: Sequence[str]) -> str:
    """``did you mean …`` for a misspelt name, or nothing."""
    import difflib  # noqa: PLC0415 - needed only when something is misspelt

    found = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {found[0]}?" if found else ""
