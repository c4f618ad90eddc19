"""The pages of the monthly assessment: a merchant's month, an objection, its decision, publication."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from domain.time import local
from domain.warnings import AuditEntry
from store import open_store
from tests.browser.month import MONTH, OWNER, Roll, Street, assessed, cheap_hash, owner_of
from tests.browser.site import Site, served
from tests.browser.test_pages import DESKTOP, PHONE, screen
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
        (OWNER, [f"/scores/{shop}"]),
        ("merchant", [f"/scores/{MERCHANT}"]),
        ("supervisor", ["/assessments", f"/assessments/{made.run_id}", "/merchants"]),
    )
    for login, paths in walks:
        with screen(browser, site, language=language, viewport=viewport, bypass_csp=True) as one:
            one.sign_in(login)
            for path in paths:
                one.go(f"{path}{'&' if '?' in path else '?'}lang={language[:2]}")
                if path.startswith("/scores"):
                    expect(one.page.locator("#so-far")).to_be_visible()
                assert one.violations() == [], path
                assert one.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is too wide"
                name = path.split("?")[0].strip("/").replace("/", "-")[:24]
                one.page.screenshot(path=tmp_path / f"{login}-{name}.png", full_page=True)


def test_an_objection_is_filed_upheld_by_another_and_the_month_published(
    browser: Browser, site: Site, street: tuple[Path, Street]
) -> None:
    made, clock = street[1], site.kitchen.clock
    shop = made.merchants[0].uscc
    with screen(browser, site, viewport=DESKTOP) as owner, screen(browser, site, viewport=DESKTOP) as leader:
        page = owner.page
        owner.sign_in(OWNER)
        page.get_by_role("link", name="月度信用").first.click()
        before = float(page.locator("#month-score").inner_text())
        page.locator("#objections summary").click()
        page.locator("#objections .choices input[type=checkbox][value='indicators.I02']").check()
        page.fill("#objections textarea", "标准培训记录已补交，请复核")
        page.get_by_role("button", name="提交异议").click()
        expect(page.locator(".objection-open")).to_be_visible()

        desk = leader.page
        leader.sign_in("supervisor")
        leader.go(f"/assessments/{made.run_id}")
        expect(desk.locator(".objection-open")).to_have_count(1)
        expect(desk.get_by_role("button", name="以我的名义发布")).to_have_count(0)
        desk.locator("#objections details summary").first.click()
        desk.locator("#objections .choices input[name=value]").fill("0")
        desk.locator("#objections details[open] textarea").fill("已核对培训签到表")
        desk.get_by_role("button", name="认定成立并重新计算").click()
        expect(desk.locator(".objection-upheld")).to_be_visible()

        owner.go(f"/scores/{shop}?month={MONTH}")
        expect(page.locator(".objection-upheld")).to_be_visible()
        expect(page.locator("#objections")).to_contain_text("已核对培训签到表")
        assert float(page.locator("#month-score").inner_text()) > before

        clock.forward(seconds=(made.publish_at - clock()).total_seconds() + 60)
        site.kitchen.assessor.drive(made.run_id, clock())
        leader.sign_in("supervisor") if desk.url.endswith("/sign-in") else leader.go(f"/assessments/{made.run_id}")
        desk.locator(".actions textarea").first.fill("经集体研究")
        desk.get_by_role("button", name="以我的名义发布").click()
        expect(desk.locator("main .run-published")).to_be_visible()
        with site.kitchen.store.reading() as uow:
            run = uow.assessments.run(made.run_id)
        assert run is not None
        assert local(run.published_at or clock()).date() == local(made.publish_at).date()
        (published,) = (step for step in _steps(site, made.run_id) if step.to_state == "published")
        assert published.reason == "经集体研究"


def _steps(site: Site, run_id: str) -> list[AuditEntry]:
    with site.kitchen.store.reading() as uow:
        return list(uow.audit.of("assessment", run_id))
