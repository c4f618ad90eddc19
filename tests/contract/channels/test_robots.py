"""The robots against a real server: signatures as each provider checks them, and texts that cannot call everybody."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from alerts.channels import DingTalk, FailureReason, Feishu, Rejected, Target, WeCom
from alerts.gateways import PUBLISHED
from tests.contract.channels.harness import MESSAGE, NOW, PUBLIC

LINK = f"{PUBLIC}/warnings/w-1"
OK = b'{"errcode":0,"code":0}'


async def sent(kind, service, *, message=MESSAGE, secret="", public_url=PUBLIC):
    service.body = OK
    channel = kind(clock=lambda: NOW, public_url=public_url)
    await channel.send(message, Target(url=f"{service.url(200)}?access_token=t", secret=secret))
    await channel.aclose()
    return json.loads(service.seen[-1].body)


async def test_dingtalk_can_check_the_signature_in_the_address(service):
    body = await sent(DingTalk, service, secret="SECabc")
    query = {name: values[0] for name, values in parse_qs(service.seen[-1].query).items()}
    assert query["timestamp"] == str(int(NOW.timestamp() * 1000))
    expected = hmac.new(b"SECabc", f"{query['timestamp']}\nSECabc".encode(), hashlib.sha256).digest()
    assert base64.b64decode(query["sign"]) == expected
    assert query["access_token"] == "t"
    assert body == {"msgtype": "text", "text": {"content": f"红色预警\n过期产品在售\n{LINK}"}, "at": {"isAtAll": False}}


async def test_feishu_can_check_the_signature_in_the_body(service):
    body = await sent(Feishu, service, secret="SECabc")
    assert body["timestamp"] == str(int(NOW.timestamp()))
    assert base64.b64decode(body["sign"]) == hmac.new(f"{body['timestamp']}\nSECabc".encode(), b"", hashlib.sha256).digest()
    post = body["content"]["post"]["zh_cn"]
    assert post["title"] == "红色预警"
    assert post["content"] == [[{"tag": "text", "text": "过期产品在售"}], [{"tag": "a", "text": LINK, "href": LINK}]]


async def test_wecom_gets_plain_text(service):
    assert await sent(WeCom, service) == {"msgtype": "text", "text": {"content": f"红色预警\n过期产品在售\n{LINK}"}}


async def test_without_a_secret_nothing_is_signed(service):
    await sent(DingTalk, service)
    assert "sign=" not in service.seen[-1].query
    assert "sign" not in await sent(Feishu, service)


async def test_without_a_public_address_no_link_is_made_up(service):
    assert (await sent(WeCom, service, public_url=""))["text"]["content"] == "红色预警\n过期产品在售"


@pytest.mark.parametrize(("kind", "most"), [(WeCom, 2048), (DingTalk, 18_000), (Feishu, 18_000)])
async def test_a_long_text_is_cut_and_its_link_stays(service, kind, most):
    body = json.dumps(await sent(kind, service, message=replace(MESSAGE, body="长" * 10_000)), ensure_ascii=False)
    assert most - 400 < len(body.encode()) < most + 400
    assert "…" in body
    assert LINK in body


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"errcode":"0"}', b'{"code":false}', b'{"StatusMessage":"success"}'])
@pytest.mark.parametrize("kind", [DingTalk, WeCom, Feishu])
async def test_an_answer_without_its_code_is_no_acceptance(service, kind, body):
    service.body = body
    channel = kind(clock=lambda: NOW)
    with pytest.raises(Rejected) as rejected:
        await channel.send(MESSAGE, Target(url=service.url(200)))
    await channel.aclose()
    assert (rejected.value.reason, rejected.value.retry) == (FailureReason.ERRCODE, False)


@pytest.mark.parametrize("kind", [DingTalk, WeCom, Feishu])
def test_the_published_address_takes_a_token(kind):
    parts = urlsplit(PUBLISHED[kind.name].replace("{token}", "abc"))
    assert (parts.scheme, "abc" in parts.path + parts.query) == ("https", True)


def test_the_signature_is_of_the_second_it_is_sent_in():
    at = datetime(2026, 11, 20, 3, 0, 0, 999_000, tzinfo=UTC)
    body = Feishu(clock=lambda: at).request(None, "s", "t", "", at)[1]
    assert body["timestamp"] == str(int(NOW.timestamp()))
