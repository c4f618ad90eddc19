"""``kitchen import``: a file of records into a register of a running installation, with a report line by line.

It goes through the installation's own API, signed in as a person, because every record has somebody who entered it. Good rows are
kept; the exit status is 1 if any was refused. The same file again changes nothing.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

import typer

from cli.options import Json
from cli.output import show_json, show_table
from domain.errors import BadInput, Code, Forbidden, KitchenError, NotFound, Unavailable

PASSWORD = "KITCHEN_PASSWORD"  # noqa: S105 - the name of a variable
TIMEOUT_S = 300
PATH = "the file"


def add_to(app: typer.Typer) -> None:
    """Put the command under ``kitchen``."""
    app.command("import")(bring)


def bring(  # noqa: PLR0917 - a command's signature is its list of options
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV (UTF-8 or GB 18030), or .json.")],
    register: Annotated[str, typer.Option("--register", help="certificates, shifts, batches, moves, additives or samples.")],
    merchant: Annotated[str, typer.Option("--merchant", metavar="USCC", help="Whose register it is.")],
    user: Annotated[str, typer.Option("--user", metavar="LOGIN", help="Who enters it; the password is in KITCHEN_PASSWORD.")],
    url: Annotated[str, typer.Option("--url", help="Address of the installation's pages.")] = "http://127.0.0.1:8080",
    as_json: Json = False,  # noqa: FBT002 - a command's signature is its list of options
) -> None:
    """Bring a file of records into a register, and say what became of each line."""
    password = os.environ.get(PASSWORD) or getpass.getpass(f"{user}: ")
    token = _ask(url, "/api/v1/session", {}, json.dumps({"user": user, "password": password}).encode())["token"]
    kind = "application/json" if file.suffix.lower() == ".json" else "text/csv"
    path = f"/api/v1/merchants/{quote(merchant)}/registers/{quote(register)}/import"
    report = _ask(url, path, {"Authorization": f"Bearer {token}", "Content-Type": kind}, file.read_bytes())
    if as_json:
        show_json(report)
    else:
        print(f"{file}: {report['accepted']} new, {report['replayed']} known already, {report['refused']} refused")
        if report["faults"]:
            columns = ("line", "column", "what", "do")
            show_table(columns, [[fault[name] for name in columns] for fault in report["faults"]])
    if report["faults"]:
        raise typer.Exit(1)


def _ask(url: str, path: str, headers: Mapping[str, str], data: bytes) -> dict[str, Any]:
    """Post, and read the JSON that comes back; a report comes back as an answer even where nothing could be kept.

    Raises:
        KitchenError: refused, or nobody answers.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise BadInput(Code.FIELD, f"{url[:80]} is no http address", where="--url")
    asked = Request(url.rstrip("/") + path, data=data, headers={"Content-Type": "application/json", **headers}, method="POST")  # noqa: S310 - checked above
    try:
        with urlopen(asked, timeout=TIMEOUT_S) as answer:  # noqa: S310 - checked above
            return dict(json.load(answer))
    except HTTPError as error:
        told = _told(error)
        if "faults" in told:
            return told
        raise _as_ours(error.code, str(told.get("detail") or told.get("title") or error.reason)) from None
    except (URLError, TimeoutError, OSError) as error:
        raise Unavailable(f"{url} does not answer: {error}") from None


def _as_ours(status: int, said: str) -> KitchenError:
    """The refusal in our own words."""
    if status in (401, 403):
        return Forbidden(said)
    if status == 404:
        return NotFound(said)
    return Unavailable(said) if status >= 500 else BadInput(Code.FIELD, said, where=PATH)


def _told(error: HTTPError) -> dict[str, Any]:
    try:
        return dict(json.load(error))
    except ValueError:
        return {}
