"""``kitchen assess``: a month's assessment driven on by hand, its reports, and whether a report is genuine.

The clock decides what can happen; ``--as-of`` sets it for a rehearsal. Only a named person publishes, by ``--publish LOGIN``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import configs
from casework.assessment import Assessor, Progress
from casework.assessment_facts import FactImport, read_rows
from casework.assessment_wiring import assessor_of
from casework.consequences.terms import Terms
from casework.office import Office
from casework.report import report
from casework.report_seal import public_bytes, seal, verify
from cli import clock
from cli.logs import set_up_logging
from cli.output import show_json, show_table
from cli.worker import Setting
from configs.assessment_key import assessment_key
from configs.values import Configuration
from domain.errors import BadInput, Code, ConfigurationError, NotFound
from domain.parties import Actor, Role
from domain.time import format_instant, parse_instant
from store import open_media, open_store
from store.assessments import Run
from store.ports import Store
from web.report_page import FORMS, report_file


@contextmanager
def opened(setting: Setting) -> Iterator[tuple[Store, Configuration, Assessor]]:
    """The store of an installation with its configuration."""
    set_up_logging(level=logging.ERROR)
    configuration = configs.load(setting.config)
    store = open_store(setting.endpoints.database)
    try:
        store.migrate()
        with store.reading() as uow:
            known = {merchant.uscc for merchant in uow.merchants.list()}
        missing = [merchant for merchant in configuration.merchants if merchant.uscc not in known]
        if missing:
            with store.writing() as uow:
                for merchant in missing:
                    uow.merchants.put(merchant)
                uow.commit()
        office = Office(
            store,
            open_media(setting.endpoints.media),
            rules=configuration.rules,
            schemes=configuration.schemes,
            routes=configuration.routes,
            working_day=configuration.calendar.works,
            terms=Terms.of(configuration),
        )
        yield store, configuration, assessor_of(store, configuration, setting.config, desk=office.desk)
    finally:
        store.close()


def person(store: Store, login: str) -> Actor:
    """Who signs in under a login.

    Raises:
        NotFound: nobody does.
    """
    with store.reading() as uow:
        found = uow.users.by_login(login)
    if found is None or not found[0].active:
        raise NotFound(f"nobody signs in as {login!r}")
    return Actor.of(found[0])


def assess(setting: Setting, month: str, *, scheme: str | None, as_of: str | None, publish: str | None, as_json: bool) -> None:
    """Drive a month's assessment as far as it goes now, and say where it stands."""
    now = clock.now() if as_of is None else parse_instant(as_of, "--as-of")
    with opened(setting) as (store, _, assessor):
        names = [scheme] if scheme else _schemes(store, assessor)
        runs = []
        for name in names:
            run = assessor.drive(assessor.begin(name, month, now).id, now, tell=None if as_json else _tell)
            if publish is not None:
                run = assessor.publish(run.id, person(store, publish), now)
            runs.append(_standing(store, assessor, run))
    if as_json:
        show_json({"month": month, "as_of": format_instant(now), "runs": runs})
        return
    for told in runs:
        show_table(
            ("grade", "merchants"),
            sorted(told["grades"].items()),
            title=f"{told['run']}  {told['state']}  {told['waits_until'] or ''}",
        )


def _schemes(store: Store, assessor: Assessor) -> list[str]:
    with store.reading() as uow:
        found = [name for name in assessor.schemes if uow.assessments.merchants(name, limit=1)]
    if not found:
        raise ConfigurationError("no merchant is registered", hint="start the installation once, or import the demonstration's")
    return found


def _tell(progress: Progress) -> None:
    run = progress.run
    print(f"{run.id}  {run.state.value}  {progress.snapshots}/{progress.members} frozen  {progress.rated} rated", end="\r")


def _standing(store: Store, assessor: Assessor, run: Run) -> dict[str, Any]:
    waits = assessor.waits_until(run)
    with store.reading() as uow:
        grades = uow.assessments.counts(run.id)
    return {
        "run": run.id,
        "scheme": run.scheme,
        "version": run.version,
        "state": run.state.value,
        "grades": grades,
        "merchants": sum(grades.values()),
        "frozen_at": format_instant(run.frozen_at),
        "provisional_at": format_instant(run.provisional_at),
        "objection_until": format_instant(run.objection_until),
        "publish_at": format_instant(run.publish_at),
        "published_at": None if run.published_at is None else format_instant(run.published_at),
        "published_by": run.published_by,
        "calendar": run.calendar,
        "catalogue_version": run.catalogue_version,
        "config_hash": run.config_hash,
        "waits_until": None if waits is None else format_instant(waits),
    }


def sealed_report(setting: Setting, assessor: Assessor, run_id: str, uscc: str, *, site: str = "") -> dict[str, Any]:
    """The signed report of a merchant."""
    return seal(report(assessor, run_id, uscc, site=site), assessment_key(setting.data / "secrets"))


def write_report(setting: Setting, run_id: str, uscc: str, *, out: Path | None, form: str, language: str) -> None:
    """Write the report of one merchant, or of all of a run into a folder."""
    if form not in FORMS:
        raise ConfigurationError(f"no form {form!r}", key="--form", hint=" | ".join(FORMS))
    with opened(setting) as (store, configuration, assessor):
        site = configuration.site.public_url
        with store.reading() as uow:
            usccs = [result.uscc for result in uow.assessments.results(run_id)] if uscc == "all" else [uscc]
        folder = out or Path()
        folder.mkdir(parents=True, exist_ok=True)
        for each in usccs:
            path = folder / f"{run_id}-{each}-{language}.{form}"
            path.write_bytes(report_file(sealed_report(setting, assessor, run_id, each, site=site), form, language))
            print(path)


def verify_file(setting: Setting, file: Path, *, as_json: bool) -> None:
    """Say whether a report is as it was signed; exit status 1 if it is not."""
    import typer

    try:
        data = file.read_bytes()
    except OSError as error:
        raise BadInput(Code.MALFORMED, f"the file cannot be read: {error.strerror}", where=str(file)) from None
    folder = setting.data / "secrets"
    trusted = public_bytes(assessment_key(folder).public_key()) if (folder / "assessment.pem").exists() else None
    language = "en" if b'<html lang="en"' in data[:200] or b"/Subject (en)" in data else "zh"
    verdict = verify(data, trusted=trusted, draw=lambda sealed, kind: report_file(sealed, kind, language))
    told = {"genuine": verdict.genuine, "problem": verdict.problem, "key": verdict.key, "key_known": verdict.known}
    told |= {key: verdict.content.get(key) for key in ("run", "month", "grade", "score")}
    if as_json:
        show_json(told)
    else:
        print(f"genuine, signed with key {verdict.key}" if verdict.genuine else f"not genuine: {verdict.problem}")
        if verdict.genuine and not verdict.known:
            print("the key is not this installation's: compare its fingerprint with the publisher's")
    if not verdict.genuine:
        raise typer.Exit(1)


def import_facts(setting: Setting, file: Path, *, login: str | None, as_json: bool) -> None:
    """Take a file of facts; exit status 1 if a row was refused."""
    import typer

    try:
        data = file.read_bytes()
    except OSError as error:
        raise BadInput(Code.MALFORMED, f"the facts cannot be read: {error.strerror}", where=str(file)) from None
    with opened(setting) as (store, configuration, _):
        actor = Actor(id="operator", role=Role.SUPERVISOR) if login is None else person(store, login)
        imported = FactImport(store, configuration.ratings).take(
            read_rows(data, name=file.name), actor, clock.now(), origin=file.name
        )
    if as_json:
        show_json(imported.to_wire())
    else:
        print(f"{imported.rows} rows: {imported.added} new, {imported.known} known, {len(imported.problems)} refused")
        if imported.problems:
            show_table(("row", "column", "reason"), [(each.row, each.column, each.reason) for each in imported.problems])
    if imported.problems:
        raise typer.Exit(1)


def load_demo(setting: Setting, name: str, month: str, *, seed: int | None) -> None:
    """Write the made-up merchants of a city with a month of raw facts."""
    from cli.demo_market import market
    from cli.demo_street import street

    makers = {"zhenhai": street, "xiangshan": market}
    if name not in makers:
        raise ConfigurationError(f"no demonstration {name!r}", key="SCHEME", hint=" | ".join(makers))
    with opened(setting) as (store, configuration, assessor):
        given = {} if seed is None else {"seed": seed}
        drawn = makers[name](month, configuration.schemes[name], **given)
        drawn.store(store)
        told_at = assessor.dates(month).frozen_at
        actor = Actor(id="demo-clerk", role=Role.SUPERVISOR)
        rows = FactImport(store, configuration.ratings)
        imported = rows.take(drawn.rows, actor, told_at - timedelta(hours=1), origin="demo")
    print(f"{len(drawn.merchants)} merchants, {len(drawn.observations)} observations, {imported.added} told facts")
