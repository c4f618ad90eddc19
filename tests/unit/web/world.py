"""A small world for the matrix of roles and routes: somebody in every role, and one of every object, all of one merchant."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from casework import assessment_objections, operations, silences
from casework.assessment_interruptions import Announcement, announce
from casework.consequences.publication import Published, on_published
from casework.photos import Photo
from casework.report_seal import seal
from casework.silences import Asked
from domain.operations import Alert, SilenceKind
from domain.parties import Actor, Role, User
from domain.time import SHANGHAI
from store.assessments import InterruptionKind
from store.ports import Session
from store.registers import Wanted
from tests.unit.web.kitchen import CAMERA, MERCHANT, OTHER, Kitchen, photo
from web import WebSettings
from web.auth import hash_token

AT = datetime(2026, 12, 1, 10, tzinfo=SHANGHAI)
ANYBODY = "anybody"
PEOPLE = {
    "merchant": Role.MERCHANT,
    "staff": Role.STAFF,
    "inspector": Role.INSPECTOR,
    "supervisor": Role.SUPERVISOR,
    "department": Role.DEPARTMENT,
}
STRANGERS = {"neighbour": Role.MERCHANT, "faraway": Role.INSPECTOR}
"""Of the same role, and of another merchant or region."""


@dataclass
class World:
    """The site with its people signed in."""

    kitchen: Kitchen
    run: str = ""
    task: str = ""
    measure: str = ""
    _clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    _count: Any = field(default_factory=itertools.count)

    @classmethod
    def made(cls, database: Path, directory: Path) -> World:
        """Everybody is signed in, a month is assessed, its inspections are drawn."""
        settings = WebSettings(
            push_hosts=("push.example.org",), vapid_public_key="B" * 87, device_rate=10_000.0, monitoring_token="m" * 32
        )
        kitchen = Kitchen.copied(database, directory, settings=settings)
        kitchen.clock.at = AT
        parts = replace(kitchen.app.state.parts, seal=partial(seal, key=Ed25519PrivateKey.generate()))
        kitchen.app.state.parts = parts
        world = cls(kitchen)
        world._sign_in()
        with kitchen.store.reading() as uow:
            merchant = uow.merchants.get(MERCHANT)
            assert merchant is not None
        world.run = kitchen.assessor.begin(merchant.scheme, "2026-11", AT, actor=world.actor("supervisor")).id
        kitchen.assessor.drive(world.run, AT)
        published = [Published(uscc=uscc, scheme="zhenhai", month="2026-10", grade="red") for uscc in (MERCHANT, OTHER)]
        kitchen.office.bureau.do(lambda work: on_published(work, published, AT))
        kitchen.office.sweep(kitchen.clock.forward(minutes=11))
        return world

    def _sign_in(self) -> None:
        department = User(id="office", login="office", name="教育局", role=Role.DEPARTMENT, department="education")
        with self.kitchen.store.writing() as uow:
            uow.users.put(department, password_hash="none")
            for login in (*PEOPLE, *STRANGERS):
                user = department if login == "department" else uow.users.by_login(login)[0]  # type: ignore[index]
                session = Session(
                    token_hash=hash_token(f"token-{login}"),
                    user_id=user.id,
                    csrf="csrf",
                    created_at=AT,
                    expires_at=AT + timedelta(days=365),
                )
                uow.users.add_session(session)
            uow.commit()

    def client(self, who: str) -> httpx.AsyncClient:
        """Somebody's program."""
        if who == ANYBODY:
            return self.kitchen.client()  # without the cookies of an earlier call
        if who not in self._clients:
            self._clients[who] = self.kitchen.client()
            self._clients[who].headers["Authorization"] = f"Bearer token-{who}"
        return self._clients[who]

    def actor(self, login: str) -> Actor:
        with self.kitchen.store.reading() as uow:
            found = uow.users.by_login(login)
        assert found is not None
        return Actor.of(found[0])

    # one of every object

    def warning(self, wanted: str = "") -> str:
        """A warning of its own, in a state from which a command is possible."""
        office, now = self.kitchen.office, self.kitchen.clock()
        warning = self.kitchen.raise_camera(zone=f"zone{next(self._count)}")
        merchant, inspector = self.actor("merchant"), self.actor("inspector")
        if wanted in ("start", "extend"):
            office.acknowledge(warning, merchant, now)
        if wanted in ("verify", "control"):
            office.submit(warning, self.actor("staff"), "", [Photo(data=photo(), media_type="image/jpeg")], now)
        if wanted in ("reopen", "deduction"):
            office.file_case(warning, inspector, "立案", now)
        return warning

    def finding(self) -> str:
        """A finding in review."""
        return self.kitchen.raise_camera(class_="no_hat", zone=f"zone{next(self._count)}", automatic=False)

    def picture(self, finding_id: str) -> str:
        with self.kitchen.store.reading() as uow:
            found = uow.findings.get(finding_id)
        assert found is not None
        return found[0].evidence[0].sha256

    def evidence(self) -> str:
        with self.kitchen.store.reading() as uow:
            return uow.evidence.of(self.warning())[0].id

    def deduction(self) -> str:
        """A proposed deduction."""
        warning = self.warning("deduction")
        with self.kitchen.store.reading() as uow:
            (entry,) = uow.deductions.of_warning(warning)
        return entry.id

    def objection(self) -> str:
        """An objection to the month's result, or the one there is."""
        with self.kitchen.store.reading() as uow:
            found = uow.assessments.objections(uscc=MERCHANT)
        if found:
            return found[0].id
        filed = assessment_objections.file(
            self.kitchen.assessor, self.run, self.actor("merchant"), "有误", self.kitchen.clock(), facts=[]
        )
        return filed.id

    def operation(self) -> str:
        """An operational warning about the merchant's camera."""
        at = self.kitchen.clock()
        alert = Alert(
            fingerprint=f"f{next(self._count)}",
            name="CameraBlurred",
            severity="warning",
            summary="blurred",
            began_at=at,
            labels={"device": CAMERA},
        )
        self.kitchen.office.bureau.do(lambda work: operations.take(work, [alert], at))
        with self.kitchen.store.reading() as uow:
            found = uow.operations.open_with(alert.fingerprint)
        assert found is not None
        return found.id

    def closure(self) -> str:
        """Closed days that the merchant has announced."""
        begins = self.kitchen.clock() + timedelta(days=next(self._count) + 1)
        told = Announcement(
            kind=InterruptionKind.CLOSURE, began_at=begins, ended_at=begins + timedelta(hours=8), reason="店休", uscc=MERCHANT
        )
        return announce(self.kitchen.store, told, self.actor("merchant"), self.kitchen.clock()).id

    def silence(self) -> str:
        """A silence that holds something back now."""
        at = self.kitchen.clock()
        asked = Asked(kind=SilenceKind.MAINTENANCE, reason="检修", ends_at=at + timedelta(hours=1), name="NoSuchAlert")
        actor = self.actor("supervisor")
        return self.kitchen.office.bureau.do(lambda work: silences.begin(work, asked, actor, at)).id

    def case(self, kind: str) -> str:
        """A case of a kind, or one that is not there."""
        bureau = self.kitchen.office.bureau
        for told in bureau.find(kind, self.actor("supervisor"), Wanted(limit=None)):
            if told.filed.uscc == MERCHANT:
                return str(told.filed.case.id)
        return "none"


Make = Callable[[], str]


def parameters(world: World, method: str, path: str) -> dict[str, str]:
    """A value for each placeholder of a path, about the one merchant."""
    verb = path.rpartition("/")[2] if method == "POST" else ""
    makers: dict[str, Make] = {
        "{warning_id}": lambda: world.warning(verb),
        "{finding_id}": world.finding,
        "{evidence_id}": world.evidence,
        "{deduction_id}": world.deduction,
        "{uscc}": lambda: MERCHANT,
        "{run_id}": lambda: world.run,
        "{objection_id}": world.objection,
        "{kind}": lambda: "tasks",
        "{what}": lambda: "declarations",
        "{verb}": lambda: "start",
        "{case_id}": lambda: world.case("measures" if "/measures/" in path else "tasks"),
        "{region}": lambda: "330211",
        "{operation_id}": world.operation,
        "{silence_id}": world.silence,
        "{interruption_id}": world.closure,
        "{department}": lambda: "tax",
        "{register}": lambda: "certificates",
        "{name}": lambda: "none",
    }
    found = {name: make() for name, make in makers.items() if name in path}
    if "{sha256}" in path:
        found["{sha256}"] = world.picture(found["{finding_id}"])
    return found


def filled(path: str, values: dict[str, str]) -> str:
    """A path with its placeholders filled."""
    for name, value in values.items():
        path = path.replace(name, value)
    return path


def sample(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:  # noqa: PLR0911 - one answer per kind of schema
    """The smallest value that a schema takes."""
    if "$ref" in schema:
        return sample(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return sample(schema["anyOf"][0], schemas)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: sample(schema["properties"][name], schemas) for name in schema.get("required", ())}
        case "array":
            return []
        case "boolean":
            return True
        case "integer" | "number":
            return max(1, schema.get("minimum", 1))
        case _:
            return "x" * max(1, schema.get("minLength", 1))
