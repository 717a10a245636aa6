"""Ensembles: the mean against plain Python, what may stand together, and the command."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim import SGD

from conftest import STANDARDIZE, train_checkpoint
from mnist_cnn.checkpoints import Checkpoint, load_checkpoint
from mnist_cnn.data import MnistDataModule, build_normalization
from mnist_cnn.data.sources import MNIST_SHA256
from mnist_cnn.evaluation import Member, Predictions, evaluate
from mnist_cnn.evaluation import predictions as predictions_module
from mnist_cnn.evaluation.ensembles import check_members, evaluate_together
from mnist_cnn.evaluation.predictions import mean_logits
from mnist_cnn.models import Mlp
from mnist_cnn.schedulers import constant
from toy_predictions import naive_probabilities

MakeData = Callable[..., MnistDataModule]
Here = Callable[..., tuple[int, str]]
NORMALIZATIONS = [
    STANDARDIZE,
    {"method": "column_l2"},
    {"method": "affine", "mean": 0.5, "std": 0.1},
]


def make_checkpoint(
    name: str, data: dict[str, Any], classes: int = 10, side: int = 28
) -> Checkpoint:
    """An untrained network whose weights depend on the length of its name."""
    torch.manual_seed(len(name))
    model = Mlp((1, side, side), classes, hidden=(8, 8, 8)).eval()
    return Checkpoint(Path(name), model, epoch=1, data=data, recipe={})


@pytest.fixture
def checkpoints(make_data: MakeData) -> list[Checkpoint]:
    """Three, each with weights and a normalisation of its own."""
    return [
        make_checkpoint("x" * index + ".ckpt", dict(make_data(normalization=spec).hparams))
        for index, spec in enumerate(NORMALIZATIONS, start=1)
    ]


def test_the_mean_of_probabilities_is_that_of_plain_python() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = [3 * torch.randn(50, 4, generator=generator) for _ in range(3)]
    rows = [naive_probabilities(single) for single in logits]
    expected = [[sum(row[index][k] for row in rows) / 3 for k in range(4)] for index in range(50)]
    mean = mean_logits(logits)
    assert mean.dtype == torch.float64
    assert mean.exp().tolist() == [pytest.approx(row, rel=1e-6) for row in expected]
    assert mean.softmax(dim=1).tolist() == [pytest.approx(row, rel=1e-6) for row in expected]


@pytest.mark.parametrize(
    ("rows", "loss"),
    [
        ([[0.0, -1000.0], [0.0, -1000.0]], 1000.0),
        ([[0.0, -1000.0], [0.0, -2000.0]], 1000.0 + math.log(2)),
        ([[3e38, -3e38], [0.0, 0.0]], math.log(4)),
        ([[0.0, -math.inf], [0.0, 0.0]], math.log(4)),
        ([[0.0, -math.inf], [0.0, -math.inf]], math.inf),
    ],
)
def test_a_truth_held_for_impossible_does_not_spoil_the_loss(
    rows: list[list[float]], loss: float
) -> None:
    logits = mean_logits([torch.tensor([row]) for row in rows])
    predictions = Predictions(torch.zeros(1, 1, 2, 2).byte(), torch.tensor([1]), logits)
    assert predictions.loss == pytest.approx(loss, rel=1e-6)
    assert predictions.probabilities.sum().item() == pytest.approx(1)
    assert predictions.worst_mistakes(1).tolist() == [0]


def test_an_ensemble_averages_its_members_each_with_its_own_normalisation(
    checkpoints: list[Checkpoint],
) -> None:
    singles = [evaluate(checkpoint) for checkpoint in checkpoints]
    together = evaluate_together(checkpoints)
    images = together.images
    with torch.inference_mode():
        logits = [c.model(build_normalization(c.normalization)(images)) for c in checkpoints]
    rows = [naive_probabilities(single) for single in logits]
    expected = [[sum(row[index][k] for row in rows) / 3 for k in range(10)] for index in range(500)]
    assert together.probabilities.tolist() == [pytest.approx(row, rel=1e-4) for row in expected]
    losses = [
        -math.log(row[label]) for row, label in zip(expected, together.labels.tolist(), strict=True)
    ]
    assert together.loss == pytest.approx(sum(losses) / 500, rel=1e-6)
    assert torch.equal(together.images, singles[0].images)
    assert torch.equal(together.labels, singles[0].labels)
    assert together.members == tuple(
        Member(name, single.accuracy, single.loss, None, None)
        for name, single in zip(["x.ckpt", "xx.ckpt", "xxx.ckpt"], singles, strict=True)
    )
    assert len({member.loss for member in together.members}) == 3


def test_a_single_checkpoint_is_evaluated_as_it_is(checkpoints: list[Checkpoint]) -> None:
    alone, together = evaluate(checkpoints[1]), evaluate_together(checkpoints[1:2])
    assert torch.equal(alone.logits, together.logits)
    assert together.members == ()


def test_the_data_files_are_checked_once(
    checkpoints: list[Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    checks: list[MnistDataModule] = []
    prepare = MnistDataModule.prepare_data

    def counted(data: MnistDataModule) -> None:
        checks.append(data)
        prepare(data)

    monkeypatch.setattr(MnistDataModule, "prepare_data", counted)
    evaluate_together(checkpoints)
    assert len(checks) == 1


def test_an_ensemble_knows_the_doubtful_labels_and_the_folder(
    checkpoints: list[Checkpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions_module, "MNIST_SHA256", checkpoints[0].data["digests"])
    monkeypatch.setattr(predictions_module, "MNIST_DOUBTFUL", (3, 7))
    folder = checkpoints[0].data["data_dir"]
    for checkpoint in checkpoints:
        checkpoint.data["data_dir"] = str(tmp_path / "elsewhere")
    together = evaluate_together(checkpoints, folder)
    assert together.doubtful == (3, 7)
    singles = [evaluate(checkpoint, folder).beyond_doubt() for checkpoint in checkpoints]
    assert [len(single.labels) for single in singles] == [498] * 3
    assert [m.accuracy_beyond_doubt for m in together.members] == [s.accuracy for s in singles]
    assert [m.loss_beyond_doubt for m in together.members] == [s.loss for s in singles]


def test_members_are_also_compared_without_what_all_misread(make_data: MakeData) -> None:
    data = dict(make_data(val_size=100).hparams)
    checkpoints = [make_checkpoint(f"{'x' * size}.ckpt", data) for size in (1, 2)]
    first, second = (evaluate(checkpoint, part="val") for checkpoint in checkpoints)
    together = evaluate_together(checkpoints, part="val")
    wrong = tuple(i for i in range(100) if not first.correct[i] and not second.correct[i])
    assert 0 < len(wrong) < 100
    assert together.misread_by_all == wrong
    assert together.doubtful == ()
    rest = replace(first, doubtful=wrong).beyond_doubt()
    assert len(rest.labels) == 100 - len(wrong)
    assert together.members[0].accuracy_beyond_doubt == rest.accuracy > first.accuracy
    assert together.members[0].loss_beyond_doubt == rest.loss
    tested = evaluate_together(checkpoints)
    assert tested.misread_by_all == ()
    assert [member.loss_beyond_doubt for member in tested.members] == [None, None]


def test_turned_images_count_in_every_member(checkpoints: list[Checkpoint]) -> None:
    singles = [evaluate(checkpoint, turn=10) for checkpoint in checkpoints]
    together = evaluate_together(checkpoints, turn=10)
    assert together.turn == 10
    assert torch.equal(together.logits, mean_logits([single.logits for single in singles]))
    assert [m.loss for m in together.members] == [single.loss for single in singles]


def test_networks_for_other_classes_images_or_files_are_refused(make_data: MakeData) -> None:
    data = dict(make_data().hparams)
    other = data["digests"] | {"t10k-labels-idx1-ubyte": "5" * 64}
    found = data["digests"]["t10k-labels-idx1-ubyte"]
    cases = {
        r"number of classes \(10 and 11\)": make_checkpoint("b.ckpt", data, classes=11),
        r"shape of the images \(\(1, 28, 28\) and \(1, 20, 20\)\)": make_checkpoint(
            "b.ckpt", data, side=20
        ),
        rf"SHA-256 of t10k-labels-idx1-ubyte \({found} and 5{{64}}\)": make_checkpoint(
            "b.ckpt", data | {"digests": other}
        ),
        r"SHA-256 of \S+ \(\w{64} and None\)": make_checkpoint("b.ckpt", data | {"digests": {}}),
    }
    first = [make_checkpoint("a.ckpt", data), make_checkpoint("same.ckpt", data)]
    for difference, checkpoint in cases.items():
        expected = rf"^checkpoints a.ckpt and b.ckpt differ in the {difference}, members .* one$"
        with pytest.raises(ValueError, match=expected):
            check_members([*first, checkpoint], "test")
    # The files of the first may be unknown as well.
    with pytest.raises(ValueError, match=r"^checkpoints b.ckpt and a.ckpt .* \(None and \w{64}\)"):
        check_members([checkpoint, *first], "test")


def test_what_is_no_difference_is_accepted(make_data: MakeData) -> None:
    data = dict(make_data().hparams)
    arguments = [
        data | {"digests": None},
        data | {"digests": MNIST_SHA256, "normalization": {"method": "column_l2"}},
        data | {"digests": None, "seed": 5, "val_size": 0, "data_dir": "elsewhere"},
    ]
    checkpoints = [make_checkpoint(f"{i}.ckpt", data) for i, data in enumerate(arguments)]
    check_members(checkpoints, "test")


@pytest.mark.parametrize("other", [{"val_size": 99}, {"val_split": "tail"}, {"split_seed": 9}])
def test_what_one_put_aside_and_another_learned_is_refused(
    other: dict[str, Any], make_data: MakeData
) -> None:
    data = dict(make_data().hparams)
    checkpoints = [make_checkpoint("a.ckpt", data), make_checkpoint("b.ckpt", data | other)]
    check_members(checkpoints, "test")
    (name,) = other
    with pytest.raises(
        ValueError, match=rf"^checkpoints a.ckpt and b.ckpt differ in the data.{name}"
    ):
        evaluate_together(checkpoints, part="val")


def test_files_that_nobody_checks_may_be_others_in_another_folder(make_data: MakeData) -> None:
    data = dict(make_data().hparams) | {"digests": {}}
    other = data | {"data_dir": "elsewhere"}
    checkpoints = [make_checkpoint("a.ckpt", data), make_checkpoint("b.ckpt", other)]
    check_members(checkpoints, "test")
    with pytest.raises(ValueError, match=r"differ in the data.data_dir \(.*elsewhere"):
        check_members(checkpoints, "val")


def test_a_file_counts_once(
    make_data: MakeData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.ckpt").touch()
    Path("folder").mkdir()
    Path("link.ckpt").symlink_to("a.ckpt")
    data = dict(make_data().hparams)
    for again in ("a.ckpt", "folder/../a.ckpt", str(tmp_path / "a.ckpt"), "link.ckpt"):
        twice = [make_checkpoint(name, data) for name in ("a.ckpt", "b.ckpt", again)]
        with pytest.raises(ValueError, match=r"^checkpoint /\S+/a.ckpt is named twice .* once$"):
            check_members(twice, "test")


@pytest.fixture
def two_files(make_data: MakeData, tmp_path: Path) -> list[str]:
    """Two checkpoints as a sweep leaves them."""
    names = []
    for seed in range(2):
        torch.manual_seed(seed)
        model = Mlp(
            (1, 28, 28),
            10,
            hidden=(8, 8, 8),
            optimizer=lambda parameters: SGD(parameters, lr=0.1),
            scheduler=constant,
        )
        folder = tmp_path / "sweep" / str(seed)
        train_checkpoint(model, make_data(), folder, max_steps=2)
        names.append(f"sweep/{seed}/tiny.ckpt")
    return names


def test_the_command_reports_an_ensemble(
    two_files: list[str], run_here: Here, tmp_path: Path
) -> None:
    code, output = run_here("evaluate.py", *two_files, "--report", "report")
    assert code == 0
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    singles = [evaluate(load_checkpoint(name)) for name in two_files]
    assert report["members"] == [
        {
            "checkpoint": name,
            "accuracy": single.accuracy,
            "loss": single.loss,
            "accuracy_beyond_doubt": None,
            "loss_beyond_doubt": None,
        }
        for name, single in zip(two_files, singles, strict=True)
    ]
    for name, single in zip(two_files, singles, strict=True):
        assert f"{single.accuracy:>8.2%}  {single.loss:>23.4f}  {name}\n" in output
    assert "\nensemble of 2: the mean of their probabilities\nimages " in output
    assert re.search(rf"^accuracy +{report['accuracy']:.2%}  \(95 %", output, re.MULTILINE)
    assert report["loss"] < max(single.loss for single in singles)


def test_the_command_turns_the_images(two_files: list[str], run_here: Here, tmp_path: Path) -> None:
    code, output = run_here("evaluate.py", *two_files, "--turn", "10", "--report", "report")
    assert code == 0
    assert output.startswith("each image is also seen turned by ±10°\n\naccuracy ")
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["turn"] == 10
    expected = evaluate_together([load_checkpoint(name) for name in two_files], turn=10)
    assert report["loss"] == pytest.approx(expected.loss, rel=1e-6)


def test_the_command_evaluates_validation_images(two_files: list[str], run_here: Here) -> None:
    code, output = run_here("evaluate.py", *two_files, "--part", "val")
    assert code == 0
    expected = evaluate_together([load_checkpoint(name) for name in two_files], part="val")
    low, high = expected.accuracy_interval
    assert f"images                        {len(expected.labels)}\n" in output
    assert f"{expected.accuracy:.2%}  (95 % interval {low:.2%} to {high:.2%})\n" in output
    assert not torch.equal(expected.images, evaluate(load_checkpoint(two_files[0])).images)


def test_the_command_reports_one_network_alone(two_files: list[str], run_here: Here) -> None:
    code, output = run_here("evaluate.py", two_files[0])
    assert code == 0
    assert output.startswith("images ")
    assert "ensemble" not in output


@pytest.mark.parametrize(
    ("names", "code", "expected"),
    [
        (
            ["--turn", "50", "a.ckpt"],
            2,
            "error: argument --turn: '50' must be a number from 0 to 45; .*",
        ),
        (
            ["--turn", "x", "a.ckpt"],
            2,
            "error: argument --turn: 'x' must be a number from 0 to 45; .*",
        ),
        ([], 2, "error: the following arguments are required: CHECKPOINT; see --help"),
        (["sweep/0/tiny.ckpt", "sweep/0/tiny.ckpt"], 1, "error: checkpoint .* is named twice .*"),
        (["sweep/0/tiny.ckpt", "no.ckpt"], 1, "error: checkpoint no.ckpt is not a file; .*"),
    ],
)
def test_errors_are_one_line(
    names: list[str], code: int, expected: str, two_files: list[str], run_here: Here
) -> None:
    found, output = run_here("evaluate.py", *names)
    assert found == code
    assert re.fullmatch(expected, output.strip())
