"""The provincial register over real HTTP: what it says becomes a fact, and what it does not say is said in the report."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from alerts.channels.fetch import Fetcher
from casework.assessment_provincial import Asked, Outcome, Province, Surroundings, read_answer
from casework.assessment_rating import Rater
from casework.indicators import Told, gather
from casework.report import report
from configs.assessment_files import Sourcing
from configs.connector_files import ProvincialEntry, ProvincialTerms
from credit.rating.value import RatedScheme
from domain.errors import BadInput
from store.assessments import Fact
from tests.unit.casework.assessing import CUT, GOOD, IN_WINDOW, MONTH, USCC, Place, at, configuration, merchant, place, record

OTHER = "92330225MA2XHK067M"
NOW = at(25, 9)
ANSWER = {"data": {"score": 873, "evaluated": "2026-11-20"}, "uscc": USCC}


class Register(ThreadingHTTPServer):
    """A register that answers what a test wants: status, body, headers, how long it thinks."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.answers: list[tuple[int, bytes, dict[str, str], float]] = []
        self.asked: list[tuple[str, dict[str, str]]] = []

    def will(self, status: int = 200, body: Any = b"", *, headers: dict[str, str] | None = None, after_s: float = 0) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append((status, raw, headers or {}, after_s))


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Any = self.server
        server.asked.append((self.path, dict(self.headers)))
        status, body, headers, after_s = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
        time.sleep(after_s)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def register() -> Iterator[Register]:
    server = Register()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as found:
        found.register()
        yield found


def terms(register: Register, **changes: Any) -> ProvincialTerms:
    known = {
        "url": f"http://127.0.0.1:{register.server_port}/credit/{{uscc}}",
        "timeout_seconds": 0.3,
        "fields": {"score": "data.score", "scored_on": "data.evaluated", "uscc": "uscc"},
    }
    return ProvincialEntry.model_validate(known | changes).value()


class Asking:
    """A connector at an instant, and how long it waited."""

    def __init__(self, here: Place, register: Register, **changes: Any) -> None:
        self.here, self.terms, self.now = here, terms(register, **changes), NOW
        self.waited: list[float] = []

    async def pause(self, seconds: float) -> None:
        self.waited.append(seconds)

    async def round(self) -> list[Asked]:
        fetcher = Fetcher(timeout=self.terms.timeout)
        try:
            around = Surroundings(get=fetcher.get, pause=self.pause, clock=lambda: self.now, secret="s3cret")
            return await Province(self.here.store, configuration().ratings, self.terms, around).round()
        finally:
            await fetcher.aclose()

    def told(self) -> list[Fact]:
        with self.here.store.reading() as uow:
            return uow.assessments.facts_of([USCC], "zhenhai", month=MONTH, recorded_before=CUT)


async def test_a_score_becomes_a_fact_of_its_day_and_rates_the_month(here: Place, register: Register) -> None:
    register.will(200, ANSWER)
    here.tell(GOOD)
    asking = Asking(here, register)
    assert await asking.round() == [Asked(USCC, Outcome.TOLD, "2026-11-20", "873")]
    path, headers = register.asked[0]
    assert (path, headers["Authorization"]) == (f"/credit/{USCC}", "Bearer s3cret")
    (fact,) = [fact for fact in asking.told() if fact.fact == "provincial_score"]
    assert (fact.value, fact.observed_at, fact.origin) == ("873", at(20, 0), "connector:provincial")
    run = here.run(IN_WINDOW)
    content = report(here.assessor, run.id, USCC)
    assert [reason["code"] for reason in content["reasons"]] == []  # level P is the province's, nothing stands for it
    assert await asking.round() == []  # it is asked again in a week
    asking.now += timedelta(days=7)
    assert await asking.round() == [Asked(USCC, Outcome.KNOWN, "2026-11-20", "873")]


LONG, SHORT = {"Retry-After": "61"}, {"Retry-After": "7"}
FAILURES: list[tuple[str, dict[str, Any], Outcome, str, int, list[float]]] = [
    ("it refuses us", {"status": 401}, Outcome.REFUSED, "refused", 1, []),
    ("it does not know the merchant", {"status": 404}, Outcome.UNKNOWN_MERCHANT, "gone", 1, []),
    ("it has a problem of its own, three times", {"status": 500}, Outcome.UNREACHABLE, "unavailable", 3, [2, 10]),
    ("it asks for too long a pause", {"status": 429, "headers": LONG}, Outcome.UNREACHABLE, "rate_limited", 1, []),
    ("it asks for seven seconds, twice", {"status": 429, "headers": SHORT}, Outcome.UNREACHABLE, "rate_limited", 3, [7, 7]),
    ("it says nothing in time", {"after_s": 0.5, "body": ANSWER}, Outcome.UNREACHABLE, "timeout", 3, [2, 10]),
    ("it leads elsewhere", {"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}}, Outcome.REFUSED, "refused", 1, []),
    ("it says nonsense", {"body": b"<html>"}, Outcome.INVALID, "answer: the answer is no JSON", 1, []),
    ("it says no end of things", {"body": b" " * 70_000}, Outcome.INVALID, "too_large", 1, []),
]  # fmt: skip


@pytest.mark.parametrize(("why", "answer", "outcome", "detail", "attempts", "waited"), FAILURES, ids=[row[0] for row in FAILURES])
async def test_what_cannot_be_had_is_written_down_and_said_in_the_reasons(
    here: Place,
    register: Register,
    why: str,
    answer: dict[str, Any],
    outcome: Outcome,
    detail: str,
    attempts: int,
    waited: list[float],
) -> None:
    register.will(**answer)
    asking = Asking(here, register)
    assert await asking.round() == [Asked(USCC, outcome, detail)], why
    assert (len(register.asked), asking.waited) == (attempts, waited), why
    assert asking.told() == [], why
    with here.store.reading() as uow:
        tried = uow.assessments.tries("provincial", [USCC], before=CUT)[USCC]
    assert (tried.outcome, tried.detail) == (outcome, detail), why
    told = Told(tried=tried)
    gathered = gather(record(), told, scheme(), Sourcing(), provincial_age=timedelta(days=35))
    (reason,) = [
        each for each in Rater(scheme()).rating(gathered.facts, gathered.origins).reasons if each.code == "local_fallback"
    ]
    assert "asked at 2026-11-25 09:00: the provincial register" in reason.text.render("en"), why
    assert "省平台" in reason.text.render("zh"), why


def scheme() -> RatedScheme:
    return configuration().ratings["zhenhai"]


async def test_after_a_pause_it_answers(here: Place, register: Register) -> None:
    register.will(429, headers={"Retry-After": "3"})
    register.will(503)
    register.will(200, ANSWER)
    asking = Asking(here, register)
    assert [one.outcome for one in await asking.round()] == [Outcome.TOLD]
    assert asking.waited == [3, 10]


async def test_a_register_that_is_down_rests_and_is_not_asked_about_everybody(here: Place, register: Register) -> None:
    here.register(merchant(), merchant(uscc=OTHER, region="330225"))
    register.will(500)
    asking = Asking(here, register)
    assert [one.outcome for one in await asking.round()] == [Outcome.UNREACHABLE]  # the second was not asked about
    assert await asking.round() == []
    run = here.run(IN_WINDOW)
    for uscc in (USCC, OTHER):  # but both reports say why
        reasons = report(here.assessor, run.id, uscc)["reasons"]
        assert any("could not be reached" in each["en"] for each in reasons)
    register.answers.clear()
    register.will(404)
    asking.now += timedelta(minutes=30)
    assert [(one.uscc, one.outcome) for one in await asking.round()] == [(OTHER, Outcome.UNKNOWN_MERCHANT)]
    assert await asking.round() == []  # the first waits for a day, the second too


async def test_another_score_of_the_same_day_is_left_to_a_person(here: Place, register: Register) -> None:
    register.will(200, ANSWER)
    asking = Asking(here, register)
    await asking.round()
    register.answers.clear()
    register.will(200, {**ANSWER, "data": {"score": "640", "evaluated": "2026-11-20"}})
    asking.now += timedelta(days=7)
    assert [one.outcome for one in await asking.round()] == [Outcome.CONTRADICTS]
    assert [fact.value for fact in asking.told()] == ["873"]


READ: list[tuple[str, Any, str | None]] = [
    ("a whole number", {"score": 873}, "873"),
    ("a text with decimals", {"score": " 873.55 "}, "873.55"),
    ("the most there is", {"score": 1000}, "1000"),
    ("none at all", {"score": 0}, "0"),
    ("more than there is", {"score": 1000.01}, None),
    ("less than nothing", {"score": -1}, None),
    ("a word", {"score": "good"}, None),
    ("yes", {"score": True}, None),
    ("no number", {"score": float("nan")}, None),
    ("without end", {"score": float("inf")}, None),
    ("nothing", {"score": None}, None),
    ("of tomorrow", {"evaluated": "2026-11-26"}, None),
    ("of an instant of today", {"evaluated": "2026-11-25T08:00:00+08:00"}, "873"),
    ("of no day", {"evaluated": "2026-11-31"}, None),
    ("without a day", {"evaluated": None}, None),
]


@pytest.mark.parametrize(("why", "changes", "score"), READ, ids=[row[0] for row in READ])
def test_only_a_score_that_can_be_is_read(why: str, changes: dict[str, Any], score: str | None) -> None:
    known = ProvincialTerms(score="data.score", scored_on="data.evaluated")
    body = json.dumps({**ANSWER, "data": {**ANSWER["data"], **changes}}).encode()  # type: ignore[dict-item]
    if score is None:
        with pytest.raises(BadInput):
            read_answer(body, USCC, known, NOW)
    else:
        assert read_answer(body, USCC, known, NOW).score == Decimal(score), why


def test_an_answer_about_somebody_else_is_not_taken() -> None:
    body = json.dumps({"score": 1, "scored_on": "2026-11-01", "uscc": OTHER}).encode()
    with pytest.raises(BadInput):
        read_answer(body, USCC, ProvincialTerms(), NOW)
    assert read_answer(body, USCC, ProvincialTerms(uscc=""), NOW).score == 1


def test_an_old_score_falls_back_to_the_local_indicators(here: Place) -> None:
    for day, falls_back in (("2026-10-26", True), ("2026-10-27", False)):  # 35 days before 1 December is 27 October
        here.tell({"provincial_score": "900"}, at=at(28, 0, month=10), month="2026-10", until="open", observed_at=day)
        codes = [reason.code for reason in here.assessor.live(USCC, CUT - timedelta(microseconds=2)).reasons]
        assert ("local_fallback" in codes) == falls_back, day


def test_the_address_names_the_merchant_and_nothing_else() -> None:
    for url in ("https://province.example/score", "https://province.example/{uscc}/{id}"):
        with pytest.raises(ValueError, match="uscc"):
            ProvincialEntry(url=url)
