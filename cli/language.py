"""In which language a command speaks: ``--lang``, Chinese unless said; texts come from the catalogue of the pages.

Only what people read changes. Keys, codes, grades and names of schemes are the same in both.
"""

from __future__ import annotations

import gettext
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from domain.errors import ConfigurationError

LANGUAGES: Final = ("zh", "en")
_SPOKEN: Final = "kitchen.language"

Language = Annotated[str, typer.Option("--lang", metavar="zh|en", help="Language of the texts.")]


def speak(ctx: Any, language: str) -> Callable[[str], str]:
    """Let a command speak a language, in its errors too.

    Args:
        ctx: the command's context, whose ``meta`` all contexts of one call share.
        language: ``zh`` or ``en``.

    Raises:
        ConfigurationError: there is no such language.
    """
    if language not in LANGUAGES:
        raise ConfigurationError(f"there is no language {language!r}", key="--lang", hint="zh or en")
    ctx.meta[_SPOKEN] = language
    return translator(language)


def spoken(ctx: Any) -> str:
    """The language a command has chosen; English for those that have none."""
    return str(ctx.meta.get(_SPOKEN, "en"))


@cache
def translator(language: str) -> Callable[[str], str]:
    """What turns a Chinese message into a language."""
    if language == "zh":
        return str
    pages = find_spec("web")  # found, not imported: a command needs their words only
    assert pages is not None
    folder = Path(next(iter(pages.submodule_search_locations or ())))
    return gettext.translation("messages", folder / "locale", [language]).gettext
