"""Everything a person edits: the YAML files, their loader, and where the outside parts are. See ``configs.loader``."""

from configs.endpoints import Endpoints
from configs.loader import calendar, check, default_directory, demo_directory, load
from configs.problems import Problem
from configs.values import Configuration, Site
from configs.workdays import calendar_covers, working_day

__all__ = [
    "Configuration",
    "Endpoints",
    "Problem",
    "Site",
    "calendar",
    "calendar_covers",
    "check",
    "default_directory",
    "demo_directory",
    "load",
    "working_day",
]
