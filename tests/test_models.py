"""The networks: their layers, the shapes they take, and what the base class does for all."""

import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Unpack

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn
from torch.optim import SGD
from torch.testing import assert_close

from conftest import ROOT, quiet_trainer
from mnist_cnn.data import MnistDataModule
from mnist_cnn.models import DigitClassifier, Mlp, PooledCnn, UnpaddedCnn
from mnist_cnn.models.base import Shape, TrainingSetup, flat_features
from mnist_cnn.schedulers import constant

FILES = {path.stem: path for path in (ROOT / "conf" / "model").glob("*.yaml")}
VARIANTS = [
    network
    for network in DigitClassifier.__subclasses__()
    if network.__module__.startswith("mnist_cnn.models.")
]
MNIST: Shape = (1, 28, 28)

PARAMETERS = {
    "bn_cnn": 954_002,
    "pooled_cnn": 81_066,
    "funnel_cnn": 569_186,
    "deep_bn_cnn": 507_420,
    "digit_cnn": 121_930,
    "mlp": 567_434,
    "strided_cnn": 63_082,
}

# conv CHANNELS@KERNEL pPADDING, on one grey channel; linear IN-OUT; pooling 2×2.
LAYERS = {
    "bn_cnn": [
        *("conv 1-8@3 p1", "batchnorm 8", "pool 2", "relu"),
        *("conv 8-32@5 p2", "batchnorm 32", "pool 2", "relu"),
        *("flatten", "linear 1568-600", "relu", "dropout 0.5", "linear 600-10"),
    ],
    "pooled_cnn": [
        *("conv 1-64@3 p0", "pool 2", "relu"),
        *("conv 64-64@3 p0", "pool 2", "relu"),
        *("conv 64-64@3 p0", "pool 2", "relu"),
        *("flatten", "linear 64-64", "relu", "linear 64-32", "relu", "linear 32-10"),
    ],
    "funnel_cnn": [
        *("conv 1-32@3 p0", "relu", "conv 32-16@3 p0", "relu", "conv 16-8@3 p0", "relu", "pool 2"),
        *("flatten", "linear 968-512", "linear 512-128", "linear 128-10"),
    ],
    "deep_bn_cnn": [
        *("conv 1-5@3 p1", "relu"),
        *("conv 5-10@3 p1", "pool 2", "relu", "batchnorm 10"),
        *("conv 10-20@3 p1", "relu", "batchnorm 20"),
        *("conv 20-40@3 p1", "pool 2", "relu", "batchnorm 40"),
        *("flatten", "linear 1960-200", "relu", "dropout 0.5"),
        *("linear 200-500", "relu", "linear 500-10"),
    ],
    "digit_cnn": [
        *("conv 1-32@3 p0", "pool 2", "relu", "conv 32-64@3 p0", "pool 2", "relu"),
        *("flatten", "linear 1600-64", "relu", "linear 64-10"),
    ],
    "strided_cnn": [
        *("conv 1-16@4 p0 s2 without bias", "batchnorm 16", "relu"),
        *("conv 16-32@3 p0 s2 without bias", "batchnorm 32", "relu"),
        *("conv 32-64@3 p0 without bias", "batchnorm 64", "relu"),
        *("conv 64-64@3 p0 without bias", "batchnorm 64", "relu", "flatten", "linear 256-10"),
    ],
    "mlp": [
        *("flatten", "linear 784-512", "relu", "linear 512-256", "relu"),
        *("linear 256-128", "relu", "linear 128-10"),
    ],
}

every_file = pytest.mark.parametrize("name", sorted(FILES))


class Plain:
    """A class with nothing but what Python gives every class."""


def load(name: str) -> dict[str, Any]:
    content = OmegaConf.to_container(OmegaConf.load(FILES[name]))
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}


def build(
    name: str, input_shape: Shape = MNIST, num_classes: int = 10, **setup: Unpack[TrainingSetup]
) -> DigitClassifier:
    factory = instantiate(load(name), _partial_=True, _convert_="all")
    model: DigitClassifier = factory(input_shape, num_classes, **setup)
    return model


def describe(layer: nn.Module) -> str:
    match layer:
        case nn.Conv2d():
            assert layer.dilation == (1, 1)
            assert layer.groups == 1
            ends = f"{layer.in_channels}-{layer.out_channels}"
            stride = "" if layer.stride == (1, 1) else f" s{square(layer.stride)}"
            bias = " without bias" if layer.bias is None else ""
            return f"conv {ends}@{square(layer.kernel_size)} p{square(layer.padding)}{stride}{bias}"
        case nn.Linear():
            assert layer.bias is not None
            return f"linear {layer.in_features}-{layer.out_features}"
        case nn.MaxPool2d():
            assert layer.stride == layer.kernel_size
            assert (layer.padding, layer.dilation, layer.ceil_mode) == (0, 1, False)
            return f"pool {layer.kernel_size}"
        case nn.BatchNorm2d():
            assert layer.affine
            assert layer.track_running_stats
            return f"batchnorm {layer.num_features}"
        case nn.Dropout():
            return f"dropout {layer.p}"
        case nn.ReLU() | nn.Flatten():
            return type(layer).__name__.lower()
    raise AssertionError(f"unexpected layer {layer}")


def square(sizes: object) -> int:
    assert isinstance(sizes, tuple)
    height, width = sizes
    assert height == width
    return int(height)


def naive_metrics(batches: list[tuple[Tensor, Tensor]]) -> tuple[float, float]:
    losses, hits = [], []
    for logits, labels in batches:
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
            losses.append(math.log(sum(math.exp(value) for value in row)) - row[label])
            hits.append(row.index(max(row)) == label)
    return sum(losses) / len(losses), sum(hits) / len(hits)


def test_every_network_has_a_file_and_the_reference_ones_are_in_the_tables() -> None:
    targets = {load(name)["_target_"].split(".")[-1] for name in FILES}
    assert set(PARAMETERS) == set(LAYERS) <= set(FILES)
    assert {network.__name__ for network in VARIANTS} == targets
    assert len(VARIANTS) >= 6


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_count(name: str) -> None:
    assert sum(parameter.numel() for parameter in build(name).parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str) -> None:
    layers = build(name).layers
    assert isinstance(layers, nn.Sequential)
    assert [describe(layer) for layer in layers] == LAYERS[name]


@every_file
def test_defaults_of_the_class_are_those_of_the_file(name: str) -> None:
    model = build(name)
    assert repr(type(model)(input_shape=MNIST, num_classes=10)) == repr(model)


@every_file
def test_forward_runs_the_layers_and_nothing_else(name: str) -> None:
    model = build(name).eval()
    images = torch.rand(3, *MNIST)
    expected = images
    assert isinstance(model.layers, nn.Sequential)
    for layer in model.layers:
        expected = layer(expected)
    assert torch.equal(model(images), expected)


@every_file
@pytest.mark.parametrize(
    ("input_shape", "num_classes"), [(MNIST, 10), ((3, 32, 32), 47), ((1, 32, 32), 2)]
)
def test_takes_other_shapes_and_classes(name: str, input_shape: Shape, num_classes: int) -> None:
    logits = build(name, input_shape, num_classes)(torch.rand(5, *input_shape))
    assert logits.shape == (5, num_classes)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


@every_file
def test_images_need_not_be_square(name: str) -> None:
    assert build(name, (1, 28, 40))(torch.rand(2, 1, 28, 40)).shape == (2, 10)


@every_file
def test_backward_reaches_every_parameter(name: str) -> None:
    torch.manual_seed(0)
    model = build(name)
    batch = torch.rand(16, *MNIST), torch.arange(16) % 10
    names, parameters = zip(*model.named_parameters(), strict=True)
    loss = model.training_step(batch, 0)["loss"]
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    for parameter_name, gradient in zip(names, gradients, strict=True):
        assert gradient is not None, parameter_name
        assert gradient.isfinite().all(), parameter_name
        # A bias before a batch normalisation has a zero gradient by mathematics.
        assert gradient.dim() == 1 or gradient.count_nonzero() > 0, parameter_name


@pytest.mark.parametrize(
    ("name", "smallest"),
    [
        ("pooled_cnn", 22),
        ("funnel_cnn", 8),
        ("digit_cnn", 10),
        ("bn_cnn", 4),
        ("deep_bn_cnn", 4),
        ("unpadded_cnn", 21),
    ],
)
def test_smallest_images(name: str, smallest: int) -> None:
    images = torch.rand(2, 1, smallest, smallest)
    assert build(name, (1, smallest, smallest))(images).shape == (2, 10)
    less = smallest - 1
    with pytest.raises(ValueError, match=f"images of {less}×{less} pixels are too small"):
        build(name, (1, less, less))


def test_unpadded_cnn_with_all_its_choices() -> None:
    model = UnpaddedCnn(MNIST, 10, channels=(5, 7), separable=True, moments=True, gradients=True)
    assert isinstance(model.layers, nn.Sequential)
    names = [type(layer).__name__ for layer in model.layers]
    conv = ["Conv2d", "Conv2d", "BatchNorm2d", "SiLU"]
    start, head = ["MomentNormalization", "GradientDirections"], ["AdaptiveAvgPool2d", "Flatten"]
    assert names == [*start, *conv, *conv, *head, "Linear"]
    convs = [layer for layer in model.layers if isinstance(layer, nn.Conv2d)]
    assert [(c.in_channels, c.out_channels, c.kernel_size, c.groups) for c in convs] == [
        *((8, 8, (3, 3), 8), (8, 5, (1, 1), 1)),
        *((5, 5, (3, 3), 5), (5, 7, (1, 1), 1)),
    ]


@pytest.mark.parametrize(
    ("separable", "shared", "different"),
    # Of the stem, 4 to 6 maps, and twice 6 to 6; by-map and 1×1 convolutions are two.
    [(False, False, 4), (False, True, 3), (True, False, 7), (True, True, 5)],
)
def test_convolutions_of_the_same_numbers_of_maps_can_share_their_weights(
    separable: bool, shared: bool, different: int
) -> None:
    model = UnpaddedCnn(MNIST, 10, channels=(4, 6, 6, 6), separable=separable, shared=shared)
    assert isinstance(model.layers, nn.Sequential)
    convs = [layer for layer in model.layers if isinstance(layer, nn.Conv2d)]
    assert len(convs) == (7 if separable else 4)
    assert len(set(convs)) == different
    assert (convs[-1] is convs[-2 - separable]) is shared
    norms = [layer for layer in model.layers if isinstance(layer, nn.BatchNorm2d)]
    assert len(set(norms)) == len(norms) == 4


@pytest.mark.parametrize("channels", [[], [0, 4], [8, -3], [8.5]])
def test_unpadded_cnn_names_channels_that_are_none(channels: list[int]) -> None:
    with pytest.raises(ValueError, match=r"channels is \[.*\], must be whole numbers above 0"):
        UnpaddedCnn(MNIST, 10, channels=channels)


@pytest.mark.parametrize("size", [16, 8])
def test_pooled_cnn_names_the_size_of_images_that_are_too_small(size: int) -> None:
    with pytest.raises(ValueError, match=rf"{size}×{size} pixels are too small.* use larger"):
        PooledCnn((1, size, size), 10)


@pytest.mark.parametrize("network", VARIANTS, ids=lambda network: network.__name__)
def test_a_variant_is_a_constructor_and_nothing_else(network: type[DigitClassifier]) -> None:
    assert network.__bases__ == (DigitClassifier,)
    assert set(vars(network)) - set(vars(Plain)) == {"__init__"}


@pytest.mark.parametrize("network", VARIANTS, ids=lambda network: network.__name__)
def test_the_documented_parameter_count_is_the_real_one(network: type[DigitClassifier]) -> None:
    model = network(input_shape=MNIST, num_classes=10)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert f"{count:,} parameters with the defaults" in inspect.getdoc(network)  # type: ignore[operator]


@every_file
def test_hyperparameters_are_plain_data_without_the_training_setup(name: str) -> None:
    model = build(name, optimizer=lambda parameters: SGD(parameters, lr=0.1), scheduler=constant)
    own = {key: value for key, value in load(name).items() if key != "_target_"}
    assert dict(model.hparams) == {"input_shape": MNIST, "num_classes": 10, **own}


@every_file
def test_constructing_leaves_batch_statistics_and_mode_alone(name: str) -> None:
    model = build(name)
    assert all(module.training for module in model.modules())
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.num_batches_tracked == 0
            assert torch.equal(module.running_mean, torch.zeros(module.num_features))  # type: ignore[arg-type]
            assert torch.equal(module.running_var, torch.ones(module.num_features))  # type: ignore[arg-type]


@pytest.mark.parametrize("training", [True, False])
def test_flat_features_leaves_no_trace(training: bool) -> None:
    features = nn.Sequential(nn.Conv2d(1, 3, 5), nn.BatchNorm2d(3), nn.Dropout()).train(training)
    before = {name: value.clone() for name, value in features.state_dict().items()}
    random_numbers = torch.get_rng_state()
    assert flat_features(features, (1, 8, 9)) == 3 * 4 * 5
    assert all(torch.equal(before[name], value) for name, value in features.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random_numbers)
    assert all(module.training == training for module in features.modules())
    assert all(parameter.grad is None for parameter in features.parameters())


def test_pooled_cnn_starts_as_keras() -> None:
    torch.manual_seed(0)
    weighted = [m for m in build("pooled_cnn").modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(weighted) == 6
    for layer in weighted:
        outputs, inputs, *kernel = layer.weight.shape
        bound = math.sqrt(6 / ((inputs + outputs) * math.prod(kernel)))
        largest = layer.weight.abs().max().item()
        assert 0.97 * bound < largest <= bound
        assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)
        assert layer.bias is not None
        assert not layer.bias.any()


@every_file
def test_predict_step_gives_probabilities(name: str) -> None:
    model = build(name).eval()
    images = torch.rand(4, *MNIST)
    probabilities = model.predict_step((images, torch.zeros(4).long()), 0)
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(4))
    assert (probabilities >= 0).all()
    assert torch.equal(probabilities.argsort(dim=1), model(images).argsort(dim=1))


ONE_STEP = {"max_epochs": 1, "limit_train_batches": 1, "limit_val_batches": 1}


def test_fitting_without_optimizer_and_scheduler_says_so(
    make_data: Callable[..., MnistDataModule], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"Mlp was built with optimizer=None.*needs both"):
        quiet_trainer(tmp_path, **ONE_STEP).fit(Mlp(MNIST, 10), make_data())


def test_fitting_without_scheduler_says_so(
    make_data: Callable[..., MnistDataModule], tmp_path: Path
) -> None:
    model = Mlp(MNIST, 10, optimizer=lambda parameters: SGD(parameters, lr=0.1))
    with pytest.raises(ValueError, match=r"scheduler=None, training needs both"):
        quiet_trainer(tmp_path, **ONE_STEP).fit(model, make_data())


@pytest.mark.parametrize("part", ["train", "val", "test"])
@pytest.mark.parametrize("sizes", [[4, 4, 4], [7, 1, 3]], ids=["equal", "unequal"])
def test_logged_metrics_are_means_over_images(
    part: str, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Mlp((1, 1, 5), 5)
    model.layers = nn.Identity()  # the images of a batch are its logits
    step, end = {
        "train": (model.training_step, model.on_train_epoch_end),
        "val": (model.validation_step, model.on_validation_epoch_end),
        "test": (model.test_step, model.on_test_epoch_end),
    }[part]
    logged: list[dict[str, Tensor]] = []
    monkeypatch.setattr(model, "log_dict", lambda values, **options: logged.append(values))
    generator = torch.Generator().manual_seed(0)
    for epoch in range(2):  # the second one shows that the first is forgotten
        batches = [
            (
                torch.randn(size, 5, generator=generator),
                torch.randint(0, 5, (size,), generator=generator),
            )
            for size in sizes
        ]
        for index, batch in enumerate(batches):
            output = step(batch, index)
            assert output["loss"].item() == pytest.approx(naive_metrics([batch])[0], rel=1e-5)
            assert torch.equal(output["logits"], batch[0])
        end()
        loss, accuracy = naive_metrics(batches)
        assert set(logged[epoch]) == {f"{part}/loss", f"{part}/accuracy"}
        assert logged[epoch][f"{part}/loss"].item() == pytest.approx(loss, rel=1e-5)
        assert logged[epoch][f"{part}/accuracy"].item() == pytest.approx(accuracy, rel=1e-6)


def test_a_broken_loss_shows_in_the_logged_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Mlp((1, 1, 5), 5)
    model.layers = nn.Identity()
    logged: dict[str, Tensor] = {}
    monkeypatch.setattr(model, "log_dict", lambda values, **options: logged.update(values))
    labels = torch.tensor([0, 1])
    model.validation_step((torch.zeros(2, 5), labels), 0)
    model.validation_step((torch.full((2, 5), math.nan), labels), 1)
    model.on_validation_epoch_end()
    assert logged["val/loss"].isnan()


def test_label_smoothing_counts_in_training_alone() -> None:
    images, labels = torch.randn(6, *MNIST), torch.arange(6)
    model = build("mlp", label_smoothing=0.2)
    log_probabilities = model(images).log_softmax(dim=1)
    # 0.8 of the label's own loss, 0.2 of the mean over all classes.
    own = -log_probabilities[torch.arange(6), labels].mean()
    smoothed = 0.8 * own - 0.2 * log_probabilities.mean()
    assert_close(model.training_step((images, labels), 0)["loss"], smoothed)
    model.eval()
    assert_close(model.validation_step((images, labels), 0)["loss"], own)
    assert "label_smoothing" not in model.hparams


@pytest.mark.parametrize("share", [-0.1, 1.0, math.nan])
def test_label_smoothing_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=rf"label_smoothing is {share}, must be from 0 to below 1"):
        build("mlp", label_smoothing=share)


@pytest.mark.parametrize("name", ["pooled_cnn", "funnel_cnn", "deep_bn_cnn"])
@pytest.mark.parametrize("hidden", [(64,), (64, 32, 16)])
def test_other_numbers_of_hidden_layers_are_refused(name: str, hidden: tuple[int, ...]) -> None:
    build = instantiate(OmegaConf.load(ROOT / "conf" / "model" / f"{name}.yaml"), _partial_=True)
    with pytest.raises(ValueError, match="values to unpack"):
        build((1, 28, 28), 10, hidden=hidden)
