"""Keeping the translations in step: ``python -m web.catalogue`` extracts, merges and compiles.

The compiled ``.mo`` is part of the repository, because an installation has no step that would make it; a test compares them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from web.language import LOCALE_DIRECTORY

ROOT = Path(__file__).parent.parent
CHINESE = re.compile("[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
"""Chinese characters and Chinese punctuation."""
KEYWORDS: dict[str, Any] = {"_": None, "N_": None, "text": None, "plural": (1, 2), "gettext": None, "ngettext": (1, 2)}
LOCALE = "en"
REGISTERS = ("entry.py", "samples.py", "sheets.py")
"""Files of the registers with messages."""
BORN = datetime(2026, 11, 22, tzinfo=UTC)
"""The dates in the header: fixed, so that a renewal without changes changes nothing."""


def sources() -> list[tuple[Path, str]]:
    """Files with messages and how they are read."""
    casework = [ROOT / "casework" / name for name in ("words.py", "report_words.py")]
    commands = [ROOT / "cli" / name for name in ("rate.py", "sentences.py", "visits.py")]
    python = [*sorted((ROOT / "web").rglob("*.py")), *casework, *_notices(), *commands]
    return [(path, "python") for path in python] + [
        (path, "jinja2") for path in sorted((ROOT / "web" / "templates").glob("*.html"))
    ]


def _notices() -> list[Path]:
    """The messages that casework sends about consequences and registers."""
    consequences = [ROOT / "casework" / "consequences" / name for name in ("telling.py", "watching.py")]
    return [*consequences, *(ROOT / "casework" / "registers" / name for name in REGISTERS)]


def extract() -> Catalog:
    """Every message of the sources; those without a Chinese character are no sentences of ours."""
    catalogue = Catalog(project="bright-kitchen", copyright_holder="", fuzzy=False)
    for path, method in sources():
        options = {"newstyle_gettext": "true"} if method == "jinja2" else {}
        for line, message, comments, context in extract_from_file(method, str(path), keywords=KEYWORDS, options=options):
            words = message if isinstance(message, str) else message[0]
            if CHINESE.search(words):
                where = (str(path.relative_to(ROOT)), line)
                catalogue.add(message, None, [where], auto_comments=comments, context=context)
    return catalogue


def paths() -> tuple[Path, Path]:
    """The translation as text and compiled."""
    directory = LOCALE_DIRECTORY / LOCALE / "LC_MESSAGES"
    return directory / "messages.po", directory / "messages.mo"


def read() -> Catalog:
    """The translation as it is kept."""
    text, _ = paths()
    if not text.exists():
        return Catalog(locale=LOCALE, project="bright-kitchen", fuzzy=False)
    with text.open("rb") as file:
        return read_po(file, locale=LOCALE)


def translated(message: Message) -> bool:
    """Whether every form of a message has its translation."""
    forms = [message.string] if isinstance(message.string, str) else list(message.string or ())
    return bool(forms) and all(forms)


def renew() -> list[str]:
    """Merge what is new into the translation and compile it.

    Returns:
        Messages that still need a translation.
    """
    catalogue = read()
    catalogue.update(extract(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.header_comment = "# English catalogue of Bright Kitchen. Written by web/catalogue.py; translations by hand."
    catalogue.project, catalogue.version = "bright-kitchen", "1"
    catalogue.msgid_bugs_address = catalogue.last_translator = ""
    catalogue.language_team = "en"
    catalogue.creation_date = catalogue.revision_date = BORN
    text, compiled = paths()
    text.parent.mkdir(parents=True, exist_ok=True)
    with text.open("wb") as file:
        write_po(file, catalogue, width=120, sort_output=True, include_lineno=False, omit_header=False)
    with compiled.open("wb") as file:
        write_mo(file, catalogue)
    return [str(message.id) for message in catalogue if message.id and not translated(message)]


if __name__ == "__main__":
    for missing in renew():
        print(missing)  # noqa: T201 - a tool for a terminal
