"""The terms a site works under: calendar, measures of its schemes, commitment, repair profile, lists, departments, documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from configs.values import Configuration
from credit.calendar import Calendar
from credit.commitments import Template
from credit.departments import Department
from credit.documents import Rulebook
from credit.lists import ListingTerms
from credit.measures import Threshold
from credit.rating.plan import Plan, leaves_of
from credit.rating.value import RatedScheme
from credit.repair_profile import RepairProfile
from domain.errors import ConfigurationError

INDEX_FACT = "consumption_top_tenth"
DRAW_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the consequences of a grade are, as data.

    Attributes:
        measures: scheme → grade → measures.
        thresholds: scheme → what the cumulative points propose (C.5).
        grades: scheme → its grades, best first.
        index_facts: scheme → path of the fact that says who is among the best tenth of the consumption-credit index.
        draw_after: how long a draw's commitment stands in the trail before its seed is revealed.
    """

    calendar: Calendar
    template: Template
    repair: RepairProfile
    lists: Mapping[str, ListingTerms]
    measures: Mapping[str, Mapping[str, Mapping[str, Any]]]
    thresholds: Mapping[str, tuple[Threshold, ...]] = field(default_factory=dict)
    grades: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    index_facts: Mapping[str, str] = field(default_factory=dict)
    departments: tuple[Department, ...] = ()
    rulebook: Rulebook = field(default_factory=Rulebook)
    draw_after: timedelta = DRAW_AFTER

    @classmethod
    def of(cls, configuration: Configuration) -> Terms:
        """The terms of a configuration."""
        return cls(
            calendar=configuration.calendar,
            template=configuration.consequences.template,
            repair=configuration.consequences.repair,
            lists=configuration.consequences.lists,
            measures={name: scheme.measures for name, scheme in configuration.ratings.items()},
            thresholds={name: scheme.thresholds for name, scheme in configuration.schemes.items()},
            grades={name: tuple(scheme.grade_titles) for name, scheme in configuration.ratings.items()},
            index_facts=_index_facts(configuration.ratings),
            departments=configuration.departments,
            rulebook=configuration.rulebook,
        )

    def list_named(self, name: str) -> ListingTerms:
        """The clocks of a list.

        Raises:
            ConfigurationError: the site has no such list.
        """
        if name not in self.lists:
            raise ConfigurationError(f"there is no list {name!r}", key="lists", hint=f"known: {', '.join(self.lists)}")
        return self.lists[name]


def _index_facts(ratings: Mapping[str, RatedScheme]) -> dict[str, str]:
    """The schemes that give points for a place in the consumption-credit index, and by which fact."""
    plans = {name: scheme.rating for name, scheme in ratings.items() if isinstance(scheme.rating, Plan)}
    return {
        name: ".".join(leaf.fact) for name, plan in plans.items() for leaf in leaves_of(plan.root) if leaf.fact[-1] == INDEX_FACT
    }
