"""Time as the law sees it: Asia/Shanghai (UTC+08:00, no DST), whatever zone the server runs in (domain.md F.9).

Nothing here reads a clock; ``now`` is always an argument.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

from domain.errors import BadInput, Code

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")


def local(at: datetime) -> datetime:
    """The same instant on Shanghai's clock."""
    return at.astimezone(SHANGHAI)


def local_day(at: datetime) -> date:
    """The Shanghai calendar day an instant falls on."""
    return local(at).date()


def month_of(at: datetime) -> str:
    """The Shanghai calendar month of an instant as ``YYYY-MM`` (domain.md C.0-4)."""
    return local(at).strftime("%Y-%m")


def midnight(day: date) -> datetime:
    """The instant a Shanghai day begins."""
    return datetime.combine(day, time.min, SHANGHAI)


def parse_instant(text: object, where: str) -> datetime:
    """Read an RFC 3339 instant.

    Args:
        text: the string from outside.
        where: the field it stood in, for the message.

    Returns:
        An aware datetime in UTC.

    Raises:
        BadInput: E003 if it is no date-time, E043 if it has no offset.
    """
    if not isinstance(text, str):
        raise BadInput(Code.FIELD, "an RFC 3339 date-time string is required", where=where)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(
            Code.FIELD, f"{text[:40]!r} is no RFC 3339 date-time", where=where, hint="write 2026-11-20T11:02:33+08:00"
        ) from None
    if at.tzinfo is None:
        raise BadInput(Code.NO_OFFSET, "the time has no offset", where=where, hint="append +08:00")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise BadInput(Code.TIME_IMPOSSIBLE, "the time is outside the calendar", where=where) from None


def format_instant(at: datetime) -> str:
    """RFC 3339 with millisecond precision and Shanghai's offset, as every API answer and envelope has it."""
    return local(at).isoformat(timespec="milliseconds")
