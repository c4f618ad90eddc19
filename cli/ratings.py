"""``kitchen rate`` and ``kitchen schemes …``: the options; ``cli.rate`` does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.errors import Kitchen
from cli.language import Language, speak
from cli.options import Json

schemes = typer.Typer(cls=Kitchen, help="The rating schemes: list, check, describe their facts.")

OwnSchemes = Annotated[
    Path | None, typer.Option("--config", metavar="DIR", help="A configuration whose schemes/ lie over the shipped ones.")
]


def add_to(app: typer.Typer) -> None:
    """Put the commands under ``kitchen``."""
    app.command("rate")(rate)
    app.add_typer(schemes, name="schemes", invoke_without_command=True)


def rate(  # noqa: PLR0917 - a command's signature is its list of options
    ctx: typer.Context,
    scheme: Annotated[str, typer.Argument(metavar="SCHEME", help="zhenhai, xiangshan, rizhao, fhrs, nyc, or a scheme file.")],
    facts: Annotated[
        Path, typer.Option("--facts", metavar="FILE", help="The facts of one merchant as JSON; - is standard input.")
    ],
    config: OwnSchemes = None,
    lang: Language = "zh",
    as_json: Json = False,  # noqa: FBT002 - a command's signature is its list of options
) -> None:
    """Rate one merchant from facts alone; `kitchen schemes facts SCHEME` says which."""
    from cli.rate import rate as run

    speak(ctx, lang)
    run(scheme, facts, config=config, language=lang, as_json=as_json)


@schemes.callback(invoke_without_command=True)
def list_schemes(
    ctx: typer.Context,
    config: OwnSchemes = None,
    lang: Language = "zh",
    as_json: Json = False,  # noqa: FBT002 - a command's signature is its list of options
) -> None:
    """The rating schemes: list them, check a file, describe their facts."""
    from cli.rate import schemes as show

    if ctx.invoked_subcommand is None:
        speak(ctx, lang)
        show(config=config, language=lang, as_json=as_json)


@schemes.command("check")
def check_scheme(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A scheme file.")],
    lang: Language = "zh",
    as_json: Json = False,  # noqa: FBT002 - a command's signature is its list of options
) -> None:
    """Validate a scheme file: file, key, what is wrong; exit status 1 if anything is."""
    from cli.rate import check as look

    speak(ctx, lang)
    look(file, language=lang, as_json=as_json)


@schemes.command("facts")
def scheme_facts(
    ctx: typer.Context,
    scheme: Annotated[str, typer.Argument(metavar="SCHEME", help="A scheme's name or file.")],
    config: OwnSchemes = None,
    lang: Language = "zh",
) -> None:
    """Print the JSON Schema of the facts a scheme is rated from."""
    from cli.rate import facts_schema as show

    speak(ctx, lang)
    show(scheme, config=config, language=lang)
