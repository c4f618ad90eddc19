"""The configuration: what loads, and what each mistake says."""

from __future__ import annotations

import shutil
from datetime import time, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

import configs
from configs.json_schemas import schema_texts
from domain.errors import ConfigurationError
from domain.ids import DeviceKind
from domain.parties import Role, ZoneKind
from domain.rules import Level, RedWarning, Review, Severity

MERCHANT = "92330211MA2ABC125M"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A copy of the demonstration's configuration that a test may spoil."""
    return Path(shutil.copytree(configs.demo_directory(), tmp_path / "site"))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_the_demonstration_loads_into_domain_values() -> None:
    configuration = configs.load(configs.demo_directory())
    [merchant] = configuration.merchants
    assert (merchant.uscc, merchant.region, merchant.scheme) == (MERCHANT, "330211", "xiangshan")
    assert merchant.opening is not None
    assert merchant.opening.opens == time(6)
    assert merchant.licence_verified
    assert {device.id: device.kind for device in configuration.devices} == {
        "cam-0a1b2c3d": DeviceKind.CAMERA,
        "scl-0a1b2c3d": DeviceKind.SCALE,
    }
    assert {device.region for device in configuration.devices} == {"330211"}
    [camera] = configuration.cameras
    assert {zone.kind for zone in camera.zones} == {ZoneKind.STOVE, ZoneKind.SPECIAL_ROOM, ZoneKind.KITCHEN}
    assert {user.login: user.role for user in configuration.users} == {
        "merchant": Role.MERCHANT,
        "inspector": Role.INSPECTOR,
        "supervisor": Role.SUPERVISOR,
    }


@pytest.mark.parametrize(
    ("name", "code", "severity", "level", "precision", "review", "labels"),
    [
        ("no_hat", "CV01", "general", "red", 0.80, "before_raise", {"no_hairnet"}),
        ("no_mask", "CV02", "general", "red", 0.80, "none", {"no_mask"}),
        ("no_gloves", "CV03", "general", "red", 0.85, "none", {"bare_hand"}),
        ("no_workwear", "CV04", "minor", "ordinary", 0.80, "none", set()),
        ("smoking", "CV05", "serious", "red", 0.85, "none", {"cigarette"}),
        ("phone_use", "CV06", "minor", "ordinary", 0.85, "none", {"phone"}),
        ("bin_uncovered", "CV07", "minor", "ordinary", 0.80, "none", set()),
        ("bin_overflow", "CV08", "general", "red", 0.80, "none", {"overflow_bin", "garbage"}),
        ("rodent", "CV09", "serious", "red", 0.90, "before_raise", {"rat"}),
        ("pest_or_pet", "CV10", "general", "red", 0.85, "none", {"cockroach", "cat", "dog", "bird"}),
        ("food_on_floor", "CV11", "general", "red", 0.85, "none", set()),
        ("raw_cooked_mixed", "CV12", "general", "red", 0.90, "none", set()),
        ("stranger", "CV13", "minor", "ordinary", 0.90, "none", {"person"}),
        ("flame_unattended", "CV14", "serious", "red", 0.85, "none", {"fire"}),
        ("camera_obstructed", "CV15", "general", "red", 0.90, "none", set()),
        ("fire", "CV16", "serious", "red", 0.85, "none", {"fire"}),
    ],
)
def test_every_camera_class_is_as_the_catalogue_says(
    name: str, code: str, severity: str, level: str, precision: float, review: str, labels: set[str]
) -> None:
    """domain.md C.9."""
    rules = configs.load(configs.demo_directory()).rules
    rule = rules.camera[name]
    assert len(rules.camera) == 16
    assert (rule.violation_code, rule.severity, rule.level) == (code, Severity(severity), Level(level))
    assert (rule.automatic_precision, rule.review, set(rule.labels)) == (precision, Review(review), labels)
    assert rule.rectify_within == timedelta(hours=12)
    assert rule.automatic_confidence is None


@pytest.mark.parametrize(
    ("name", "zones", "never", "held"),
    [
        ("no_gloves", {"special_room"}, set(), 0),
        ("phone_use", {"special_room"}, set(), 0),
        ("stranger", {"closed"}, set(), 0),
        ("bin_uncovered", set(), set(), 600),
        ("flame_unattended", {"stove"}, set(), 180),
        ("camera_obstructed", set(), set(), 300),
        ("fire", set(), {"stove"}, 0),
    ],
)
def test_where_and_how_long_a_class_must_be_seen(name: str, zones: set[str], never: set[str], held: int) -> None:
    rule = configs.load(configs.demo_directory()).rules.camera[name]
    assert {kind.value for kind in rule.zone_kinds} == zones
    assert {kind.value for kind in rule.not_zone_kinds} == never
    assert rule.held_for == timedelta(seconds=held)


@pytest.mark.parametrize(("name", "hours"), [("RW1", 4), ("RW2", 2), ("RW3", 12), ("RW4", 2), ("RW5", 12)])
def test_the_merchants_limits_of_the_register_warnings(name: str, hours: int) -> None:
    """domain.md C.4."""
    rules = configs.load(configs.demo_directory()).rules
    assert rules.register[RedWarning(name)].rectify_within == timedelta(hours=hours)
    assert rules.register[RedWarning(name)].level is Level.RED
    assert rules.close_within == timedelta(hours=24)


def test_the_shipped_scheme_has_every_code_with_its_points() -> None:
    """domain.md C.4: the deduction table, the camera codes and the colours."""
    scheme = configs.load(configs.demo_directory()).schemes["xiangshan"]
    assert set(scheme.rules) == {f"XV{n:02}" for n in range(1, 21)} | {f"CV{n:02}" for n in range(1, 17)}
    assert scheme.rules["XV04"].base == Decimal(15)
    assert not scheme.rules["XV04"].waivable
    assert scheme.rules["CV04"].base == Decimal("0.5")
    assert [(band.name, band.at_least) for band in scheme.bands] == [
        ("blue", 90),
        ("yellow", 75),
        ("orange", 60),
        ("red", 0),
    ]


def test_a_site_changes_single_keys_of_a_rule_and_keeps_the_rest(site: Path) -> None:
    (site / "rules.yaml").write_text("camera:\n  no_hat: {review: none}\n  fire: {enabled: false}\n", "utf-8")
    rules = configs.load(site).rules
    assert rules.camera["no_hat"].review is Review.NONE
    assert rules.camera["no_hat"].violation_code == "CV01"
    assert not rules.camera["fire"].enabled
    assert rules.camera["no_mask"].enabled


MISTAKES = [
    ("site.yaml", 'region: "330211"', 'regoin: "330211"', "regoin", "did you mean region?", "misspelt key"),
    ("site.yaml", "name: 明厨", "nothing: 明厨", "name", "this key is required", "missing key"),
    ("site.yaml", '"330211"', '"990211"', "region", "99 is no province", "region outside GB/T 2260"),
    ("site.yaml", '"330211"', '"3302"', "region", "six digits", "a region of four digits"),
    ("site.yaml", "scheme: xiangshan", "scheme: xiangsan", "scheme", "did you mean xiangshan?", "unknown scheme"),
    ("site.yaml", "mailto:demo@example.org", "demo", "push.subject", "pattern", "a subject that is no address"),
    ("merchants.yaml", "125M", "125N", "merchants[0].uscc", "should end in 'M'", "wrong check character"),
    ("merchants.yaml", "stall", "tent", "merchants[0].business_form", "'tent' is not one of", "unknown business form"),
    ("merchants.yaml", '"06:00"', '"6 am"', "merchants[0].opening.opens", "HH:MM", "time of day in words"),
    ("devices.yaml", "92330211MA2ABC125M", "92330225MA2XHK067M", "devices[0].uscc", "is no merchant here", "unbound"),
    ("devices.yaml", "cam-0a1b2c3d", "camera-1", "devices[0].id", "is no device id", "device id of another form"),
    ("devices.yaml", "[0.16, 0.0]", "[1.6, 0.0]", "devices[0].zones[0].polygon[1][0]", "less than or equal", "pixels"),
    ("devices.yaml", "[0.0, 0.0], [0.16, 0.0], [0.16, 0.22], ", "[0.0, 0.0], ", "devices[0].zones[0]", "three points", "a line"),
    ("devices.yaml", "name: stove", "name: kitchen", "devices[0]", "two zones have the same name", "zone named twice"),
    ("devices.yaml", "scl-0a1b2c3d", "cam-0a1b2c3d", "devices[1].id", "is listed twice", "device listed twice"),
    ("users.yaml", "role: merchant", "role: boss", "users[0].role", "'boss' is not one of", "unknown role"),
    ("users.yaml", "role: merchant, uscc: 92330211MA2ABC125M", "role: merchant", "users[0]", "needs the uscc", "of nobody"),
    ("users.yaml", 'role: inspector, region: "330211"', "role: inspector", "users[1]", "needs a region", "inspector of nowhere"),
    ("users.yaml", "login: supervisor", "login: inspector", "users[2].login", "listed twice", "login used twice"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "key", "says", "why"), MISTAKES, ids=[row[5] for row in MISTAKES])
def test_a_mistake_is_told_with_its_file_and_key(
    site: Path, file: str, old: str, new: str, key: str, says: str, why: str
) -> None:
    change(site / file, old, new)
    problems = [problem for problem in configs.check(site) if problem.fatal and problem.key == key]
    assert problems, f"{why}: {configs.check(site)}"
    assert problems[0].file == str(site / file)
    assert says in str(problems[0])
    with pytest.raises(ConfigurationError, match=file):
        configs.load(site)


RULE_MISTAKES = [
    ("camera: {no_hat: {rectify_within_hours: 13}}", "camera.no_hat.rectify_within_hours", "less than or equal to 12"),
    ("clocks: {close_within_hours: 25}", "clocks.close_within_hours", "less than or equal to 24"),
    ("camera: {no_hat: {violation_code: CV99}}", "camera.no_hat.violation_code", "scheme xiangshan has no code CV99"),
    ("camera: {yawning: {level: red}}", "camera.yawning.violation_code", "this key is required"),
    ("camera: {fire: {zone_kinds: [stove]}}", "camera.fire", "zone_kinds and in not_zone_kinds"),
    ("register: {RW6: {class: late}}", "register.RW6", "'RW6' is not one of"),
    ("camera: {no_hat: {review: 'yes'}}", "camera.no_hat.review", "'yes' is not one of"),
    ("camera: {no_hat: {enabled: on}}", "camera.no_hat.enabled", "write true or false"),
]


@pytest.mark.parametrize(("text", "key", "says"), RULE_MISTAKES, ids=[row[1] for row in RULE_MISTAKES])
def test_a_rule_that_makes_no_sense_is_refused(site: Path, text: str, key: str, says: str) -> None:
    (site / "rules.yaml").write_text(text + "\n", "utf-8")
    problems = {problem.key: str(problem) for problem in configs.check(site)}
    assert key in problems, problems
    assert says in problems[key]


ROUTES = [
    ("{name: a, channel: pigeon}", "routes[0].channel", "webpush"),
    ("{name: a, channel: webhook}", "routes[0]", "either url or url_env"),
    ("{name: a, channel: webhook, url: 'https://example.org', url_env: HOOK}", "routes[0]", "either url or url_env"),
    ("{name: a, channel: webpush, roles: [cook]}", "routes[0].roles[0]", "'cook' is not one of"),
    ("{name: a, channel: webpush, events: [warning.risen]}", "routes[0].events[0]", "'warning.risen' is not one of"),
    ("{name: a, channel: webpush, merchants: [92330225MA2XHK067M]}", "routes[0].merchants", "is no merchant here"),
]


@pytest.mark.parametrize(("entry", "key", "says"), ROUTES, ids=[row[0] for row in ROUTES])
def test_a_route_must_lead_somewhere(site: Path, entry: str, key: str, says: str) -> None:
    (site / "routes.yaml").write_text(f"routes:\n  - {entry}\n", "utf-8")
    problems = {problem.key: str(problem) for problem in configs.check(site)}
    assert key in problems, problems
    assert says in problems[key]


def test_every_problem_is_told_at_once(site: Path) -> None:
    change(site / "site.yaml", "scheme: xiangshan", "scheme: xiangshan\ncolour: red")
    change(site / "users.yaml", "role: merchant", "role: boss")
    change(site / "devices.yaml", "cam-0a1b2c3d", "camera-1")
    with pytest.raises(ConfigurationError) as caught:
        configs.load(site)
    message = str(caught.value)
    assert all(word in message for word in ("colour", "users[0].role", "devices[0].id"))


def test_a_licence_number_with_a_wrong_digit_is_flagged_and_kept(site: Path) -> None:
    """domain.md E012: never refused."""
    change(site / "merchants.yaml", "JY23302110001230", "JY23302110001231")
    [problem] = configs.check(site)
    assert not problem.fatal
    assert problem.key == "merchants[0].licence_no"
    [merchant] = configs.load(site).merchants
    assert merchant.licence_no == "JY23302110001231"
    assert not merchant.licence_verified


def test_a_missing_file_says_what_writes_it(site: Path) -> None:
    (site / "users.yaml").unlink()
    [problem] = configs.check(site)
    assert (problem.file, problem.what) == (str(site / "users.yaml"), "the file is missing")
    assert "kitchen init" in problem.hint


def test_a_file_nobody_reads_is_named(site: Path) -> None:
    (site / "merchant.yaml").write_text("merchants: []\n", "utf-8")
    [problem] = configs.check(site)
    assert problem.file.endswith("merchant.yaml")
    assert "no part of the product reads" in problem.what


BILLIONS = "".join(f"{key}: &{key} [{', '.join([f'*{before}'] * 9)}]\n" for before, key in pairwise("abcdefghij"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: a\nname: b\n", "the key 'name' stands in line 1 already"),
        ("name: [a\n", "line 2"),
        ("- a\n- b\n", "a mapping of keys is required"),
        ("1: a\n", "1 is no name"),
        ("name: !!python/object:os.system a\n", "could not determine a constructor"),
        ("name: &a [*a]\n", "or to one inside itself"),
        ("a: &a [x, x, x, x, x, x, x, x, x]\n" + BILLIONS, "too many values"),
    ],
)
def test_yaml_that_cannot_be_trusted_is_refused(site: Path, text: str, says: str) -> None:
    (site / "site.yaml").write_text(text, "utf-8")
    assert says in "\n".join(str(problem) for problem in configs.check(site))


def test_plain_words_stay_words(site: Path) -> None:
    """YAML 1.1 would read 06:00 as 360 and no as false."""
    change(site / "merchants.yaml", 'opens: "06:00"', "opens: 06:00")
    change(site / "merchants.yaml", "name: 老街卤味坊", "name: no")
    change(site / "merchants.yaml", 'region: "330211"', "region: 330211")
    [merchant] = configs.load(site).merchants
    assert merchant.opening is not None
    assert (merchant.opening.opens, merchant.name, merchant.region) == (time(6), "no", "330211")


def test_a_sites_own_scheme_is_data(site: Path) -> None:
    (site / "schemes").mkdir()
    source = configs.default_directory() / "schemes" / "xiangshan.yaml"
    (site / "schemes" / "mine.yaml").write_text(source.read_text("utf-8").replace("name: xiangshan\n", "name: mine\n"), "utf-8")
    change(site / "merchants.yaml", "scheme: xiangshan", "scheme: mine")
    assert configs.load(site).merchants[0].scheme == "mine"
    change(site / "schemes" / "mine.yaml", "floor: orange", "floor: purple")
    [problem] = configs.check(site)
    assert "no band is named purple" in problem.what


def test_a_user_keeps_the_id_that_follows_from_the_login(site: Path) -> None:
    before = {user.login: user.id for user in configs.load(site).users}
    change(site / "users.yaml", "王师傅", "王老板")
    assert {user.login: user.id for user in configs.load(site).users} == before


def test_device_keys_come_from_the_secrets_not_from_the_files() -> None:
    configuration = configs.load(configs.demo_directory())
    assert all(device.key is None for device in configuration.devices)
    keyed = configuration.with_device_keys({"scl-0a1b2c3d": b"k" * 32})
    assert [device.key for device in keyed.devices] == [None, b"k" * 32]


def test_the_written_json_schemas_are_those_of_the_models() -> None:
    folder = configs.default_directory() / "schemas"
    written = {path.name: path.read_text("utf-8") for path in folder.glob("*.json")}
    assert written == schema_texts(), "run `kitchen config-schema`"
