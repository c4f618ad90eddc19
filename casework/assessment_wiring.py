"""Puts the assessor together from a site's configuration."""

from __future__ import annotations

from pathlib import Path

from casework.assessment import Assessor
from configs.scheme_sources import scheme_content
from configs.values import Configuration
from store.ports import Store


def assessor_of(store: Store, configuration: Configuration, directory: Path) -> Assessor:
    """The use cases over a store, by a site's configuration."""
    return Assessor(
        store,
        schemes=configuration.ratings,
        contents=lambda name: scheme_content(name, directory),
        rules=configuration.rules,
        assessing=configuration.assessments,
        calendar=configuration.calendar,
    )
