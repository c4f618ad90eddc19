"""``schemes/*.yaml`` and ``routes.yaml``: rating schemes as data, and who is told through which channel."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import Field, model_validator

from alerts.routing import PERSONAL, ROBOTS, WEBHOOK, WECOM, Route
from configs.degree_files import DegreeEntry, ThresholdEntry
from configs.measure_files import MeasuresEntry
from configs.notification_files import CHANNELS, QuietEntry, Variable
from configs.quantities import GradeName, Quantity
from configs.rating_files import RatingEntry
from configs.words import Code, RegionPrefix, Strict, Uscc, Word
from credit.rating.value import Kind, RatedScheme
from credit.scheme import Band, DeductionRule, Scheme
from domain.errors import ConfigurationError
from domain.events import EventName
from domain.parties import Role
from domain.rules import Level

Points = Annotated[Quantity, Field(ge=0, max_digits=6, decimal_places=2)]
"""Never a binary float; at most two decimals."""
Title = dict[Annotated[str, Field(pattern="^(zh|en)$")], Annotated[str, Field(max_length=120)]]


class BandEntry(Strict):
    """One grade, from ``at_least`` upwards."""

    name: Word
    at_least: Points
    title: Title = Field(default_factory=dict)


class DeductionEntry(Strict):
    """What one violation code costs."""

    base: Points
    variants: dict[Word, Points] = Field(default_factory=dict)
    title: Title = Field(default_factory=dict)
    waivable: bool = False
    waivable_lapse_days: Annotated[int, Field(ge=0)] | None = None
    self_report_waives: bool = False
    cap: Points | None = None
    group: Word | None = None
    floor: Word | None = None
    repeats: bool = True
    clocked: bool = True
    daily_limit: Annotated[int, Field(ge=1)] | None = None
    once_per_subject: bool = False
    specificity: int = 0
    degree: DegreeEntry | None = None

    def value(self, code: str) -> DeductionRule:
        """The domain value."""
        lapse = self.waivable_lapse_days
        return DeductionRule(
            code=code,
            base=self.base,
            variants=MappingProxyType(dict(self.variants)),
            title=MappingProxyType(dict(self.title)),
            waivable=self.waivable,
            waivable_lapse=None if lapse is None else timedelta(days=lapse),
            self_report_waives=self.self_report_waives,
            cap=self.cap,
            group=self.group,
            floor=self.floor,
            repeats=self.repeats,
            clocked=self.clocked,
            daily_limit=self.daily_limit,
            once_per_subject=self.once_per_subject,
            specificity=self.specificity,
            degree=None if self.degree is None else self.degree.value(),
        )


class SchemeFile(Strict):
    """``schemes/NAME.yaml``: what violations cost (``bands``, ``rules`` and what goes with them), a ``rating``, or both."""

    name: Word
    title: Title = Field(default_factory=dict)
    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,31}$")] = "1"
    start: Points = Decimal(100)
    bands: tuple[BandEntry, ...] = ()
    repeat: Annotated[tuple[Points, ...], Field(min_length=1)] = (Decimal("1.0"), Decimal("1.5"), Decimal("2.0"))
    overdue_share: Points = Decimal("0.5")
    history_days: Annotated[int, Field(ge=0, le=3650)] = 365
    group_caps: dict[Word, Points] = Field(default_factory=dict)
    rules: dict[Code, DeductionEntry] = Field(default_factory=dict)
    thresholds: tuple[ThresholdEntry, ...] = ()
    rating: RatingEntry | None = None
    measures: dict[GradeName, MeasuresEntry] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if self.rating is None and not self.rules:
            raise ValueError("a scheme needs rules (what violations cost) or a rating, or both")
        if bool(self.rules) != bool(self.bands):
            raise ValueError("rules and bands go together")
        try:
            self.ledger()
        except ConfigurationError as error:
            raise ValueError(error.what) from None
        return self

    def ledger(self) -> Scheme | None:
        """What violations cost; ``None`` if the scheme has no such rules.

        Raises:
            ConfigurationError: if the scheme contradicts itself.
        """
        if not self.rules:
            return None
        bands = tuple(
            Band(name=band.name, at_least=band.at_least, title=MappingProxyType(dict(band.title))) for band in self.bands
        )
        return Scheme(
            name=self.name,
            bands=bands,
            rules=MappingProxyType({code: entry.value(code) for code, entry in self.rules.items()}),
            title=MappingProxyType(dict(self.title)),
            start=self.start,
            repeat=self.repeat,
            overdue_share=self.overdue_share,
            history=timedelta(days=self.history_days),
            group_caps=MappingProxyType(dict(self.group_caps)),
            thresholds=tuple(entry.value() for entry in self.thresholds),
        )

    def rated(self, content_hash: str) -> RatedScheme:
        """What the engine of the scheme's kind is made from.

        Args:
            content_hash: of what the file holds; it is part of the version.
        """
        titles = {band.name: dict(band.title) for band in self.bands}
        if self.rating is not None:
            titles = {band.name: {"zh": band.title.zh, "en": band.title.en} for band in self.rating.bands}
        return RatedScheme(
            name=self.name,
            kind=Kind.LEDGER if self.rating is None else Kind.TREE,
            version=f"{self.version}+{content_hash}",
            title=MappingProxyType(dict(self.title)),
            grade_titles=MappingProxyType(titles),
            measures=MappingProxyType({grade: MappingProxyType(entry.value()) for grade, entry in self.measures.items()}),
            ledger=self.ledger(),
            rating=None if self.rating is None else self.rating.value(),
        )


class RouteEntry(Strict):
    """One way to somebody; an empty filter restricts nothing."""

    name: Word
    channel: Annotated[str, Field(pattern=f"^({'|'.join(CHANNELS)})$", description=", ".join(CHANNELS))]
    events: tuple[EventName, ...] = ()
    levels: tuple[Level, ...] = ()
    roles: tuple[Role, ...] = ()
    url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    url_env: Variable | None = None
    token_env: Variable | None = None
    secret_env: Variable | None = None
    check_errcode: bool = False
    confirms_delivery: bool = True
    merchants: tuple[Uscc, ...] = ()
    region: RegionPrefix | None = None
    quiet: QuietEntry | None = None
    locale: Annotated[str, Field(pattern="^(zh|en)$")] = "zh"

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if self.channel == WEBHOOK and bool(self.url) == bool(self.url_env):
            raise ValueError("a webhook needs either url or url_env")
        if self.channel in PERSONAL and (self.url or self.url_env or self.token_env or self.secret_env):
            raise ValueError(f"{self.channel} goes to users; leave url, url_env, token_env and secret_env out")
        if self.channel in ROBOTS:
            self._has_a_token()
        elif self.token_env:
            raise ValueError(f"only a robot ({', '.join(sorted(ROBOTS))}) has a token_env")
        return self

    def _has_a_token(self) -> None:
        if bool(self.url_env) == bool(self.token_env):
            raise ValueError("a robot needs either token_env, or url_env with its whole address: both hold its token")
        if self.url and (self.url_env or "{token}" not in self.url):
            raise ValueError("the url of a robot goes with token_env, and has {token} where the token belongs")
        if self.channel == WECOM and self.secret_env:
            raise ValueError("a robot of WeCom knows no signature; leave secret_env out")

    def value(self) -> Route:
        """The domain value."""
        return Route(
            name=self.name,
            channel=self.channel,
            events=frozenset(self.events),
            levels=frozenset(self.levels),
            roles=frozenset(self.roles),
            url=self.url,
            url_env=self.url_env or "",
            token_env=self.token_env or "",
            secret_env=self.secret_env or "",
            check_errcode=self.check_errcode,
            confirms_delivery=self.confirms_delivery,
            merchants=frozenset(self.merchants),
            region=self.region or "",
            quiet=None if self.quiet is None else self.quiet.value(),
            locale=self.locale,
        )


class RoutesFile(Strict):
    """``routes.yaml``."""

    routes: tuple[RouteEntry, ...] = ()
