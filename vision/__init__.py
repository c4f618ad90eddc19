"""Eyes: a frame becomes detections, detections become sightings.

Decoding, detector engines, zones, class rules, temporal confirmation, camera health, privacy; the demo scene; training
and evaluation; the shipped weights. Everything that judges is a pure function of arrays and instants; only the engine
files and `training` know a framework.
"""
