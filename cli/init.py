"""``kitchen init``: a starter configuration to edit, and passwords for its users and devices, shown once."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rich.console import Console

from cli.datadir import DataDirectory
from cli.installation import prepare_site
from domain.errors import ConfigurationError

STARTER: Final = {
    "site.yaml": """\
# One installation: a market, a street, a district. JSON Schemas for every file: `kitchen config-schema`.
name: 明厨亮灶
region: "330211"                # GB/T 2260, six digits
scheme: xiangshan               # how merchants are rated unless they name another
push:
  subject: mailto:kitchen@example.org   # contact for push services
frames:
  max_bytes: 2000000
  per_second: 5
rates:
  events_per_second: 20         # facts one device may send
""",
    "merchants.yaml": """\
# Supervised businesses, keyed by their unified social credit code.
merchants:
  - uscc: 92330211MA2ABC125M    # an example: replace it
    name: 示例卤味店
    region: "330211"
    business_form: stall        # catering | retail | canteen | workshop | producer | stall
    address: ""
    licence_no: JY23302110001230
    opening: {opens: "06:00", closes: "22:00"}
""",
    "devices.yaml": """\
# Devices: cam|scl|sen|gw|kan, a dash, eight hex digits. Their MQTT user is the id; passwords lie in DATA/secrets/devices.yaml.
# Zones are polygons in parts of the picture's width and height: [0, 0] is top left, [1, 1] bottom right.
devices:
  - id: cam-00000001
    uscc: 92330211MA2ABC125M
    name: 后厨摄像头
    zones:
      - name: kitchen
        kind: kitchen           # kitchen | special_room | stove | storage | closed
  - id: scl-00000001
    uscc: 92330211MA2ABC125M
    name: 追溯秤
""",
    "users.yaml": """\
# Who signs in. Passwords are not here; whoever has none gets one at the next start, shown once.
users:
  - {login: merchant, name: 示例店主, role: merchant, uscc: 92330211MA2ABC125M}
  - {login: inspector, name: 示例检查员, role: inspector, region: "330211"}
  - {login: supervisor, name: 示例科长, role: supervisor}
""",
    "rules.yaml": """\
# Only what differs from the shipped rules, key by key. For example:
# camera:
#   no_hat: {review: none}
#   no_mask: {rectify_within_hours: 6}
""",
}


def init(data: Path, directory: Path) -> None:
    """Write what is missing and make the secrets.

    Raises:
        ConfigurationError: if the directory holds a configuration already.
    """
    if directory.exists() and any(directory.glob("*.yaml")):
        raise ConfigurationError(
            f"{directory} holds a configuration already", hint="`kitchen check` looks at it; nothing was written"
        )
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in STARTER.items():
        (directory / name).write_text(text, "utf-8")
    prepared = prepare_site(DataDirectory(data.absolute()), directory)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"configuration: {directory}\nsecrets:       {prepared.data.secrets} (readable by you only)\n", markup=False)
    console.print("Users and their passwords, shown this once:")
    for login, password in prepared.new_users.items():
        console.print(f"  {login:<12} {password}", markup=False)
    console.print("Devices and their MQTT passwords:")
    for device_id, password in prepared.new_devices.items():
        console.print(f"  {device_id:<12} {password}", markup=False)
    named = "" if directory.absolute() == prepared.data.config else f" --config {directory}"
    console.print(f"\nEdit the files, then: kitchen check {directory} && kitchen up --data {data}{named}", markup=False)
