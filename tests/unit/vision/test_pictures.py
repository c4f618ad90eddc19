"""Camera health, the public blur, picture files, the demo scene."""

import cv2
import numpy as np
import pytest

from domain.errors import BadInput
from domain.rules import CameraRule, Level, Severity
from vision.demo import CYCLE_SECONDS, PRESENT_SECONDS, cat_present, frame, read_cat
from vision.detections import Detections
from vision.engines.blind import BlindDetector
from vision.files import detect_files
from vision.health import Trouble, measure, obstruction, trouble_of
from vision.privacy import blur_people

SCENE = frame(read_cat(), 50.0)  # without the cat
NOISE = np.random.default_rng(1).normal(0, 6, SCENE.shape)


def noisy(image) -> np.ndarray:
    return np.clip(image + NOISE, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("image", "trouble", "reason"),
    [
        (SCENE, None, "an ordinary picture"),
        (noisy(SCENE), None, "sensor noise is no trouble"),
        (noisy(SCENE * 0.35), None, "a dim kitchen still shows its edges"),
        (np.zeros_like(SCENE), Trouble.DARK, "the lens is covered"),
        (noisy(np.zeros_like(SCENE)), Trouble.DARK, "covered, with sensor noise"),
        (np.full_like(SCENE, 120), Trouble.UNIFORM, "a bag over the camera"),
        (noisy(np.full_like(SCENE, 120)), Trouble.UNIFORM, "a bag, with sensor noise"),
        (cv2.GaussianBlur(SCENE, (0, 0), 25), Trouble.BLURRED, "grease on the lens"),
        (noisy(cv2.GaussianBlur(SCENE, (0, 0), 25)), Trouble.BLURRED, "grease and noise"),
    ],
)
def test_a_camera_that_cannot_see_is_noticed(image, trouble, reason):
    assert trouble_of(measure(image)) is trouble, f"{reason}: {measure(image)}"


def test_an_obstructed_camera_waits_for_a_person_unless_the_site_decides_otherwise():
    def rule(**changes):
        return CameraRule(name="camera_obstructed", violation_code="CV15", severity=Severity.GENERAL, level=Level.RED, **changes)

    dark = measure(np.zeros_like(SCENE))
    found = obstruction(dark, rule(), 1280, 720)
    assert found is not None
    assert (found.label, found.automatic_at, found.strong) == ("dark", None, False)
    assert obstruction(dark, rule(automatic_confidence=0.9), 1280, 720).strong
    assert obstruction(dark, rule(enabled=False), 1280, 720) is None
    assert obstruction(measure(SCENE), rule(), 1280, 720) is None


def one(label, box) -> Detections:
    return Detections(np.array([box], np.float32), (label,), np.array([0.3], np.float32))


def roughness(image) -> float:
    return float(cv2.Laplacian(image, cv2.CV_64F).var())


def test_the_upper_third_of_a_person_is_blurred_and_the_rest_is_kept():
    image = np.random.default_rng(3).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    public = blur_people(image, one("person", (100, 50, 200, 290)))
    assert roughness(public[50:130, 100:200]) < roughness(image[50:130, 100:200]) / 20
    assert (public[150:] == image[150:]).all()
    assert (public[:, :80] == image[:, :80]).all()
    assert not (public == image).all()


def test_a_detected_head_is_blurred_whole_and_a_cat_is_not():
    image = np.random.default_rng(3).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    assert roughness(blur_people(image, one("no_mask", (100, 100, 200, 200)))[100:200, 100:200]) < roughness(image) / 20
    assert (blur_people(image, one("cat", (100, 100, 200, 200))) == image).all()


def test_without_a_model_that_sees_people_everything_is_blurred():
    image = np.random.default_rng(3).integers(0, 255, (90, 160, 3), dtype=np.uint8)
    assert roughness(blur_people(image, Detections.none(), sees_people=False)) < roughness(image) / 20


@pytest.mark.parametrize("box", [(-50, -50, 10, 10), (290, 290, 400, 400), (10, 10, 10, 10), (-9, -9, 999, 999)])
def test_a_person_at_the_edge_does_not_break_the_blur(box):
    image = np.zeros((300, 300, 3), dtype=np.uint8)
    assert blur_people(image, one("person", box)).shape == image.shape


def test_a_picture_file_gives_one_record(tmp_path):
    path = tmp_path / "scene.png"
    cv2.imwrite(str(path), SCENE)
    (record,) = detect_files([path], BlindDetector())
    assert record == {"image": str(path), "width": 1280, "height": 720, "model": "blind", "detections": []}


def test_a_missing_or_damaged_file_is_named(tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 no")
    for path in (tmp_path / "absent.jpg", broken, tmp_path):
        with pytest.raises(BadInput, match=path.name):
            list(detect_files([path], BlindDetector()))


def test_the_demo_scene_moves_and_repeats_itself_exactly():
    cat = read_cat()
    assert frame(cat, 3.0).shape == (720, 1280, 3)
    assert (frame(cat, 3.0) == frame(cat, 3.0)).all()
    assert np.abs(frame(cat, 3.0).astype(int) - frame(cat, 6.0)).mean() > 3


def test_the_cat_is_gone_for_a_while_in_each_cycle():
    present = [cat_present(s) for s in range(int(CYCLE_SECONDS))]
    assert sum(present) == PRESENT_SECONDS
    assert present == [cat_present(s + CYCLE_SECONDS) for s in range(int(CYCLE_SECONDS))]
