"""``connectors.yaml``: registers outside that facts are fetched from, and where in their answers things stand.

No secret stands in it: ``secret_env`` names the environment variable that has it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from configs.words import Strict, Word

PLACE = "{uscc}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvincialTerms:
    """How the provincial public-credit register is asked.

    Attributes:
        url: with ``{uscc}`` in it; empty = it is not asked.
        schemes: whose merchants it is asked about.
        pauses: before each further attempt.
        longest_pause: a longer ``Retry-After`` ends the round.
        rest: after the register could not be reached or refused us.
        retry: after it did not know a merchant, or said nonsense about it.
        refresh: after it told a score.
        score, scored_on, uscc: where in the answer they stand, as ``outer.inner``.
    """

    url: str = ""
    schemes: frozenset[str] = frozenset()
    source: str = ""
    secret_env: str = ""
    header: str = "Authorization"
    prefix: str = ""
    timeout: timedelta = timedelta(seconds=10)
    pauses: tuple[timedelta, ...] = (timedelta(seconds=2), timedelta(seconds=10))
    longest_pause: timedelta = timedelta(seconds=60)
    rest: timedelta = timedelta(minutes=30)
    retry: timedelta = timedelta(hours=24)
    refresh: timedelta = timedelta(days=7)
    per_second: float = 5.0
    plain_hosts: tuple[str, ...] = field(default=())
    score: str = "score"
    scored_on: str = "scored_on"
    uscc: str = "uscc"


Path = Annotated[str, Field(pattern=r"^[^.\s]+(\.[^.\s]+)*$", max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=600)]


class ProvincialFields(Strict):
    """Where in an answer things stand."""

    score: Path = "score"
    scored_on: Path = "scored_on"
    uscc: Annotated[str, Field(pattern=r"^([^.\s]+(\.[^.\s]+)*)?$", max_length=200)] = "uscc"


class ProvincialEntry(Strict):
    """The provincial public-credit register."""

    url: Annotated[str, Field(pattern=r"^(https?://\S+)?$", max_length=2000)] = ""
    schemes: tuple[Word, ...] = ("zhenhai",)
    source: Annotated[str, Field(min_length=1, max_length=200)] = "省公共信用平台"
    secret_env: Annotated[str, Field(pattern=r"^([A-Z][A-Z0-9_]*)?$")] = "KITCHEN_PROVINCIAL_SECRET"  # noqa: S105 - a name
    header: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$", max_length=60)] = "Authorization"
    prefix: Annotated[str, Field(max_length=40)] = "Bearer "
    timeout_seconds: Seconds = 10
    pauses_seconds: Annotated[tuple[Seconds, ...], Field(max_length=9)] = (2, 10)
    longest_pause_seconds: Seconds = 60
    rest_minutes: Annotated[float, Field(ge=1, le=1440)] = 30
    retry_hours: Annotated[float, Field(ge=1, le=720)] = 24
    refresh_days: Annotated[float, Field(ge=1, le=35)] = 7
    per_second: Annotated[float, Field(gt=0, le=1000)] = 5
    plain_hosts: tuple[str, ...] = ()
    fields: ProvincialFields = ProvincialFields()

    @model_validator(mode="after")
    def _names_the_merchant(self) -> Self:
        if self.url and (PLACE not in self.url or self.url.replace(PLACE, "").count("{")):
            raise ValueError("the address needs {uscc}, and nothing else in braces")
        return self

    def value(self) -> ProvincialTerms:
        """The domain value."""
        return ProvincialTerms(
            url=self.url,
            schemes=frozenset(self.schemes),
            source=self.source,
            secret_env=self.secret_env,
            header=self.header,
            prefix=self.prefix,
            timeout=timedelta(seconds=self.timeout_seconds),
            pauses=tuple(timedelta(seconds=pause) for pause in self.pauses_seconds),
            longest_pause=timedelta(seconds=self.longest_pause_seconds),
            rest=timedelta(minutes=self.rest_minutes),
            retry=timedelta(hours=self.retry_hours),
            refresh=timedelta(days=self.refresh_days),
            per_second=self.per_second,
            plain_hosts=self.plain_hosts,
            score=self.fields.score,
            scored_on=self.fields.scored_on,
            uscc=self.fields.uscc,
        )


class ConnectorsFile(Strict):
    """``connectors.yaml``."""

    provincial: ProvincialEntry = ProvincialEntry()

    def value(self) -> ProvincialTerms:
        """The domain value."""
        return self.provincial.value()
