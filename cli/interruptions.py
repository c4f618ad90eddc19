"""``kitchen interruptions …``: outages, announced maintenance and closures told by hand, listed, taken back."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.errors import Kitchen
from cli.options import DEFAULT_DATA, Config, Data, Json, setting

interruptions = typer.Typer(cls=Kitchen, help="Outages and closures that take time out of the rates.", no_args_is_help=True)

Login = Annotated[str, typer.Option("--as", metavar="LOGIN", help="In whose name.")]


def add_to(app: typer.Typer) -> None:
    """Put the commands under ``kitchen``."""
    app.add_typer(interruptions, name="interruptions")


@interruptions.command("add")
def add(  # noqa: PLR0917 - a command's signature is its list of options
    kind: Annotated[str, typer.Argument(metavar="KIND", help="platform, area, maintenance or closure.")],
    login: Login,
    begins: Annotated[str, typer.Option("--from", metavar="INSTANT", help="When it began or begins, with its offset.")],
    ends: Annotated[str, typer.Option("--to", metavar="INSTANT", help="When it ended or ends.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; everybody it concerns can read it.")],
    uscc: Annotated[str | None, typer.Option("--uscc", help="Only this merchant.")] = None,
    region: Annotated[str, typer.Option("--region", help="Only this region (two to six digits); everybody otherwise.")] = "",
    announced: Annotated[
        str | None, typer.Option("--announced", metavar="INSTANT", help="When it was announced, if not just now.")
    ] = None,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002 - a command's signature is its list of options
) -> None:
    """Tell an interruption; telling the same again changes nothing."""
    from casework.assessment_interruptions import Announcement, announce
    from cli import clock
    from cli.assess import opened, person
    from domain.errors import BadInput, Code
    from domain.time import parse_instant
    from store.assessments import InterruptionKind

    try:
        which = InterruptionKind(kind)
    except ValueError:
        raise BadInput(Code.FIELD, f"no kind {kind[:20]!r}", where="KIND", hint=" | ".join(InterruptionKind)) from None
    told = Announcement(
        kind=which,
        began_at=parse_instant(begins, "--from"),
        ended_at=parse_instant(ends, "--to"),
        reason=reason,
        uscc=uscc,
        region=region,
        announced_at=None if announced is None else parse_instant(announced, "--announced"),
    )
    with opened(setting(data, config)) as (store, _, _):
        _show([announce(store, told, person(store, login), clock.now())], as_json=as_json)


@interruptions.command("list")
def listing(
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="Those that overlap this month.")],
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002 - a command's signature is its list of options
) -> None:
    """Show what was told of a month, the withdrawn ones too."""
    from datetime import timedelta

    from cli.assess import opened
    from credit.publication import first_of
    from domain.time import midnight

    first = first_of(month)
    with opened(setting(data, config)) as (store, _, _), store.reading() as uow:
        until = midnight((first + timedelta(days=31)).replace(day=1))
        _show(uow.assessments.told_interruptions(midnight(first), until), as_json=as_json)


@interruptions.command("withdraw")
def take_back(  # noqa: PLR0917 - a command's signature is its list of options
    interruption: Annotated[str, typer.Argument(metavar="ID", help="Which one.")],
    login: Login,
    reason: Annotated[str, typer.Option("--reason", help="Why.")],
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002 - a command's signature is its list of options
) -> None:
    """Take one back; months that are frozen keep what they were made from."""
    from casework.assessment_interruptions import withdraw
    from cli import clock
    from cli.assess import opened, person

    with opened(setting(data, config)) as (store, _, _):
        _show([withdraw(store, interruption, reason, person(store, login), clock.now())], as_json=as_json)


def _show(items: list, *, as_json: bool) -> None:  # type: ignore[type-arg]
    from casework.assessment_interruptions import to_wire
    from cli.output import show_json, show_table

    if as_json:
        show_json({"items": [to_wire(item) for item in items]})
        return
    rows = []
    for item in items:
        told = to_wire(item)
        stands = "withdrawn" if item.withdrawn_at else "counts" if told["counts"] else "told too late"
        rows.append((told["id"], told["kind"], told["merchant"] or told["region"] or "all", told["from"], told["to"], stands))
    show_table(("id", "kind", "whom", "from", "to", ""), rows)
