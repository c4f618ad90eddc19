"""A document made of sections that recipes write, each in place of the one of its own earlier run."""

from __future__ import annotations

import re
from pathlib import Path


def write(path: Path, introduction: str, name: str, section: str) -> None:
    """Put a section into the document; the introduction is written anew each time."""
    text = path.read_text("utf-8") if path.exists() else ""
    kept = dict(re.findall(r"<!-- begin (\S+) -->\n(.*?)\n<!-- end \1 -->", text, re.DOTALL))
    kept[name] = section.strip()
    parts = [introduction.strip(), *(f"<!-- begin {key} -->\n{value}\n<!-- end {key} -->" for key, value in kept.items())]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(parts) + "\n", "utf-8")
