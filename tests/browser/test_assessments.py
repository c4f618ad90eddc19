"""The pages of the monthly assessment: a merchant's month, an objection, its decision, publication."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Browser, expect

from casework.report_seal import seal
from domain.time import local
from domain.warnings import AuditEntry
from store import open_store
from tests.browser.month import MONTH, OWNER, Roll, Street, assessed, cheap_hash, owner_of
from tests.browser.site import Site, served
from tests.browser.test_pages import DESKTOP, PHONE, Screen, screen
from tests.unit.web.kitchen import MERCHANT, PASSWORDS, make_database, roll

pytestmark = [pytest.mark.browser, pytest.mark.service]


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Street]:
    database = make_database(tmp_path_factory.mktemp("month"))
    store = open_store(f"sqlite:///{database}")
    made = assessed(store)
    store.close()
    return database, made


@pytest.fixture
def site(street: tuple[Path, Street], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Served on a day inside the objection window; the owner of the first shop may sign in."""
    database, made = street
    monkeypatch.setitem(PASSWORDS, OWNER, "owner-demo")
    with served(database, tmp_path) as site:
        clock = site.kitchen.clock
        clock.forward(seconds=(made.in_window - clock()).total_seconds())
        known = roll()
        (cook,) = (user for user in known.users if user.login == "merchant")
        users = (*known.users, owner_of(made.merchants[0], cook))
        people = Roll((*known.merchants, *made.merchants), known.devices, users)
        site.kitchen.office.register(people, clock(), password_hashes={OWNER: cheap_hash("owner-demo")})
        sealing = partial(seal, key=Ed25519PrivateKey.generate())
        site.kitchen.app.state.parts = replace(site.kitchen.app.state.parts, seal=sealing)
        yield site


@pytest.mark.parametrize(
    ("language", "viewport"), [("zh-CN", DESKTOP), ("en-GB", PHONE)], ids=["desktop in Chinese", "phone in English"]
)
def test_the_pages_of_the_month_are_readable_and_axe_finds_nothing(
    browser: Browser, site: Site, street: tuple[Path, Street], tmp_path: Path, language: str, viewport: dict[str, int]
) -> None:
    made = street[1]
    shop = made.merchants[0].uscc
    walks = (
        (OWNER, [f"/scores/{shop}", f"/scores/{shop}/items/36?run={made.run_id}"]),
        ("merchant", [f"/scores/{MERCHANT}"]),
        ("supervisor", ["/assessments", f"/assessments/{made.run_id}", "/assessments/preview?scheme=zhenhai", "/merchants"]),
    )
    for login, paths in walks:
        with screen(browser, site, language=language, viewport=viewport, bypass_csp=True) as one:
            one.sign_in(login)
            for path in paths:
                one.go(f"{path}{'&' if '?' in path else '?'}lang={language[:2]}")
                if path.startswith("/scores") and "items" not in path:
                    expect(one.page.locator("#so-far")).to_be_visible()
                assert one.violations() == [], path
                assert one.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is too wide"
                name = path.split("?")[0].strip("/").replace("/", "-")[:24]
                one.page.screenshot(path=tmp_path / f"{login}-{name}.png", full_page=True)


def test_an_objection_is_filed_upheld_by_another_and_the_month_published_by_keyboard(
    browser: Browser, site: Site, street: tuple[Path, Street]
) -> None:
    made, clock = street[1], site.kitchen.clock
    shop, neighbour = made.merchants[0].uscc, made.merchants[1].uscc
    with screen(browser, site, viewport=DESKTOP) as owner, screen(browser, site, viewport=DESKTOP) as leader:
        page = owner.page
        owner.sign_in(OWNER)
        page.get_by_role("link", name="月度信用").first.click()
        before = float(page.locator("#month-score").inner_text())
        object_to(owner, shop, "indicators.I02", "标准培训记录已补交，请复核")
        object_to(owner, shop, "indicators.I05", "停电导致离线")
        expect(page.locator(".objection-open")).to_have_count(2)
        for other in (f"/scores/{neighbour}", f"/api/v1/assessments/{made.run_id}/merchants/{neighbour}/report?form=pdf"):
            assert page.request.get(site.url + other).status == 404, other
        own = page.request.get(site.url + str(page.get_by_role("link", name="PDF 报告").first.get_attribute("href")))
        assert (own.status, own.body()[:5]) == (200, b"%PDF-")

        desk = leader.page
        leader.sign_in("supervisor")
        leader.go(f"/assessments/{made.run_id}")
        expect(desk.locator(".objection-open")).to_have_count(2)
        expect(desk.get_by_role("link", name="核对并发布")).to_have_count(0)
        first = desk.locator(".objection", has_text="标准培训记录")
        first.locator("summary", has_text="异议成立").click()
        first.locator(".choices input[name=value]").fill("0")
        first.locator("details[open] textarea").fill("已核对培训签到表")
        desk.get_by_role("button", name="认定成立并重新计算").click()
        expect(desk.locator(".objection-upheld")).to_be_visible()
        second = desk.locator(".objection", has_text="停电导致离线")
        second.locator("summary", has_text="异议不成立").click()
        second.locator("details[open] textarea").fill("当日未停电")
        desk.get_by_role("button", name="认定不成立").click()
        expect(desk.locator(".objection-rejected")).to_be_visible()

        owner.go(f"/scores/{shop}?month={MONTH}")
        expect(page.locator("#objections")).to_contain_text("已核对培训签到表")
        expect(page.locator("#objections")).to_contain_text("当日未停电")
        expect(page.locator("#objections .about").first).to_contain_text("I02")
        after = float(page.locator("#month-score").inner_text())
        assert after > before
        stood = [float(text) for text in page.locator("#versions li b").all_inner_texts()]
        assert stood == [after, before]  # the corrected one beside the earlier one

        clock.forward(seconds=(made.publish_at - clock()).total_seconds() + 60)
        site.kitchen.assessor.drive(made.run_id, clock())
        leader.sign_in("supervisor") if desk.url.endswith("/sign-in") else leader.go(f"/assessments/{made.run_id}")
        publish_by_keyboard(leader)
        with site.kitchen.store.reading() as uow:
            run = uow.assessments.run(made.run_id)
        assert run is not None
        assert local(run.published_at or clock()).date() == local(made.publish_at).date()
        (published,) = (step for step in _steps(site, made.run_id) if step.to_state == "published")
        assert published.reason == "经集体研究"


def object_to(owner: Screen, shop: str, fact: str, words: str) -> None:
    """From the line of the result to its objection: what it is about is chosen already."""
    owner.go(f"/scores/{shop}?month={MONTH}")
    line = owner.page.locator(f"a[href*='about={fact}']").first
    while owner.page.locator(".all-items:not([open])").count() and not line.is_visible():
        owner.page.locator(".all-items:not([open]) > summary").first.click()
    line.click()
    expect(owner.page.locator(f"#objections input[value='{fact}']")).to_be_checked()
    owner.page.fill("#objections textarea", words)
    owner.page.get_by_role("button", name="提交异议").click()
    expect(owner.page.locator("#objections")).to_contain_text(words)


def publish_by_keyboard(leader: Screen) -> None:
    """From the page of a run to its publication, without a mouse."""
    desk = leader.page
    tab_to(leader, "核对并发布")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", name="核对并发布")).to_be_visible()
    assert leader.violations() == []
    tab_to(leader, tag="TEXTAREA")
    desk.keyboard.insert_text("经集体研究")
    desk.keyboard.press("Tab")
    desk.keyboard.press("Space")
    tab_to(leader, "以我的名义发布")
    desk.keyboard.press("Enter")
    expect(desk.locator("main .run-published")).to_be_visible()


def tab_to(one: Screen, words: str = "", *, tag: str = "") -> None:
    """Go on by the Tab key alone until something is reached."""
    for _ in range(120):
        one.page.keyboard.press("Tab")
        reached = one.page.evaluate("[document.activeElement.tagName, document.activeElement.textContent]")
        if (tag and reached[0] == tag) or (words and reached[0] != "BODY" and words in reached[1]):
            return
    raise AssertionError(f"the keyboard does not reach {words or tag}")


def _steps(site: Site, run_id: str) -> list[AuditEntry]:
    with site.kitchen.store.reading() as uow:
        return list(uow.audit.of("assessment", run_id))
