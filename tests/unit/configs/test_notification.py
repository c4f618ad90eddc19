"""Routes, channels and chains of escalation as files: what loads, and what each mistake says, with file and key."""

from __future__ import annotations

import shutil
from datetime import time, timedelta
from pathlib import Path

import pytest

import configs
from alerts.gateways import LIMITS, Tls
from domain.escalation import QuietHours, Until
from domain.parties import Role

SMS = """sms:
  url: https://sms.example.org/send
  secret_env: SMS_SECRET
  headers: {Authorization: "Bearer {secret}"}
  fields: {mobiles: ["{phone}"], content: "{text}", id: "{key}"}
  code: result.code
  accepted: ["0", OK]
"""
EMAIL = """email:
  host: smtp.example.org
  port: 587
  tls: starttls
  sender: kitchen@example.org
  user_env: MAIL_USER
  password_env: MAIL_PASSWORD
"""
STEP = "{after_minutes: 30, until: delivered, roles: [inspector], channels: [webpush]}"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A copy of the demonstration's configuration that a test may spoil."""
    return Path(shutil.copytree(configs.demo_directory(), tmp_path / "site"))


def chain(*steps: str, more: str = "") -> str:
    listed = "".join(f"\n      - {step}" for step in steps)
    return f"chains:\n  - name: own{more}\n    steps:{listed}\n"


def test_what_a_site_says_comes_out_as_values(site: Path) -> None:
    (site / "channels.yaml").write_text(SMS + EMAIL + "limits: {dingtalk: {messages: 5}}\n", "utf-8")
    routes = (
        "{name: team, channel: dingtalk, token_env: TEAM_TOKEN, secret_env: TEAM_SECRET, region: 3302}",
        "{name: texts, channel: sms, roles: [merchant], levels: [red], quiet: {begins: '21:30', ends: '06:30'}}",
    )
    (site / "routes.yaml").write_text("routes:" + "".join(f"\n  - {route}" for route in routes) + "\n", "utf-8")
    step = "{after_minutes: 20, until: delivered, roles: [supervisor], channels: [sms, email], routes: [team]}"
    (site / "escalations.yaml").write_text(chain(step, more="\n    quiet: {begins: '22:00', ends: '06:00'}"), "utf-8")
    loaded = configs.load(site)
    assert loaded.channels.gateway is not None
    assert loaded.channels.gateway.accepted == {"0", "OK"}
    assert (loaded.channels.gateway_secret_env, loaded.channels.server_password_env) == ("SMS_SECRET", "MAIL_PASSWORD")
    assert loaded.channels.server is not None
    assert (loaded.channels.server.tls, loaded.channels.server.port) == (Tls.STARTTLS, 587)
    assert loaded.channels.limits["dingtalk"].messages == 5
    assert loaded.channels.limits["wecom"] == LIMITS["wecom"]
    team, texts = loaded.routes
    assert (team.token_env, team.region) == ("TEAM_TOKEN", "3302")
    assert texts.quiet == QuietHours(begins=time(21, 30), ends=time(6, 30))
    (own,) = loaded.chains
    (only,) = own.steps
    assert (only.after, only.until, only.roles) == (timedelta(minutes=20), Until.DELIVERED, (Role.SUPERVISOR,))
    assert (only.channels, only.routes, own.quiet) == (("sms", "email"), ("team",), QuietHours(begins=time(22), ends=time(6)))


ROUTES = [
    ("{name: a, channel: sms, roles: [merchant]}", "routes[0].channel", "channels.yaml does not say how"),
    ("{name: a, channel: email}", "routes[0].channel", "channels.yaml does not say how"),
    ("{name: a, channel: sms, url: 'https://example.org'}", "routes[0]", "goes to users"),
    ("{name: a, channel: dingtalk}", "routes[0]", "either token_env, or url_env"),
    ("{name: a, channel: dingtalk, url: 'https://oapi.example.org/?access_token=abc'}", "routes[0]", "either token_env"),
    ("{name: a, channel: feishu, token_env: T, url: 'https://example.org/hook'}", "routes[0]", "{token}"),
    ("{name: a, channel: wecom, token_env: T, secret_env: S}", "routes[0]", "no signature"),
    ("{name: a, channel: webhook, url_env: U, token_env: T}", "routes[0]", "only a robot"),
    ("{name: a, channel: webpush, quiet: {begins: '06:00', ends: '06:00'}}", "routes[0].quiet", "quiet hours"),
]
CHANNELS = [
    (SMS.replace("{phone}", "nobody"), "sms", "{phone} stands neither"),
    (SMS.replace("  secret_env: SMS_SECRET\n", ""), "sms", "{secret} and secret_env go together"),
    (SMS + "  form: true\n", "sms", "the fields of a form are texts"),
    (SMS.replace("https", "ftp"), "sms.url", "pattern"),
    (SMS.replace("SMS_SECRET", "hunter2"), "sms.secret_env", "pattern"),
    (EMAIL.replace("  user_env: MAIL_USER\n", ""), "email", "go together"),
    (EMAIL.replace("starttls", "maybe"), "email.tls", "'maybe' is not one of"),
    (EMAIL.replace("kitchen@example.org", "kitchen"), "email.sender", "pattern"),
    ("limits: {pigeon: {messages: 5}}\n", "limits.pigeon", "pattern"),
    ("limits: {sms: {messages: 0}}\n", "limits.sms.messages", "greater than or equal to 1"),
]
CHAINS = [
    ("chains: []\n", "chains", "no chain concerns a red warning"),
    (chain(STEP, more="\n    region: 3702"), "chains", "in 330211"),
    (chain(STEP, more="\n    levels: [ordinary]"), "chains", "no chain concerns a red warning"),
    (chain(STEP.replace("30", "31")), "chains[0].steps", "does not tell that it reached no merchant"),
    (chain(STEP.replace("delivered", "closed")), "chains[0].steps", "does not tell that it reached no merchant"),
    (chain(STEP.replace("delivered", "tomorrow")), "chains[0].steps[0].until", "'tomorrow' is not one of"),
    (chain(STEP.replace("webpush", "pigeon")), "chains[0].steps[0].channels[0]", "pattern"),
    (chain(STEP.replace("webpush", "sms")), "chains[0].steps[0].channels", "channels.yaml does not say how"),
    (chain(STEP.replace(", channels: [webpush]", "")), "chains[0].steps[0]", "go together"),
    (chain("{after_minutes: 30, until: delivered}"), "chains[0].steps[0]", "tells nobody"),
    (chain(STEP, "{after_minutes: 60, until: closed, routes: [nowhere]}"), "chains[0].steps[1].routes", "there is no route"),
    (chain(STEP, "{after_minutes: 60, until: closed, routes: [merchant_phones]}"), "chains[0].steps[1].routes", "no address"),
    (chain(STEP, more="\n    rules: [pest_or_pets]") + chain(STEP)[8:].replace("own", "rest"), "chains[0].rules", "no rule"),
    (chain(STEP) + chain(STEP)[8:], "chains[1].name", "listed twice"),
    (chain(STEP.replace("inspector", "staff")), "chains[0].steps[0].roles", "nobody here has the role staff"),
]
CASES = [
    *(("routes.yaml", f"routes:\n  - {entry}\n", key, what) for entry, key, what in ROUTES),
    *(("channels.yaml", text, key, what) for text, key, what in CHANNELS),
    *(("escalations.yaml", text, key, what) for text, key, what in CHAINS),
]


@pytest.mark.parametrize(("file", "text", "key", "what"), CASES)
def test_each_mistake_is_named_with_file_key_and_reason(site: Path, file: str, text: str, key: str, what: str) -> None:
    (site / file).write_text(text, "utf-8")
    problems = configs.check(site)
    assert [problem for problem in problems if problem.key == key and what in problem.what and problem.file.endswith(file)], (
        problems
    )


@pytest.mark.parametrize(
    ("key", "value"), [("phone", "138-0013-8000"), ("phone", "none"), ("email", "nobody"), ("email", "a b@c.d")]
)
def test_a_number_or_address_that_is_none_is_refused(site: Path, key: str, value: str) -> None:
    users = site / "users.yaml"
    users.write_text(users.read_text("utf-8").replace("login: inspector,", f"login: inspector, {key}: {value},", 1), "utf-8")
    assert any(problem.key.endswith(f".{key}") for problem in configs.check(site))


def test_a_number_may_be_written_as_one(site: Path) -> None:
    users = site / "users.yaml"
    users.write_text(users.read_text("utf-8").replace("login: inspector,", "login: inspector, phone: 13800138000,", 1), "utf-8")
    assert [user.phone for user in configs.load(site).users if user.login == "inspector"] == ["13800138000"]
