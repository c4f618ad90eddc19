"""Languages of the pages: Chinese is the source, English the translation (gettext catalogues under ``locale/``).

Order of choice: ``?lang=``, the cookie, the signed-in user's own, ``Accept-Language``, Chinese.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from babel.dates import format_datetime
from babel.support import NullTranslations, Translations

from domain.time import SHANGHAI

LOCALE_DIRECTORY = Path(__file__).parent / "locale"
COOKIE = "kitchen_lang"
DEFAULT = "zh"


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its code, its HTML tag, its words and how it writes an instant (always Shanghai's clock)."""

    code: str
    tag: str
    translations: NullTranslations
    instant_pattern: str

    def text(self, message: str) -> str:
        """A message in this language."""
        return str(self.translations.ugettext(message))

    def plural(self, singular: str, plural: str, n: int) -> str:
        """A counted message in this language."""
        return str(self.translations.ungettext(singular, plural, n))

    def instant(self, at: datetime) -> str:
        """An instant as people here write it."""
        return str(format_datetime(at, self.instant_pattern, tzinfo=SHANGHAI, locale="zh_CN" if self.code == "zh" else "en_GB"))


@cache
def load_languages() -> dict[str, Language]:
    """Every language there is, by code; the first is the default."""
    return {
        "zh": Language("zh", "zh-CN", NullTranslations(), "M月d日 HH:mm"),
        "en": Language("en", "en", Translations.load(str(LOCALE_DIRECTORY), ["en"]), "d MMM, HH:mm"),
    }


def _accepted(header: str) -> Iterable[str]:
    weighed = []
    for order, part in enumerate(header.split(",")):
        tag, _, parameters = part.strip().partition(";")
        quality = parameters.strip().removeprefix("q=") if parameters.strip().startswith("q=") else "1"
        try:
            weighed.append((-float(quality), order, tag.strip().lower()))
        except ValueError:
            continue
    return (tag.split("-")[0] for _, _, tag in sorted(weighed))


def choose(known: Iterable[str], *, query: str | None, cookie: str | None, user: str | None, accept: str) -> str:
    """The language code to answer in.

    Args:
        known: codes there are.
        query: ``?lang=``.
        cookie: what was chosen before.
        user: the signed-in user's own.
        accept: the ``Accept-Language`` header.
    """
    codes = set(known)
    for wish in (query, cookie, user, *_accepted(accept)):
        if wish in codes:
            return wish
    return DEFAULT


def translator(locale: str) -> Callable[[str], str]:
    """A ``casework.words.Translator`` over our catalogues; a locale we do not know reads Chinese."""
    languages = load_languages()
    return languages.get(locale, languages[DEFAULT]).text
