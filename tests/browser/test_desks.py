"""The officials' desks in a browser: every form fits a phone, and a check goes from its order to its result by keyboard."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from domain.time import local_day
from tests.browser.site import Site
from tests.browser.test_pages import DESKTOP, PHONE, screen
from tests.unit.web.kitchen import MERCHANT

pytestmark = [pytest.mark.browser, pytest.mark.service]

FORMS = (
    "tasks/new",
    "listings/new",
    "guidances/new",
    "trainings/new",
    "conflicts/new",
    "superior-checks/new",
    "risk-grades/new",
    "quotas",
)


def test_an_official_orders_a_check_and_enters_its_result_by_keyboard(browser: Browser, site: Site, tmp_path: Path) -> None:
    with screen(browser, site, language="zh-CN", viewport=PHONE, bypass_csp=True) as one:
        page = one.page
        one.sign_in("supervisor")
        for number, path in enumerate(FORMS):
            one.go(f"/credit/{path}?lang={'en' if number % 2 else 'zh'}")
            page.screenshot(path=tmp_path / f"{path.replace('/', '-')}.png", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is too wide"
            assert one.violations() == [], path
        one.go("/credit/tasks/new?lang=zh")
        page.locator("input[name=merchant]").focus()
        page.keyboard.type(MERCHANT)
        page.fill("input[name=due_by]", (local_day(site.kitchen.clock()) + timedelta(days=3)).isoformat())
        page.locator("textarea[name=reason]").fill("消费者举报")
        page.locator("form.begin button").press("Enter")
        card = page.locator(".case").first
        expect(card).to_be_visible()
        card.locator("form[action$='/start'] button").press("Enter")
        page.locator("a[href$='/result']").press("Enter")
        items = page.locator("fieldset.item")
        expect(items.first).to_be_visible()
        items.nth(0).locator("input[type=radio]").nth(0).focus()
        page.keyboard.press("Space")
        items.nth(1).locator("input[type=radio]").nth(0).focus()
        page.keyboard.press("ArrowRight")
        expect(items.nth(1).locator("input[value=failed]")).to_be_checked()
        page.locator("fieldset.item .note input").nth(1).fill("台面有积水")
        page.screenshot(path=tmp_path / "result.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert one.violations() == []
        page.set_viewport_size(DESKTOP)
        page.locator("form.checklist button").last.press("Enter")
        expect(page.locator("[role=alert]")).to_be_visible()  # an item failed, and the result says nothing was found
        expect(items.nth(1).locator("input[value=failed]")).to_be_checked()  # what was entered is still there
        assert [line for line in one.complaints if "422" not in line] == []
        one.complaints.clear()  # Chromium calls a refused form a failed resource
        page.select_option("select[name=finding]", "ordered_to_correct")
        page.locator("form.checklist button").last.press("Enter")
        expect(page.locator(".case").first).to_contain_text("发现问题已责令改正")
        page.screenshot(path=tmp_path / "tasks.png", full_page=True)
