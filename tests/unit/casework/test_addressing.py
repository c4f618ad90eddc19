"""Where a notification goes is looked up when it is sent; tokens and secrets come from the environment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alerts.channels import FailureReason, Rejected, Target
from alerts.routing import DINGTALK, FEISHU, WECOM, Route
from casework.addressing import target_of
from domain.events import Delivery, Lane
from tests.unit.casework.scene import MERCHANT, START, Scene, webhook_route

ENVIRONMENT = {"TOKEN": "a b&c", "SECRET": "s", "URL": "https://oapi.example.org/robot?access_token=x"}


def delivery(target: str, recipient: str) -> Delivery:
    return Delivery(
        key="k", lane=Lane.NOTIFY, target=target, recipient=recipient, payload={}, created_at=START, next_attempt_at=START
    )


def found(scene: Scene, target: str, recipient: str, *routes: Route) -> Target:
    desk = replace(scene.office.desk, routes=routes)
    with scene.store.reading() as uow:
        return target_of(uow, desk, delivery(target, recipient), ENVIRONMENT)


@pytest.mark.parametrize(
    ("channel", "options", "url"),
    [
        (DINGTALK, {"token_env": "TOKEN"}, "https://oapi.dingtalk.com/robot/send?access_token=a%20b%26c"),
        (WECOM, {"token_env": "TOKEN"}, "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=a%20b%26c"),
        (FEISHU, {"token_env": "TOKEN"}, "https://open.feishu.cn/open-apis/bot/v2/hook/a%20b%26c"),
        (DINGTALK, {"token_env": "TOKEN", "url": "http://127.0.0.1:9/{token}"}, "http://127.0.0.1:9/a%20b%26c"),
        (DINGTALK, {"url_env": "URL"}, "https://oapi.example.org/robot?access_token=x"),
    ],
)
def test_a_robots_address_is_the_providers_or_the_sites_with_its_token(
    scene: Scene, channel: str, options: dict[str, Any], url: str
) -> None:
    target = found(scene, channel, "team", Route(name="team", channel=channel, secret_env="SECRET", **options))
    assert (target.url, target.secret) == (url, "s")
    assert "a%20b" not in repr(target)


@pytest.mark.parametrize("options", [{"token_env": "NOT_SET"}, {"url_env": "NOT_SET"}, {"url": ""}, {"secret_env": "NOT_SET"}])
def test_what_is_not_set_is_named_and_nothing_is_sent(scene: Scene, options: dict[str, str]) -> None:
    with pytest.raises(Rejected) as rejected:
        found(scene, "webhook", "robot", webhook_route(**options))
    assert (rejected.value.reason, rejected.value.retry) == (FailureReason.MISCONFIGURED, False)
    assert "is not set" in rejected.value.detail


def test_a_text_message_goes_to_the_number_of_today(scene: Scene) -> None:
    with pytest.raises(Rejected) as rejected:
        found(scene, "sms", MERCHANT.id)
    assert rejected.value.reason is FailureReason.GONE
    with scene.store.writing() as uow:
        user = uow.users.get(MERCHANT.id)
        assert user is not None
        uow.users.put(replace(user, phone="13800138000", email="owner@example.org"))
        uow.commit()
    assert found(scene, "sms", MERCHANT.id).url == "13800138000"
    assert found(scene, "email", MERCHANT.id).url == "owner@example.org"
    with scene.store.writing() as uow:
        uow.users.put(replace(user, phone="13800138000", active=False))
        uow.commit()
    with pytest.raises(Rejected):
        found(scene, "sms", MERCHANT.id)
