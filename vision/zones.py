"""Where in the picture something stands.

An object belongs to the zone that holds its foot point, the middle of its box's lower edge: that is where a person or
a bin touches the floor, whatever the head overlaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from domain.parties import Zone, ZoneKind

WHOLE_PICTURE = Zone(name="frame", kind=ZoneKind.KITCHEN)
"""The zone of a camera for which none is drawn."""

Box = tuple[float, float, float, float]


def foot_point(box: Box, width: int, height: int) -> tuple[float, float]:
    """Find where an object stands.

    Args:
        box: x1 y1 x2 y2 in pixels.
        width: Picture width in pixels.
        height: Picture height in pixels.

    Returns:
        x and y, 0 to 1 of the picture.
    """
    x1, _, x2, y2 = box
    return (x1 + x2) / 2 / width, y2 / height


def contains(zone: Zone, box: Box, width: int, height: int) -> bool:
    """Tell whether an object stands in a zone. Its edge belongs to the zone.

    Args:
        zone: Polygon in 0 to 1; an empty one is the whole picture.
        box: x1 y1 x2 y2 in pixels.
        width: Picture width in pixels.
        height: Picture height in pixels.

    Returns:
        Whether the foot point lies inside or on the edge.
    """
    if not zone.polygon:
        return True
    polygon = np.array(zone.polygon, dtype=np.float32).reshape(-1, 1, 2)
    return bool(cv2.pointPolygonTest(polygon, foot_point(box, width, height), measureDist=False) >= 0)


def zone_for(
    zones: Sequence[Zone],
    point_box: Box,
    width: int,
    height: int,
    *,
    kinds: Iterable[ZoneKind] = (),
    without: Iterable[ZoneKind] = (),
) -> Zone | None:
    """Choose the zone in which a rule counts an object.

    A zone where the rule does not apply wins over any other that also holds the object. A rule that is not limited to
    some kinds also counts what stands outside every drawn zone, as `WHOLE_PICTURE`: drawing a stove must not blind the
    rest of the picture.

    Args:
        zones: The camera's zones.
        point_box: The object, x1 y1 x2 y2 in pixels.
        width: Picture width in pixels.
        height: Picture height in pixels.
        kinds: Kinds the rule is limited to; none: all.
        without: Kinds it does not look at.

    Returns:
        The first fitting zone, or None where the rule does not apply.
    """
    wanted, unwanted = frozenset(kinds), frozenset(without)
    around = [zone for zone in zones if contains(zone, point_box, width, height)]
    if any(zone.kind in unwanted for zone in around):
        return None
    for zone in around:
        if not wanted or zone.kind in wanted:
            return zone
    if wanted and (zones or WHOLE_PICTURE.kind not in wanted):
        return None
    return WHOLE_PICTURE
