"""Which channels a site has, and that their secrets come from the environment."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import configs
from cli.run_casework import notification_channels
from configs.secrets import Secrets
from domain.errors import ConfigurationError
from tests.contract.channels.push_service import a_vapid_key

DOCUMENT = Path(__file__).parents[3] / "docs" / "notifications.md"
ENVIRONMENT = {"SMS_SECRET": "s", "MAIL_USER": "kitchen", "MAIL_PASSWORD": "p"}


def examples() -> dict[str, str]:
    """The files that the document shows, by name."""
    parts = DOCUMENT.read_text("utf-8").split("```yaml\n")[1:]
    return {part.partition("\n")[0].removeprefix("# "): part.partition("```")[0] for part in parts}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    directory = Path(shutil.copytree(configs.demo_directory(), tmp_path / "site"))
    for name, text in examples().items():
        (directory / name).write_text(text, "utf-8")
    return directory


def some_secrets() -> Secrets:
    return Secrets(gateway_password="", vapid_pem=a_vapid_key()[0])


async def test_the_documents_examples_are_a_sound_configuration_and_give_every_channel(site: Path) -> None:
    assert sorted(examples()) == ["channels.yaml", "escalations.yaml", "routes.yaml"]
    assert configs.check(site) == []
    channels = notification_channels(configs.load(site), some_secrets(), ENVIRONMENT)
    assert sorted(channels) == ["dingtalk", "email", "feishu", "sms", "webhook", "webpush", "wecom"]
    for channel in channels.values():
        await channel.aclose()


@pytest.mark.parametrize("missing", sorted(ENVIRONMENT))
def test_a_secret_that_is_not_there_is_named_at_the_start(site: Path, missing: str) -> None:
    environment = {name: value for name, value in ENVIRONMENT.items() if name != missing}
    with pytest.raises(ConfigurationError, match=missing):
        notification_channels(configs.load(site), some_secrets(), environment)


def test_every_result_stands_in_the_document() -> None:
    from casework.metrics import RESULTS  # noqa: PLC0415 - prometheus_client counts at import

    text = DOCUMENT.read_text("utf-8")
    assert [result for result in RESULTS if f"| `{result}` |" not in text] == []
