"""The pages without a browser: words in both languages, what each role is offered, forms, safety of the markup."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo

from domain.deductions import DeductionState
from domain.errors import Code
from domain.events import DeadLetter
from domain.findings import EvidenceKind, Reason, ReasonCode
from domain.parties import BusinessForm, Role
from domain.warnings import Disposition, State
from tests.unit.web.kitchen import MERCHANT, PASSWORDS, Kitchen, photo
from web import catalogue, names
from web.language import choose, load_languages, translator
from web.rendering import asset

CHINESE = re.compile("[\u3400-\u9fff]+")
TAGS = re.compile(r"<script.*?</script>|<[^>]+>", re.DOTALL)
NAMES_OF_THINGS = {
    "中文",
    "王师傅",
    "陈科长",
    "李检查员",
    "小赵",
    "林老板",
    "周检查员",
    "老街卤味坊",
    "象山卤肉坊",
    "卤牛肉",
    "后厨摄像头",
    "追溯秤",
}


def visible(html: str) -> str:
    return unescape(TAGS.sub(" ", html))


async def filled(kitchen: Kitchen) -> dict[str, str]:
    """A site where every page has something to show; the pages by name."""
    warning, expired = kitchen.raise_camera(), kitchen.raise_expired()
    kitchen.raise_camera(class_="rodent", automatic=False)
    merchant, inspector = await kitchen.bearer("merchant"), await kitchen.bearer("inspector")
    files = {"photos": ("a.jpg", photo(), "image/jpeg")}
    await merchant.post(f"/api/v1/warnings/{warning}/submit", data={"note": "done"}, files=files)
    await inspector.post(f"/api/v1/warnings/{expired}/file_case", json={"reason": "case"})
    letter = DeadLetter(key="1", source="http", code="E050", reason="E050: x", received_at=kitchen.clock(), raw=b"{}")
    kitchen.office.take_dead_letter(letter, kitchen.clock())
    kitchen.clock.forward(hours=25)
    kitchen.office.sweep(kitchen.clock())
    return {
        "home": "/",
        "overdue": "/?view=overdue",
        "closed": "/?view=closed",
        "warning": f"/warnings/{warning}",
        "expired": f"/warnings/{expired}",
        "ledger": f"/merchants/{MERCHANT}",
        "merchants": "/merchants",
        "review": "/review",
        "letters": "/dead-letters",
        "devices": "/devices",
        "offline": "/offline",
        "nothing": "/nothing",
    }


async def test_in_english_nothing_chinese_is_left_but_names(kitchen: Kitchen) -> None:
    pages = await filled(kitchen)
    for login in ("merchant", "supervisor"):
        client = await kitchen.bearer(login)
        for name, path in pages.items():
            html = (await client.get(path, headers={"Accept-Language": "en-GB,en;q=0.9"}, params={"lang": "en"})).text
            words = set(CHINESE.findall(visible(html)))
            attributes = set(
                CHINESE.findall(" ".join(re.findall(r'(?:aria-label|placeholder|title|data-word-\w+)="([^"]*)"', html)))
            )
            assert words | attributes <= NAMES_OF_THINGS, (login, name)
    async with kitchen.client() as client:
        assert set(CHINESE.findall(visible((await client.get("/sign-in?lang=en")).text))) == {"中文"}


async def test_in_chinese_the_pages_say_so(kitchen: Kitchen) -> None:
    pages = await filled(kitchen)
    client = await kitchen.bearer("supervisor")
    for name, path in pages.items():
        answer = await client.get(path)
        assert '<html lang="zh-CN"' in answer.text, name
        assert len(CHINESE.findall(visible(answer.text))) > 5, name


@pytest.mark.parametrize(
    ("query", "cookie", "user", "accept", "chosen"),
    [
        (None, None, None, "", "zh"),
        (None, None, None, "fr;q=0.9, en;q=0.8", "en"),
        (None, None, None, "en;q=0.5, zh-TW", "zh"),
        (None, None, "zh", "en", "zh"),
        (None, "en", "zh", "zh", "en"),
        ("zh", "en", "en", "en", "zh"),
        ("fr", None, None, "de", "zh"),
        (None, None, None, "en;q=bad", "zh"),
    ],
)
def test_the_language_is_chosen_in_its_order(
    query: str | None, cookie: str | None, user: str | None, accept: str, chosen: str
) -> None:
    assert choose(load_languages(), query=query, cookie=cookie, user=user, accept=accept) == chosen


async def test_a_language_asked_for_before_signing_in_is_kept(kitchen: Kitchen) -> None:
    async with kitchen.client() as client:
        away = await client.get("/?lang=en")
        assert away.headers["location"] == "/sign-in?lang=en"
        assert '<html lang="en"' in (await client.get(away.headers["location"])).text


async def test_a_language_asked_for_is_remembered(kitchen: Kitchen) -> None:
    async with kitchen.client() as client:
        assert 'lang="en"' in (await client.get("/sign-in?lang=en")).text
        assert '<html lang="en"' in (await client.get("/sign-in")).text


def test_every_message_of_the_sources_has_an_english_translation() -> None:
    kept, wanted = catalogue.read(), catalogue.extract()
    wanted_ids = {message.id for message in wanted if message.id}
    missing = [one for one in wanted_ids if kept.get(one) is None or not catalogue.translated(kept.get(one))]
    assert missing == [], "run python -m web.catalogue and translate what it prints"
    assert {message.id for message in kept if message.id} == wanted_ids, "the catalogue has messages nobody says"
    for message in kept:
        if message.id and isinstance(message.id, str):
            holes = sorted(re.findall(r"%\(\w+\)s", message.id))
            assert sorted(re.findall(r"%\(\w+\)s", str(message.string))) == holes, message.id


def test_the_compiled_catalogue_is_in_step_with_the_text() -> None:
    _, compiled = catalogue.paths()
    with compiled.open("rb") as file:
        made = read_mo(file)

    def said(messages: Catalog) -> list[tuple[list[str], list[str]]]:
        return sorted((forms(message.id), forms(message.string)) for message in messages if message.id)

    def forms(words: object) -> list[str]:
        return [words] if isinstance(words, str) else list(words)  # type: ignore[call-overload]

    assert said(made) == said(catalogue.read())


@pytest.mark.parametrize(
    ("closed_set", "named"),
    [
        (State, names.STATES),
        (State, names.STEPS),
        (Disposition, names.DISPOSITIONS),
        (DeductionState, names.DEDUCTION_STATES),
        (Role, names.ROLES),
        (BusinessForm, names.FORMS),
        (EvidenceKind, names.EVIDENCE),
        (Code, names.BAD_INPUT),
    ],
)
def test_every_word_of_a_closed_set_has_a_name(closed_set: type, named: dict[str, str]) -> None:
    assert {word.value for word in closed_set} <= set(named)  # type: ignore[attr-defined]


def test_notifications_have_a_translator_for_every_locale() -> None:
    assert translator("en")("红色预警") == "Red warning"
    assert translator("zh")("红色预警") == "红色预警"
    assert translator("fr")("红色预警") == "红色预警"


BUTTONS = (
    ("merchant", {"acknowledge", "submit"}),
    ("staff", {"submit"}),
    ("inspector", {"dismiss", "file_case"}),
    ("supervisor", {"dismiss", "file_case"}),
)


@pytest.mark.parametrize(("login", "expected"), BUTTONS)
async def test_each_role_is_offered_what_it_may_do(kitchen: Kitchen, login: str, expected: set[str]) -> None:
    warning = kitchen.raise_camera()
    client = await kitchen.bearer(login)
    html = (await client.get(f"/warnings/{warning}")).text
    assert set(re.findall(rf'action="/warnings/{warning}/(\w+)"', html)) == expected
    for verb in expected - {"submit"}:
        token = re.search(r'name="csrf" value="([^"]+)"', html)
        assert token
        answer = await client.post(f"/warnings/{warning}/{verb}", data={"note": "reason", "csrf": token[1]})
        assert answer.status_code == 303, (verb, answer.text)
        break


async def test_signing_in_by_the_form_leads_on_and_never_elsewhere(kitchen: Kitchen) -> None:
    warning = kitchen.raise_camera()
    async with kitchen.client() as client:
        assert (await client.get("/")).headers["location"] == "/sign-in"
        asked = await client.get(f"/warnings/{warning}")
        assert asked.headers["location"] == f"/sign-in?following=/warnings/{warning}"
        for wish, led in (
            (f"/warnings/{warning}", f"/warnings/{warning}"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
        ):
            form = {"user": "merchant", "password": PASSWORDS["merchant"], "following": wish}
            assert (await client.post("/sign-in", data=form)).headers["location"] == led
        page = (await client.get("/")).text
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        assert token
        assert (await client.post("/sign-out", data={"csrf": "wrong"})).status_code == 403
        assert (await client.post("/sign-out", data={"csrf": token[1]})).headers["location"] == "/sign-in"
        assert (await client.get("/")).headers["location"] == "/sign-in"


async def test_a_wrong_password_is_said_in_words(kitchen: Kitchen) -> None:
    async with kitchen.client() as client:
        answer = await client.post("/sign-in?lang=en", data={"user": "merchant", "password": "no"})
    assert answer.status_code == 401
    assert "The user name or the password is not right." in answer.text
    assert 'value="merchant"' in answer.text


async def test_a_refused_button_is_explained_on_the_page(kitchen: Kitchen) -> None:
    warning = kitchen.raise_camera()
    inspector = await kitchen.bearer("inspector")
    await inspector.post(f"/api/v1/warnings/{warning}/dismiss", json={"reason": "plush cat"})
    answer = await inspector.post(f"/warnings/{warning}/dismiss", data={"note": "again"})
    assert answer.status_code == 409
    assert "当前状态不能进行此操作" in answer.text
    empty = await inspector.post(f"/warnings/{warning}/reopen", data={"note": "  "})
    assert empty.status_code == 422
    assert "请写明理由" in empty.text


async def test_the_clocks_are_absolute_instants_with_the_time_left(kitchen: Kitchen) -> None:
    kitchen.raise_expired()
    merchant = await kitchen.bearer("merchant")
    kitchen.clock.forward(hours=1)
    html = (await merchant.get("/")).text
    assert 'datetime="2026-11-21T11:00:00.000+08:00"' in html
    assert "23:00:00" in html
    kitchen.clock.forward(hours=24)
    html = (await merchant.get("/")).text
    assert "−01:00:00" in html
    assert re.search(r'class="tile is-over"[^>]*><b>1<', html), "and it is counted as overdue"


async def test_the_most_urgent_comes_first(kitchen: Kitchen) -> None:
    first = kitchen.raise_expired()
    kitchen.raise_camera(class_="phone_use")
    kitchen.clock.forward(hours=1)
    second = kitchen.raise_camera()
    client = await kitchen.bearer("inspector")
    order = re.findall(r'<article class="card[^"]*" id="warning-([^"]+)"', (await client.get("/")).text)
    assert order[:2] == [first, second]
    assert len(order) == 3, "an ordinary warning has no 24 hours and comes last"


async def test_looking_at_the_list_or_a_fragment_is_no_delivery_and_opening_the_page_is(kitchen: Kitchen) -> None:
    warning = kitchen.raise_camera()
    merchant = await kitchen.bearer("merchant")
    for path in ("/", f"/fragments/warnings/{warning}", f"/fragments/warnings/{warning}/page"):
        await merchant.get(path)
        with kitchen.store.reading() as uow:
            assert uow.warnings.get(warning).notified_at is None, path  # type: ignore[union-attr]
    await merchant.get(f"/warnings/{warning}")
    with kitchen.store.reading() as uow:
        assert uow.warnings.get(warning).notified_at == kitchen.clock()  # type: ignore[union-attr]


async def test_the_ledger_explains_each_point_and_takes_an_objection(kitchen: Kitchen) -> None:
    warning = kitchen.raise_expired()
    kitchen.clock.forward(hours=25)
    kitchen.office.sweep(kitchen.clock())
    merchant = await kitchen.bearer("merchant")
    await merchant.get(f"/warnings/{warning}")
    inspector = await kitchen.bearer("inspector")
    await inspector.post(f"/api/v1/warnings/{warning}/file_case", json={"reason": "case"})
    html = (await merchant.get(f"/merchants/{MERCHANT}?lang=en")).text
    for words in ("Product expired, on sale", "Base 15", "Objection until", "How to regain it", f"/warnings/{warning}"):
        assert words in html, words
    action = re.search(r'action="(/deductions/[^"]+/object)"', html)
    assert action
    assert (await merchant.post(action[1], data={"note": "标签贴错"})).status_code == 303
    html = (await merchant.get(f"/merchants/{MERCHANT}?lang=en")).text
    assert "Objected" in html
    assert "/object" not in html


async def test_what_people_write_is_text_and_never_markup(kitchen: Kitchen) -> None:
    warning = kitchen.raise_camera()
    merchant, inspector = await kitchen.bearer("merchant"), await kitchen.bearer("inspector")
    evil = "<img src=x onerror=alert(1)>"
    files = {"photos": ("a.jpg", photo(), "image/jpeg")}
    await merchant.post(f"/api/v1/warnings/{warning}/submit", data={"note": evil}, files=files)
    html = (await inspector.get(f"/warnings/{warning}")).text
    assert evil not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


async def test_pages_carry_a_strict_policy_and_no_inline_code(kitchen: Kitchen) -> None:
    pages = await filled(kitchen)
    client = await kitchen.bearer("supervisor")
    for name, path in pages.items():
        answer = await client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=|javascript:|https?://(?!kitchen\.test)", answer.text), name


async def test_static_files_may_be_kept_and_the_shell_is_whole(kitchen: Kitchen) -> None:
    async with kitchen.client() as client:
        answer = await client.get(asset("app.css"))
        assert "immutable" in answer.headers["cache-control"]
        worker = await client.get("/sw.js")
        assert worker.headers["content-type"].startswith("text/javascript")
        for path in re.findall(r'"(/static/[^"]+)"', worker.text):
            assert (await client.get(path)).status_code == 200, path
        manifest = (await client.get("/manifest.webmanifest?lang=en")).json()
        assert manifest["name"] == "Bright Kitchen"
        for icon in manifest["icons"]:
            image = await client.get(icon["src"])
            assert image.headers["content-type"] == "image/png"


async def test_a_reason_without_its_parameters_still_makes_a_page(kitchen: Kitchen) -> None:
    warning = kitchen.raise_expired()
    with kitchen.store.writing() as uow:
        found = uow.warnings.get(warning)
        assert found is not None
        changed = {**{name: getattr(found, name) for name in found.__slots__}, "why": Reason(code=ReasonCode.MANUAL)}
        uow.warnings.save(type(found)(**{**changed, "version": found.version + 1}), expected_version=found.version)
        uow.commit()
    client = await kitchen.bearer("inspector")
    assert (await client.get(f"/warnings/{warning}")).status_code == 200


async def test_a_merchant_finds_no_official_pages(kitchen: Kitchen) -> None:
    client = await kitchen.bearer("merchant")
    for path in ("/review", "/dead-letters", "/merchants"):
        answer = await client.get(path)
        assert answer.status_code == 403, path
        assert "您没有权限" in answer.text


async def test_dead_letters_of_other_regions_stay_there(kitchen: Kitchen) -> None:
    now = kitchen.clock()
    for key, uscc in (("own", MERCHANT), ("unknown", ""), ("other", "92330225MA2XHK067M")):
        letter = DeadLetter(key=key, source="http", code="E050", reason="x", received_at=now, raw=b"\xff", uscc=uscc)
        kitchen.office.take_dead_letter(letter, now + timedelta())
    client = await kitchen.bearer("inspector")
    items = (await client.get("/api/v1/dead-letters")).json()["items"]
    assert {item["key"] for item in items} == {"own", "unknown"}
    assert (await client.get("/api/v1/dead-letters?code=E001")).json()["items"] == []
    merchant = await kitchen.bearer("merchant")
    assert (await merchant.get("/api/v1/dead-letters")).status_code == 403
