"""Recipes, splits by scene, canvases whose unlabelled classes stay unknown, the card."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigurationError
from vision.detections import Detections
from vision.engines.blind import BlindDetector
from vision.training.canvas import CELL, Sample, compose, distort, tiles_of
from vision.training.card import card_of, document_of
from vision.training.evaluation import measure_detector
from vision.training.pictures import Split, difference_hash, find_pictures, read_labels, scene_of, split_of
from vision.training.recipe import Recipe, Source, read_recipe

SHIPPED = Path(__file__).parents[3] / "vision" / "training" / "kitchen-n.yaml"
RECIPE = """
classes: [hairnet, glove]
borrowed: {cat: cat}
precision_targets: {hairnet: 0.8}
sources:
  - name: heads
    kitchen: true
    labelled: [hairnet]
    hold_other: ["^kitchen2"]
    hold_same: ["^kitchen1_day2"]
"""


def written(tmp_path, text=RECIPE) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def put(root: Path, stem: str, seed: int, labels: str = "0 0.5 0.5 0.2 0.2\n") -> None:
    for folder in ("images", "labels"):
        (root / "heads" / folder).mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    cv2.imwrite(str(root / "heads" / "images" / f"{stem}.jpg"), cv2.resize(image, (160, 90), interpolation=cv2.INTER_CUBIC))
    (root / "heads" / "labels" / f"{stem}.txt").write_text(labels, encoding="ascii")


def test_the_shipped_recipe_is_sound():
    recipe = read_recipe(SHIPPED)
    assert (recipe.width, recipe.height) == (640, 384)
    assert set(recipe.precision_targets) == set(recipe.classes)
    assert all(s.author and s.licence and s.origin and s.likeness for s in recipe.sources), "every author is credited"


@pytest.mark.parametrize(
    ("change", "named"),
    [("steps: 3\nspeed: 9\n", "speed"), ("width: 650\n", "width")],
    ids=["an unknown key", "not a multiple of 32"],
)
def test_a_wrong_recipe_names_file_and_key(tmp_path, change, named):
    with pytest.raises(ConfigurationError, match=rf"recipe\.yaml.*{named}"):
        read_recipe(written(tmp_path, RECIPE + change))


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("[hairnet]\n", "[helmet]\n", "helmet"),
        ("name: heads", "name: heads\n    colour: red", "colour"),
        ('"^kitchen2"', '"(["', "regular expression"),
        ("labelled: [hairnet]\n", "labelled: [hairnet]\n    absent: [hairnet]\n", "both labelled and absent"),
    ],
)
def test_a_wrong_source_is_refused(tmp_path, old, new, named):
    with pytest.raises(ConfigurationError, match=named):
        read_recipe(written(tmp_path, RECIPE.replace(old, new, 1)))


def test_whole_scenes_are_held_apart_and_their_near_copies_dropped(tmp_path):
    for stem, seed in (("src__kitchen1_1", 1), ("src__kitchen1_day2_1", 2), ("src__kitchen2_1", 3), ("src__copy_of_kitchen2", 3)):
        put(tmp_path, stem, seed)
    pictures = {p.path.stem: p.split for p in find_pictures(read_recipe(written(tmp_path), root=tmp_path))}
    assert pictures == {
        "src__kitchen1_1": Split.TRAIN,
        "src__kitchen1_day2_1": Split.SAME_SCENE,
        "src__kitchen2_1": Split.OTHER_SCENE,
        "src__copy_of_kitchen2": Split.DROPPED,
    }


def test_a_source_without_pictures_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="heads"):
        find_pictures(read_recipe(written(tmp_path), root=tmp_path))


@pytest.mark.parametrize(
    ("stem", "scene", "block", "expected", "reason"),
    [
        ("video1_00017", r"^(video\d)", 0, "video1", "the group names the scene"),
        ("photo_17", "^photo", 10, "photo/1", "ten neighbouring numbers are one scene"),
        ("photo_20", "^photo", 10, "photo/2", "the next ten are another"),
        ("odd", "^photo", 0, "odd", "a picture of its own"),
    ],
)
def test_a_scene_is_read_from_the_name(stem, scene, block, expected, reason):
    assert scene_of(stem, Source(name="s", labelled=(), scene=scene, block=block)) == expected, reason


@given(st.text("abc_", min_size=1, max_size=4), st.integers(0, 999), st.integers(0, 999))
def test_frames_of_one_scene_are_never_split(name, one, other):
    source = Source(name="s", folder="s", labelled=(), scene=r"^(\w+)-", hold_share=0.5)
    assert split_of(f"{name}-{one}", source, 7) is split_of(f"{name}-{other}", source, 7)


def test_labels_are_read_and_an_empty_file_is_an_empty_picture():
    classes, boxes = read_labels("3 0.5 0.5 0.1 0.2\n0 0.1 0.1 0.1 0.1\n")
    assert classes.tolist() == [3, 0]
    assert boxes.shape == (2, 4)
    assert read_labels("\n")[1].shape == (0, 4)


def test_a_hash_survives_recompression_and_tells_pictures_apart():
    scene = cv2.resize(np.random.default_rng(1).integers(0, 255, (8, 8, 3), dtype=np.uint8), (320, 180))
    other = cv2.resize(np.random.default_rng(2).integers(0, 255, (8, 8, 3), dtype=np.uint8), (320, 180))
    again = cv2.imdecode(cv2.imencode(".jpg", scene, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 1)
    assert (difference_hash(scene) ^ difference_hash(again)).bit_count() <= 4
    assert (difference_hash(scene) ^ difference_hash(other)).bit_count() > 12


def sample(source=0, width=100, height=80) -> Sample:
    image = np.full((height, width, 3), 200, dtype=np.uint8)
    return Sample(image, np.array([1, 0]), np.array([[10, 10, 60, 50], [70, 60, 90, 75]], np.float32), source)


@given(st.integers(0, 2**31))
def test_tiles_cover_a_canvas_and_every_cell_knows_its_source(seed):
    draw = np.random.default_rng(seed)
    tiles = tiles_of(640, 384, draw)
    assert sum(w * h for _, _, w, h in tiles) == 640 * 384
    canvas = compose(tiles, [sample(source=i) for i in range(len(tiles))], draw)
    assert canvas.image.shape == (384, 640, 3)
    for index, (x, y, w, h) in enumerate(tiles):
        cells = canvas.sources[y // CELL : (y + h) // CELL, x // CELL : (x + w) // CELL]
        assert (cells == index).all()
    assert len(canvas.classes) == len(canvas.boxes)
    assert (canvas.boxes >= 0).all()
    assert (canvas.boxes[:, 2] <= 640).all()
    assert (canvas.boxes[:, 3] <= 384).all()


@given(st.integers(0, 2**31))
def test_a_box_follows_its_object(seed):
    image = np.zeros((120, 160, 3), np.uint8)
    image[40:80, 50:110] = 255
    one = Sample(image, np.array([0]), np.array([[50, 40, 110, 80]], np.float32), 0)
    piece, kept, boxes = distort(one, 160, 120, np.random.default_rng(seed))
    if not kept.any():
        return
    x1, y1, x2, y2 = boxes[0]
    middle = piece[int((y1 + y2) / 2), int((x1 + x2) / 2)].astype(int)
    corner = np.array([piece[0, 0], piece[-1, -1]]).astype(int)
    bright = piece.astype(int).sum(axis=2)
    inside = bright[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))]
    assert inside.max() >= bright.max() - 90, f"the white block lies in its box: {middle}, {corner}"


def test_an_evaluation_of_a_blind_model_finds_nothing_and_grants_nothing(tmp_path):
    for stem, seed in (("src__kitchen1_1", 1), ("src__kitchen2_1", 3)):
        put(tmp_path, stem, seed)
    recipe = read_recipe(written(tmp_path), root=tmp_path)
    evaluation = measure_detector(recipe, BlindDetector())
    scores = evaluation.scores[Split.OTHER_SCENE]["hairnet"]
    assert (scores.boxes, scores.ap50, scores.precision, scores.recall) == (1, 0.0, None, 0.0)
    assert "glove" not in evaluation.scores[Split.OTHER_SCENE], "a class the source does not know is not judged"
    assert evaluation.thresholds == {"hairnet": None, "glove": None, "cat": 0.6}
    document = document_of(recipe, evaluation)
    assert document["splits"]["other_scene"]["classes"]["hairnet"]["ap50"] == 0.0
    deployed = document_of(recipe, evaluation, deployed={"hairnet": 0.9})["splits"]["other_scene"]["classes"]["hairnet"]
    assert (deployed["threshold"], deployed["precision"], deployed["recall"]) == (0.9, None, 0.0)
    card = card_of(recipe, evaluation)
    assert "| hairnet | 1 | 1 | 0.00 | 0.00 | 0.80 | none (review from 0.25) | - | 0.00 |" in card
    assert "never reaches 0.8" in card


class SeesEverything(BlindDetector):
    """Finds a hairnet exactly where `put` drew one."""

    def detect(self, image):
        height, width = image.shape[:2]
        box = np.array([[0.4 * width, 0.4 * height, 0.6 * width, 0.6 * height]], np.float32)
        return Detections(box, ("hairnet",), np.array([0.9], np.float32))


@pytest.mark.parametrize(
    ("text", "threshold", "reason"),
    [
        (RECIPE, 0.9, "always right in kitchens"),
        (RECIPE.replace("    kitchen: true\n", ""), None, "always right, but in no kitchen"),
    ],
)
def test_only_what_kitchens_prove_acts_by_itself(tmp_path, text, threshold, reason):
    for number in range(12):
        put(tmp_path, f"src__kitchen2_{number}", number)
    recipe = read_recipe(written(tmp_path, text), root=tmp_path)
    evaluation = measure_detector(recipe, SeesEverything())
    assert evaluation.scores[Split.OTHER_SCENE]["hairnet"].ap50 == pytest.approx(1.0)
    assert evaluation.thresholds["hairnet"] == threshold, reason


class TestMaskedLoss:
    """Needs the extra `train`."""

    @pytest.fixture
    def fit(self):
        pytest.importorskip("ultralytics", reason="needs the extra train")
        return pytest.importorskip("vision.training.fit")

    def recipe(self) -> Recipe:
        sources = (Source(name="a", labelled=("hairnet",)), Source(name="b", labelled=("glove",), absent=("hairnet",)))
        return Recipe(classes=("hairnet", "glove"), root=Path(), start=Path(), borrowed={}, sources=sources, width=64, height=64)

    def test_a_class_is_known_where_it_is_labelled_or_absent(self, fit):
        assert fit.known_classes(self.recipe()).tolist() == [[1, 0], [1, 1], [1, 1]]

    def test_an_unknown_class_gets_no_gradient_where_its_source_lies(self, fit):
        torch = pytest.importorskip("torch")
        model = fit.DetectionModel("yolov8n.yaml", nc=2, verbose=False)
        model.args = fit.GAINS
        loss = fit.MaskedLoss(model, fit.known_classes(self.recipe()))
        predictions = dict(model.train()(torch.zeros(1, 3, 64, 64)))
        predictions["scores"] = predictions["scores"].detach().requires_grad_()
        sources = torch.zeros(1, 8, 8, dtype=torch.int64)
        sources[:, :, 4:] = 1  # the right half knows both classes
        nothing = {"batch_idx": torch.zeros(0), "cls": torch.zeros(0), "bboxes": torch.zeros(0, 4), "sources": sources}
        total, _ = loss(predictions, nothing)
        total.sum().backward()
        finest = predictions["scores"].grad[0, :, :64].reshape(2, 8, 8)
        assert (finest[0] > 0).all(), "hairnet is known everywhere: empty anchors are negatives"
        assert (finest[1, :, :4] == 0).all(), "glove is unknown on the left"
        assert (finest[1, :, 4:] > 0).all(), "and known on the right"
