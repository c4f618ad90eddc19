"""``kitchen assess …`` and ``kitchen facts …``: the options; ``cli.assess`` does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.errors import Kitchen
from cli.options import DEFAULT_DATA, Config, Data, Json, setting

assess = typer.Typer(cls=Kitchen, help="The monthly assessment: drive it on, publish, reports.")
facts = typer.Typer(cls=Kitchen, help="Facts told from outside.", no_args_is_help=True)

Scheme = Annotated[str | None, typer.Option("--scheme", help="Only this scheme; every one with merchants otherwise.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run, e.g. zhenhai-2026-11-v1.")]


def add_to(app: typer.Typer) -> None:
    """Put the commands under ``kitchen``."""
    app.add_typer(assess, name="assess", invoke_without_command=True)
    app.add_typer(facts, name="facts")


@assess.callback(invoke_without_command=True)
def assess_month(  # noqa: PLR0917 - a command's signature is its list of options
    ctx: typer.Context,
    month: Annotated[str | None, typer.Option("--month", metavar="YYYY-MM", help="The month.")] = None,
    scheme: Scheme = None,
    as_of: Annotated[str | None, typer.Option("--as-of", metavar="INSTANT", help="Do what the clock allows then.")] = None,
    publish: Annotated[str | None, typer.Option("--publish", metavar="LOGIN", help="Publish it, in this person's name.")] = None,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002 - a command's signature is its list of options
) -> None:
    """Freeze, rate, and carry a month's assessment as far as the clock allows; a kill in between does no harm."""
    from cli.assess import assess as run

    if ctx.invoked_subcommand is not None:
        return
    if month is None:
        raise typer.BadParameter("name the month", param_hint="--month")
    run(setting(data, config), month, scheme=scheme, as_of=as_of, publish=publish, as_json=as_json)


@assess.command("report")
def report(  # noqa: PLR0917 - a command's signature is its list of options
    run: Run,
    uscc: Annotated[str, typer.Argument(metavar="USCC", help="A merchant, or all.")],
    form: Annotated[str, typer.Option("--form", help="json, html or pdf.")] = "pdf",
    lang: Annotated[str, typer.Option("--lang", metavar="zh|en", help="Language of the texts.")] = "zh",
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where to write it.")] = None,
    data: Data = DEFAULT_DATA,
    config: Config = None,
) -> None:
    """Write the signed report of a merchant: JSON (the portrait), HTML or PDF."""
    from cli.assess import write_report

    write_report(setting(data, config), run, uscc, out=out, form=form, language=lang)


@assess.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A report: JSON, HTML or PDF.")],
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002 - a command's signature is its list of options
) -> None:
    """Say whether a report is as it was signed; exit status 1 if not."""
    from cli.assess import verify_file

    verify_file(setting(data, config), file, as_json=as_json)


@assess.command("demo")
def demo(
    scheme: Annotated[str, typer.Argument(metavar="SCHEME", help="zhenhai or xiangshan.")],
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="The month of the facts.")],
    seed: Annotated[int | None, typer.Option("--seed", help="Another seed draws other merchants.")] = None,
    data: Data = DEFAULT_DATA,
    config: Config = None,
) -> None:
    """Write made-up merchants with a month of raw facts into the database, to try an assessment on."""
    from cli.assess import load_demo

    load_demo(setting(data, config), scheme, month, seed=seed)


@facts.command("import")
def import_facts(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a header, or JSON.")],
    login: Annotated[str | None, typer.Option("--as", metavar="LOGIN", help="Who tells them.")] = None,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002 - a command's signature is its list of options
) -> None:
    """Take facts row by row; what is wrong is reported with row, column and reason. Doing it again changes nothing."""
    from cli.assess import import_facts as run

    run(setting(data, config), file, login=login, as_json=as_json)


@facts.command("provincial")
def provincial(
    uscc: Annotated[str | None, typer.Option("--uscc", help="Only this merchant, whether it is due or not.")] = None,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002 - a command's signature is its list of options
) -> None:
    """Ask the provincial register about merchants that are due; exit status 1 if it cannot be used."""
    from cli.provincial import ask

    ask(setting(data, config), uscc=uscc, as_json=as_json)
