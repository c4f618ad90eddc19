"""The demo camera's picture: a drawn kitchen and a real photograph of a cat (see PROVENANCE.md)."""

from vision.demo.scene import CYCLE_SECONDS, PRESENT_SECONDS, cat_present, frame, read_cat

__all__ = ["CYCLE_SECONDS", "PRESENT_SECONDS", "cat_present", "frame", "read_cat"]
