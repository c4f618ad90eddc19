"""``kitchen plan``, ``draw``, ``deadline …`` and ``id check``: the arithmetic of supervision, without a database.

``deadline`` and ``id check`` always answer in JSON, one document per line; ``plan`` and ``draw`` show a table unless asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.errors import Kitchen
from cli.language import Language, speak
from cli.options import Json

Calendar = Annotated[
    Path | None, typer.Option("--config", metavar="DIR", help="A configuration whose workdays.yaml corrects the calendar.")
]
Schemes = Annotated[
    Path | None, typer.Option("--config", metavar="DIR", help="A configuration whose schemes/ lie over the shipped ones.")
]
AlwaysJson = Annotated[bool, typer.Option("--json", help="JSON on standard output (it always is).")]

deadlines = typer.Typer(cls=Kitchen, help="Dates by the calendar of working days.", no_args_is_help=True)
identifiers = typer.Typer(cls=Kitchen, help="Codes and numbers with check digits.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Put the commands under ``kitchen``."""
    app.command("plan")(plan)
    app.command("draw")(draw)
    app.add_typer(deadlines, name="deadline")
    app.add_typer(identifiers, name="id")


def plan(  # noqa: PLR0917 - a command's signature is its list of options
    ctx: typer.Context,
    scheme: Annotated[str, typer.Option("--scheme", help="A scheme's name, or its file.")],
    counts: Annotated[str, typer.Option("--counts", help="Units per grade, e.g. green=40,blue=85,yellow=20,red=2")],
    config: Schemes = None,
    lang: Language = "zh",
    as_json: Json = False,  # noqa: FBT002 - a command's signature is its list of options
) -> None:
    """Say how many visits the period of a scheme's plan needs for so many units of each grade."""
    from cli.visits import plan as show

    speak(ctx, lang)
    show(scheme, counts, config, language=lang, as_json=as_json)


def draw(  # noqa: PLR0917 - a command's signature is its list of options
    ctx: typer.Context,
    seed: Annotated[str, typer.Option("--seed", help="The published batch id.")],
    percent: Annotated[int, typer.Option("--percent", min=0, max=100, help="Share of the units.")],
    units: Annotated[Path, typer.Option("--units", help="A file with one unit per line; - is standard input.")],
    lang: Language = "zh",
    as_json: Json = False,  # noqa: FBT002 - a command's signature is its list of options
) -> None:
    """Draw units at random in the order of SHA-256(seed|unit), so that anybody can repeat it."""
    from cli.visits import draw as show

    speak(ctx, lang)
    show(seed, percent, units, language=lang, as_json=as_json)


@deadlines.command()
def repair(
    ctx: typer.Context,
    received: Annotated[
        str, typer.Option("--received", help="When the complete application came, e.g. 2026-11-18T15:59:59+08:00")
    ],
    config: Calendar = None,
    lang: Language = "zh",
    as_json: AlwaysJson = True,  # noqa: ARG001, FBT002 - programs may say it
) -> None:
    """Until when a complete application for credit repair is decided: the same day, or the next working day."""
    from cli.deadlines import repair as show

    speak(ctx, lang)
    show(received, config)


@deadlines.command()
def publication(
    ctx: typer.Context,
    month: Annotated[str, typer.Option("--month", help="The month assessed, YYYY-MM.")],
    config: Calendar = None,
    lang: Language = "zh",
    as_json: AlwaysJson = True,  # noqa: ARG001, FBT002 - programs may say it
) -> None:
    """When a month's ratings are published: after three working days for objections."""
    from cli.deadlines import publication as show

    speak(ctx, lang)
    show(month, config)


@identifiers.command("check")
def id_check(
    ctx: typer.Context,
    texts: Annotated[list[str], typer.Argument(metavar="TEXT…", help="Codes to check; - reads one per line.")],
    kind: Annotated[str | None, typer.Option("--kind", help="What they are meant to be; told by their form otherwise.")] = None,
    lang: Language = "zh",
    as_json: AlwaysJson = True,  # noqa: ARG001, FBT002 - programs may say it
) -> None:
    """Check unified social credit codes, licences, GTINs, lots, trace codes, device and event ids."""
    from cli.identifiers import check

    speak(ctx, lang)
    check(texts, kind, language=lang)
