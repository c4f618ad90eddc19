"""One contract for every detection engine, and what the shipped weights must be able to do."""

from pathlib import Path

import numpy as np
import pytest

from domain.errors import ConfigurationError
from vision.demo import CYCLE_SECONDS, PRESENT_SECONDS, frame, read_cat
from vision.detections import Detections
from vision.detector import LEAST_CONFIDENCE, Detector
from vision.engines import open_detector

ENGINES = ["default", "blind", "ultralytics"]


@pytest.fixture(scope="module", params=ENGINES)
def detector(request, tmp_path_factory) -> Detector:
    if request.param != "ultralytics":
        return open_detector(request.param)
    tasks = pytest.importorskip("ultralytics.nn.tasks", reason="needs the extra train")
    torch = pytest.importorskip("torch")
    model = tasks.DetectionModel("yolov8n.yaml", nc=2, verbose=False)
    model.names = {0: "cat", 1: "dog"}
    path = tmp_path_factory.mktemp("weights") / "untrained.pt"
    torch.save({"model": model, "train_args": {}}, path)
    return open_detector(str(path), minimum_confidence=0.001)


@pytest.mark.parametrize(
    ("height", "width", "reason"),
    [(720, 1280, "a camera"), (1, 1, "one pixel"), (2000, 3, "a sliver"), (480, 640, "4:3"), (1920, 1080, "upright")],
)
def test_boxes_lie_in_the_picture_and_labels_are_known(detector, height, width, reason):
    image = np.random.default_rng(7).integers(0, 255, (height, width, 3), dtype=np.uint8)
    found = detector.detect(image)
    assert isinstance(found, Detections)
    assert set(found.labels) <= set(detector.info.labels), reason
    assert (found.boxes >= 0).all()
    assert (found.boxes <= [width, height, width, height]).all(), reason
    assert list(found.confidences) == sorted(found.confidences, reverse=True)


def test_the_same_picture_gives_the_same_answer_and_is_left_alone(detector):
    image = frame(read_cat(), 2.0)
    before = image.copy()
    first, second = detector.detect(image), detector.detect(image)
    assert (image == before).all()
    assert first.labels == second.labels
    assert np.allclose(first.boxes, second.boxes)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
        np.zeros((0, 10, 3), np.uint8),
    ],
    ids=["grey", "four channels", "floats", "empty"],
)
def test_what_is_no_colour_picture_is_refused(detector, image):
    with pytest.raises(ValueError, match="a picture must be"):
        detector.detect(image)


def test_a_model_says_who_it_is(detector):
    info = detector.info
    assert info.name
    assert info.input_width > 0
    assert info.input_height > 0
    assert set(info.thresholds) <= set(info.labels)


@pytest.mark.parametrize("name", ["nonsense", "weights.bin", "absent.onnx", "absent.pt"])
def test_a_model_that_cannot_be_opened_is_named(name):
    with pytest.raises(ConfigurationError, match=Path(name).stem):
        open_detector(name)


def test_a_file_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(ConfigurationError, match="cannot load"):
        open_detector(str(path))


def test_a_threshold_for_reporting_can_be_raised():
    image = frame(read_cat(), 2.0)
    sure = open_detector(minimum_confidence=0.99).detect(image)
    assert len(sure) < len(open_detector().detect(image))


@pytest.fixture(scope="module")
def shipped() -> Detector:
    return open_detector()


class TestShippedWeights:
    """What the demo and the documentation promise of `vision/weights/kitchen-n.onnx`."""

    def test_they_are_small_and_wide(self, shipped):
        assert (shipped.info.input_width, shipped.info.input_height) == (640, 384)
        weights = Path(__file__).parents[3] / "vision" / "weights" / "kitchen-n.onnx"
        assert weights.stat().st_size <= 15_000_000
        assert (weights.parent / "MODEL_CARD.md").exists()

    def test_they_know_the_classes_of_the_camera_rules(self, shipped):
        expected = "hairnet no_hairnet mask no_mask glove bare_hand cockroach cigarette phone garbage bin overflow_bin fire"
        assert shipped.info.labels == (*expected.split(), "person", "cat", "dog", "bird")
        assert set(shipped.info.thresholds) == set(shipped.info.labels)

    @pytest.mark.parametrize("second", range(0, int(PRESENT_SECONDS), 3))
    def test_they_see_the_cat_in_the_demo_scene(self, shipped, second):
        cats = shipped.detect(frame(read_cat(), second + 0.4)).only("cat")
        assert len(cats) == 1
        assert cats.confidences[0] >= shipped.info.thresholds["cat"], "surely enough to act by itself"

    @pytest.mark.parametrize("second", range(int(PRESENT_SECONDS), int(CYCLE_SECONDS), 3))
    def test_they_see_no_animal_when_it_is_gone(self, shipped, second):
        found = shipped.detect(frame(read_cat(), second + 0.4))
        assert not {"cat", "dog", "bird", "cockroach"} & set(found.labels)
        assert (found.confidences >= LEAST_CONFIDENCE).all()
