"""E-mail against a real SMTP server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.channels import FailureReason, Rejected, Target
from tests.contract.channels.harness import MESSAGE, PUBLIC, READER, an_email


async def test_a_letter_says_what_a_screen_would(office):
    await an_email(office.port).send(MESSAGE, Target(url=READER))
    [letter] = office.letters
    assert (letter["To"], letter["Subject"]) == (READER, "红色预警")
    assert letter["From"].addresses[0].addr_spec == "kitchen@example.org"
    assert letter["From"].addresses[0].display_name == "明厨亮灶"
    assert letter.get_content().replace("\r\n", "\n").strip() == f"过期产品在售\n{PUBLIC}/warnings/w-1"
    assert letter["Date"].datetime.isoformat() == "2026-11-20T03:00:00+00:00"
    assert letter["Auto-Submitted"] == "auto-generated"


async def test_the_same_message_has_the_same_id_for_the_same_reader(office):
    channel = an_email(office.port)
    for message, reader in (
        (MESSAGE, READER),
        (MESSAGE, READER),
        (MESSAGE, "b@example.org"),
        (replace(MESSAGE, key="x"), READER),
    ):
        await channel.send(message, Target(url=reader))
    first, second, other_reader, other_message = (letter["Message-ID"] for letter in office.letters)
    assert first == second
    assert len({first, other_reader, other_message}) == 3


@pytest.mark.parametrize("title", ["红色预警\nBcc: evil@example.org", "a\r\nb"])
async def test_a_title_cannot_add_a_header(office, title):
    await an_email(office.port).send(replace(MESSAGE, title=title), Target(url=READER))
    assert office.letters[0]["Bcc"] is None
    assert "\n" not in office.letters[0]["Subject"]


@pytest.mark.parametrize("reader", ["", "nobody", "a@b\nBcc: c@d", "a@b, c@d", "店主@example.org", "@", "a b@example.org"])
async def test_what_is_no_mail_address_is_not_written_to(office, reader):
    with pytest.raises(Rejected) as rejected:
        await an_email(office.port).send(MESSAGE, Target(url=reader))
    assert (rejected.value.reason, office.conversations) == (FailureReason.MISCONFIGURED, 0)


async def test_without_tls_nobody_but_this_machine_is_written_through():
    with pytest.raises(Rejected) as rejected:
        await an_email(25, host="mail.example.org").send(MESSAGE, Target(url=READER))
    assert (rejected.value.retry, rejected.value.reason) == (False, FailureReason.MISCONFIGURED)


async def test_who_writes_is_told_to_the_server(office):
    await an_email(office.port, user="kitchen", password="right").send(MESSAGE, Target(url=READER))
    assert (office.logins, len(office.letters)) == ([(b"kitchen", b"right")], 1)


async def test_a_wrong_password_is_for_somebody_to_look_at(office):
    with pytest.raises(Rejected) as rejected:
        await an_email(office.port, user="kitchen", password="wrong-one").send(MESSAGE, Target(url=READER))
    assert (rejected.value.retry, rejected.value.reason) == (False, FailureReason.MISCONFIGURED)
    assert "wrong-one" not in str(rejected.value)
