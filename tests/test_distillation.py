"""Learning from other networks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from conftest import FakeData, compose_config
from mnist_cnn.checkpoints import load_checkpoint
from mnist_cnn.distillation import Distillation, build_distillation, find_teachers
from mnist_cnn.evaluation import evaluate
from mnist_cnn.training import train

MakeConfig = Callable[..., DictConfig]
QUICK = ["optimizer=adam", "optimizer.lr=0.01", "~callbacks.digit_pictures", "seed=1"]
SMALL = [*QUICK, "model=digit_cnn", "model.channels=[4,8]"]
IMAGES = torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def teachers() -> list[nn.Module]:
    torch.manual_seed(2)
    return [nn.Sequential(nn.Flatten(), nn.Linear(16, 3)) for _ in range(3)]


@pytest.fixture
def logits() -> Tensor:
    return torch.randn(6, 3, generator=torch.Generator().manual_seed(3))


def naive(teachers: list[nn.Module], logits: Tensor, temperature: float) -> float:
    """The mean over the images of sum p log(p / q), times the square of the temperature."""
    total = 0.0
    for image, row in zip(IMAGES, logits, strict=True):
        outputs = [teacher(image[None])[0] / temperature for teacher in teachers]
        p = sum(output.exp() / output.exp().sum() for output in outputs) / len(teachers)
        q = (row / temperature).exp() / (row / temperature).exp().sum()
        total += (p * (p / q).log()).sum().item()
    return temperature**2 * total / len(IMAGES)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_the_loss_equals_a_naive_one(
    weight: float, temperature: float, teachers: list[nn.Module], logits: Tensor
) -> None:
    loss = Distillation(teachers, weight, temperature)(torch.tensor(0.7), logits, IMAGES)
    expected = (1 - weight) * 0.7 + weight * naive(teachers, logits, temperature)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_who_says_what_the_teacher_says_has_nothing_to_learn(teachers: list[nn.Module]) -> None:
    logits = teachers[0](IMAGES).detach().requires_grad_()
    loss = Distillation(teachers[:1], 1.0, 2.0)(torch.tensor(9.0), logits, IMAGES)
    assert loss.item() == pytest.approx(0, abs=1e-6)
    loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-6


def test_teachers_get_no_gradient(teachers: list[nn.Module], logits: Tensor) -> None:
    logits.requires_grad_()
    loss = Distillation(teachers, 0.5, 2.0)(torch.tensor(0.0), logits, IMAGES)
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is None for teacher in teachers for p in teacher.parameters())
    assert logits.grad is not None


@pytest.mark.parametrize(
    ("weight", "temperature", "rule"),
    [
        (-0.1, 1.0, "distillation weight is -0.1, must be from 0 to 1"),
        (1.1, 1.0, "distillation weight is 1.1, must be from 0 to 1"),
        (0.5, 0.0, "distillation temperature is 0.0, must be above 0"),
        (0.5, float("inf"), "distillation temperature is inf, must be above 0"),
        ("much", 1.0, "distillation weight is much, must be from 0 to 1"),
        (0.5, "hot", "distillation temperature is hot, must be above 0"),
    ],
)
def test_numbers_out_of_range_are_refused(weight: Any, temperature: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        Distillation([], weight, temperature)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory, fake_data: FakeData) -> Path:
    """A checkpoint after two epochs."""
    run = tmp_path_factory.mktemp("teacher") / "run"
    train(compose_config(fake_data, run, *SMALL, "trainer.max_epochs=2"))
    return run / "checkpoints" / "best.ckpt"


def test_a_network_learns_from_teachers_alone(
    teacher: Path, make_config: MakeConfig, tmp_path: Path
) -> None:
    settings = [*QUICK, "model=mlp", "trainer.max_epochs=3"]
    alone = [f"distillation.teachers=[{teacher}]", "distillation.weight=1"]
    train(make_config(*settings, *alone, f"output_dir={tmp_path}/student"))
    own = evaluate(load_checkpoint(tmp_path / "student" / "checkpoints" / "last.ckpt"))
    taught = evaluate(load_checkpoint(teacher))
    assert (own.predicted == taught.predicted).float().mean() > 0.8
    saved = torch.load(tmp_path / "student" / "checkpoints" / "last.ckpt", weights_only=True)
    assert not any("teacher" in name for name in saved["state_dict"])


def test_a_pattern_names_several_teachers(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "[c]"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "last.ckpt").touch()

    def found(*names: str) -> list[str]:
        paths = find_teachers([str(tmp_path / name) for name in names])
        return [path.removeprefix(f"{tmp_path}/") for path in paths]

    assert found("[ab]/last.ckpt") == ["a/last.ckpt", "b/last.ckpt"]
    assert found("**/last.ckpt") == [f"{name}/last.ckpt" for name in ("[c]", "a", "b", "c")]
    assert found("b/last.ckpt", "[a]/last.ckpt") == ["b/last.ckpt", "a/last.ckpt"]
    assert found("[c]/last.ckpt") == ["[c]/last.ckpt"]  # the name of a file is no pattern
    with pytest.raises(FileNotFoundError, match=r"d\*/last\.ckpt is no file, and no file matches"):
        found("d*/last.ckpt")
    with pytest.raises(ValueError, match=r"a/last\.ckpt is named twice and would count"):
        found("*/last.ckpt", "a/last.ckpt")
    with pytest.raises(ValueError, match=r"teacher /\S+/a/last\.ckpt is named twice and would"):
        found("a/last.ckpt", "b/../a/last.ckpt")


@pytest.mark.parametrize(
    ("teachers", "rule"),
    [("a.ckpt", "teachers is a.ckpt, must be a list"), ([1], "1 is int, must be the name")],
)
def test_teachers_are_a_list_of_names(teachers: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        find_teachers(teachers)


def test_a_checkpoint_names_its_teachers_one_by_one(
    teacher: Path, make_config: MakeConfig, tmp_path: Path
) -> None:
    taught = f"distillation.teachers=[{teacher.parent}/b*.ckpt]"
    train(make_config(*SMALL, taught, "trainer.max_epochs=1"))
    checkpoint = load_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert checkpoint.recipe["distillation"]["teachers"] == [str(teacher)]


def test_without_weight_teachers_change_nothing(
    teacher: Path, make_config: MakeConfig, tmp_path: Path
) -> None:
    settings = [*SMALL, "trainer.max_epochs=1"]
    train(make_config(*settings, f"output_dir={tmp_path}/plain"))
    taught = [f"distillation.teachers=[{teacher}]", "distillation.weight=0"]
    train(make_config(*settings, *taught, f"output_dir={tmp_path}/taught"))
    plain, other = (
        load_checkpoint(tmp_path / name / "checkpoints" / "last.ckpt").model.state_dict()
        for name in ("plain", "taught")
    )
    for name in plain:
        torch.testing.assert_close(plain[name], other[name])


@pytest.mark.parametrize("precision", ["64-true", "bf16-true", "bf16-mixed"])
def test_teachers_take_the_precision_of_the_run(
    precision: str, teacher: Path, make_config: MakeConfig
) -> None:
    taught = [f"distillation.teachers=[{teacher}]", f"trainer.precision={precision}"]
    assert train(make_config(*SMALL, *taught, "trainer.max_epochs=2")) > 0.5  # type: ignore[operator]


@pytest.mark.parametrize(
    ("override", "rule"),
    [
        ("distillation.teachers=one.ckpt", "teachers is one.ckpt, must be a list; put it in brack"),
        ("data/normalization=center", "trained with data/normalization .*0.1307.*has .*0.5"),
        ("distillation.weight=2", "distillation weight is 2, must be from 0 to 1"),
        ("distillation.teachers=[no.ckpt]", "teacher no.ckpt is no file, and no file matches it"),
    ],
)
def test_what_does_not_fit_is_refused(
    override: str, rule: str, teacher: Path, make_config: MakeConfig
) -> None:
    settings = [*SMALL, f"distillation.teachers=[{teacher}]", override]
    with pytest.raises((ValueError, FileNotFoundError), match=rule):
        train(make_config(*settings))


def test_numbers_are_checked_without_teachers_too(make_config: MakeConfig) -> None:
    with pytest.raises(ValueError, match="distillation weight is 2, must be from 0 to 1"):
        train(make_config(*SMALL, "distillation.weight=2"))


def test_a_teacher_of_other_classes_is_refused(
    teacher: Path, make_data: Callable[..., object]
) -> None:
    data = make_data()
    data.num_classes = 11  # type: ignore[attr-defined]
    settings = {"teachers": [teacher], "weight": 0.5, "temperature": 1.0}
    with pytest.raises(ValueError, match="trained with number of classes 10, this run has 11"):
        build_distillation(settings, data)  # type: ignore[arg-type]
