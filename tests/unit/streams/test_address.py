"""What an address of the log says, and that its secret is told to nobody but the log."""

from __future__ import annotations

import pytest

from domain.errors import ConfigurationError
from streams import driver
from streams.address import bootstrap_servers, reaching


def test_without_a_secret_clients_are_opened_as_ever() -> None:
    servers = bootstrap_servers("kafka://one:9092,two:9093")
    assert servers == "one:9092,two:9093"
    assert reaching(servers) == {"bootstrap_servers": "one:9092,two:9093"}
    assert reaching("127.0.0.1:9092") == {"bootstrap_servers": "127.0.0.1:9092"}, "an address may be plain text"
    assert driver.reaching("kafka://one:9092,two:9093") == {"broker": ["kitchen://one:9092", "kitchen://two:9093"]}


def test_what_stands_before_the_at_sign_is_shown_to_the_log_and_is_in_no_message() -> None:
    url = "kafka://kitchen:p%40ss%3Aw%2Ford@one:9092,two:9093"
    servers = bootstrap_servers(url)
    assert f"{servers} {servers!r}" == "one:9092,two:9093 'one:9092,two:9093'"
    assert reaching(servers) == {
        "bootstrap_servers": "one:9092,two:9093",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "kitchen",
        "sasl_plain_password": "p@ss:w/ord",
    }
    settings = driver.reaching(url)
    assert settings["broker"] == ["kitchen://one:9092", "kitchen://two:9093"]
    shown = settings["broker_credentials"]
    assert (shown.username, shown.password, shown.mechanism.value) == ("kitchen", "p@ss:w/ord", "SCRAM-SHA-256")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "one:9092",
        "http://one:9092",
        "kafka://",
        "kafka://kitchen@one:9092",
        "kafka://:s3cret@one:9092",
        "kafka://kitchen:s3cret@",
    ],
)
def test_anything_else_is_refused_without_telling_the_secret(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        bootstrap_servers(url)
    assert "s3cret" not in str(refused.value)
    assert "KITCHEN_KAFKA_URL" in str(refused.value)
