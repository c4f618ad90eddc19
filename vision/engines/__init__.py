"""Detection engines behind `vision.detector.Detector`. Opening one loads its model; importing this loads none."""

from vision.engines.opening import open_detector

__all__ = ["open_detector"]
