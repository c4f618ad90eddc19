"""Text messages through a gateway described as data."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import parse_qs

import pytest

from alerts.channels import FailureReason, Rejected, Sms, Target
from alerts.channels.sms import filled
from alerts.gateways import Gateway
from tests.contract.channels.harness import MESSAGE, NOW, PHONE, PUBLIC, SECRET, a_gateway, an_sms


async def send(gateway, *, message=MESSAGE, phone=PHONE):
    channel = Sms(gateway, clock=lambda: NOW, public_url=PUBLIC)
    try:
        return await channel.send(message, Target(url=phone))
    finally:
        await channel.aclose()


async def test_the_gateway_gets_what_its_template_says(service):
    service.body = b'{"result":{"code":0}}'
    await send(a_gateway(service.url(200)))
    [seen] = service.seen
    text = f"红色预警 过期产品在售 {PUBLIC}/warnings/w-1"
    assert json.loads(seen.body) == {"mobiles": [PHONE], "content": text, "at": str(int(NOW.timestamp()))}
    assert seen.headers["authorization"] == f"Bearer {SECRET}"


async def test_a_gateway_may_want_a_form_and_the_secret_in_the_address(service):
    gateway = Gateway(
        url=service.url(200) + "?key={secret}", form=True, fields={"to": "{phone}", "msg": "{text}"}, secret="a&b=c"
    )
    await send(gateway)
    [seen] = service.seen
    assert parse_qs(seen.query) == {"key": ["a&b=c"]}
    assert parse_qs(seen.body.decode())["to"] == [PHONE]


async def test_an_answer_that_says_it_has_the_key_is_acceptance(service):
    service.body = b'{"result":{"code":"DUP"}}'
    assert (await send(a_gateway(service.url(200)))).duplicate


async def test_a_gateway_that_is_busy_is_asked_again(service):
    service.body = b'{"result":{"code":-1}}'
    with pytest.raises(Rejected) as rejected:
        await send(a_gateway(service.url(200)))
    assert (rejected.value.reason, rejected.value.retry) == (FailureReason.ERRCODE, True)


async def test_a_long_text_is_cut_before_its_link(service):
    service.body = b'{"result":{"code":0}}'
    await send(a_gateway(service.url(200), most_characters=70), message=replace(MESSAGE, body="长" * 500))
    text = json.loads(service.seen[0].body)["content"]
    assert len(text) <= 70
    assert text.endswith(f"… {PUBLIC}/warnings/w-1")


@pytest.mark.parametrize("phone", ["", "none", "138-0013-8000", "１３８００１３８０００", "123", "+", "13800138000\nBcc: x"])
async def test_what_is_no_number_is_not_sent(service, phone):
    with pytest.raises(Rejected) as rejected:
        await send(a_gateway(service.url(200)), phone=phone)
    assert (rejected.value.reason, service.seen) == (FailureReason.MISCONFIGURED, [])


@pytest.mark.parametrize(
    ("template", "said", "why"),
    [
        ("{a}-{b}", "1-{a}", "what was put in is not looked at again"),
        ("{c}", "{c}", "an unknown name stays"),
        ('{"x": {a}}', '{"x": 1}', "braces of JSON stay"),
        ("{a", "{a", "an open brace stays"),
        ("", "", "nothing"),
    ],
)
def test_a_template_is_filled_once(template, said, why):
    assert filled(template, {"a": "1", "b": "{a}"}) == said, why


async def test_a_gateway_in_plain_text_must_be_allowed():
    channel = an_sms("http://sms.example.org/send")
    with pytest.raises(Rejected) as rejected:
        await channel.send(MESSAGE, Target(url=PHONE))
    assert rejected.value.reason is FailureReason.MISCONFIGURED
    await channel.aclose()
