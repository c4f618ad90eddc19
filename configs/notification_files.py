"""``channels.yaml`` and ``escalations.yaml``: what channels need to know, and who else is told when a warning does not move.

No secret stands in these files: they name the environment variables that hold them.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator

from alerts.escalation import Chain
from alerts.gateways import LIMITS, ChannelSettings, Gateway, Limit, Server, Tls
from alerts.routing import PERSONAL, ROBOTS, WEBHOOK
from configs.words import Clock, Email, RegionPrefix, Strict, Word
from domain.escalation import QuietHours, Step, Until
from domain.parties import Role
from domain.rules import Level

CHANNELS: Final = (*sorted(PERSONAL), WEBHOOK, *sorted(ROBOTS))
Variable = Annotated[str, Field(pattern="^[A-Z][A-Z0-9_]*$", description="name of an environment variable")]
ChannelName = Annotated[str, Field(pattern=f"^({'|'.join(CHANNELS)})$", description=", ".join(CHANNELS))]
PersonalChannel = Annotated[str, Field(pattern=f"^({'|'.join(sorted(PERSONAL))})$", description="a channel that goes to users")]
Template = Annotated[
    str, Field(max_length=2000, description="{phone}, {text}, {key}, {secret} and {timestamp} are replaced, nothing else")
]
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9*.-]{1,190}$")]


class QuietEntry(Strict):
    """Quiet hours on Shanghai's clock; ``ends`` earlier than ``begins`` runs over midnight. No red warning knows them."""

    begins: Clock
    ends: Clock

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.begins == self.ends:
            raise ValueError("quiet hours that begin when they end are no hours, or all; leave them out")
        return self

    def value(self) -> QuietHours:
        """The domain value."""
        return QuietHours(begins=self.begins, ends=self.ends)


class SmsEntry(Strict):
    """A gateway for text messages, spoken to over HTTP."""

    url: Annotated[str, Field(pattern=r"^https?://\S+$", description="address; {secret} and the others may stand in it")]
    secret_env: Variable | None = None
    form: bool = False
    headers: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,60}$")], Template] = Field(default_factory=dict)
    fields: Annotated[dict[str, Any], Field(min_length=1, description="the message; every text in it is a template")]
    code: Annotated[str, Field(max_length=80, description="where the answer's code stands, e.g. code or Result.0.Code")] = ""
    accepted: tuple[str, ...] = ("0",)
    duplicate: tuple[str, ...] = ()
    too_fast: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()
    most_characters: Annotated[int, Field(ge=40, le=1000)] = 300
    plain_hosts: tuple[Host, ...] = ()

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        whole = f"{self.url}{self.headers}{self.fields}"
        for name in ("{phone}", "{text}"):
            if name not in whole:
                raise ValueError(f"{name} stands neither in url nor in headers nor in fields: nothing would be sent to anybody")
        if ("{secret}" in whole) != (self.secret_env is not None):
            raise ValueError("{secret} and secret_env go together")
        if self.form and any(not isinstance(value, str) for value in self.fields.values()):
            raise ValueError("the fields of a form are texts")
        return self

    def value(self) -> Gateway:
        """The value, still without its secret."""
        return Gateway(
            url=self.url,
            form=self.form,
            headers=MappingProxyType(dict(self.headers)),
            fields=MappingProxyType(dict(self.fields)),
            code=self.code,
            accepted=frozenset(self.accepted),
            duplicate=frozenset(self.duplicate),
            too_fast=frozenset(self.too_fast),
            busy=frozenset(self.busy),
            most_characters=self.most_characters,
            plain_hosts=self.plain_hosts,
        )


class EmailEntry(Strict):
    """A mail server and who writes through it."""

    host: Host
    port: Annotated[int, Field(ge=1, le=65535)] = 465
    tls: Tls = Tls.IMPLICIT
    sender: Email
    sender_name: Annotated[str, Field(max_length=80)] = ""
    user_env: Variable | None = None
    password_env: Variable | None = None
    plain_hosts: tuple[Host, ...] = ()

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if (self.user_env is None) != (self.password_env is None):
            raise ValueError("user_env and password_env go together")
        return self

    def value(self) -> Server:
        """The value, still without who writes."""
        return Server(
            host=self.host,
            port=self.port,
            tls=self.tls,
            sender=self.sender,
            sender_name=self.sender_name,
            plain_hosts=self.plain_hosts,
        )


class LimitEntry(Strict):
    """How fast one receiver may be told; what is more is put together into one message."""

    messages: Annotated[int, Field(ge=1, le=10_000)]
    within_seconds: Annotated[int, Field(ge=1, le=86_400)] = 60


class ChannelsFile(Strict):
    """``channels.yaml``."""

    sms: SmsEntry | None = None
    email: EmailEntry | None = None
    limits: dict[ChannelName, LimitEntry] = Field(default_factory=dict)
    plain_hosts: tuple[Host, ...] = ()

    def value(self) -> ChannelSettings:
        """The domain value."""
        own = {
            name: Limit(messages=limit.messages, within=timedelta(seconds=limit.within_seconds))
            for name, limit in self.limits.items()
        }
        sms, email = self.sms, self.email
        return ChannelSettings(
            gateway=None if sms is None else sms.value(),
            gateway_secret_env="" if sms is None else sms.secret_env or "",
            server=None if email is None else email.value(),
            server_user_env="" if email is None else email.user_env or "",
            server_password_env="" if email is None else email.password_env or "",
            limits=MappingProxyType({**LIMITS, **own}),
            plain_hosts=self.plain_hosts,
        )


class StepEntry(Strict):
    """One step: if ``until`` has not come ``after_minutes`` after the raising, ``roles`` and ``routes`` are told."""

    after_minutes: Annotated[int, Field(ge=1, le=14 * 24 * 60)]
    until: Until
    roles: tuple[Role, ...] = ()
    channels: tuple[PersonalChannel, ...] = ()
    routes: tuple[Word, ...] = ()

    @model_validator(mode="after")
    def _tells_somebody(self) -> Self:
        if bool(self.roles) != bool(self.channels):
            raise ValueError("roles and channels go together: who is told, and how")
        if not self.roles and not self.routes:
            raise ValueError("the step tells nobody: give roles with channels, or routes")
        return self

    def value(self) -> Step:
        """The domain value."""
        return Step(
            after=timedelta(minutes=self.after_minutes),
            until=self.until,
            roles=self.roles,
            channels=self.channels,
            routes=self.routes,
        )


class ChainEntry(Strict):
    """One chain; an empty filter restricts nothing, and the first chain that concerns a warning is the one it gets."""

    name: Word
    levels: tuple[Level, ...] = ()
    rules: tuple[Annotated[str, Field(max_length=40)], ...] = ()
    region: RegionPrefix | None = None
    quiet: QuietEntry | None = None
    steps: Annotated[tuple[StepEntry, ...], Field(min_length=1, max_length=20)]

    def value(self) -> Chain:
        """The domain value."""
        return Chain(
            name=self.name,
            levels=frozenset(self.levels),
            rules=frozenset(self.rules),
            region=self.region or "",
            quiet=None if self.quiet is None else self.quiet.value(),
            steps=tuple(step.value() for step in self.steps),
        )


class EscalationsFile(Strict):
    """``escalations.yaml``."""

    chains: tuple[ChainEntry, ...] = ()
