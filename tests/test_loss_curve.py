"""train.py's fast path against the plainest loop there is."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hydra.utils import instantiate
from lightning import seed_everything
from omegaconf import DictConfig

from mnist_cnn.training import train

NETWORKS = ["bn_cnn", "pooled_cnn", "funnel_cnn", "deep_bn_cnn", "digit_cnn", "strided_cnn"]
# Rounding grows in training: by a maximum that another pixel wins, by Adam's steps, whose size is
# the rate's even where a gradient is nothing but rounding. So float32 is compared at a small rate,
# and float64, where only a true difference would show, at usual ones.
CASES = [
    pytest.param("sgd", torch.optim.SGD, "32-true", 1e-3, 1e-4, id="sgd-float32"),
    pytest.param("sgd", torch.optim.SGD, "64-true", 0.02, 1e-6, id="sgd-float64"),
    pytest.param("adam", torch.optim.Adam, "64-true", 1e-3, 1e-6, id="adam-float64"),
]


def logged_losses(cfg: DictConfig) -> list[float]:
    """The loss of every step of a training."""
    train(cfg)
    with Path(cfg.output_dir, "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [float(row["train/loss_step"]) for row in rows if row["train/loss_step"]]


def plain_losses(
    cfg: DictConfig, optimizer: Callable[..., torch.optim.Optimizer], dtype: torch.dtype
) -> list[float]:
    """The same without Lightning, fused optimizer, memory layout, loader: image by image."""
    seed_everything(cfg.seed)
    data = instantiate(cfg.data, _convert_="all")
    data.prepare_data()
    data.setup()
    build = instantiate(cfg.model, _partial_=True, _convert_="all")
    network = build(data.image_shape, data.num_classes).layers.train().to(dtype)
    step = optimizer(network.parameters(), lr=cfg.optimizer.lr)
    images, labels = data.part("train")
    normalization = data.normalize
    losses = []
    for chosen in data.train_dataloader().sampler.indices().split(cfg.data.batch_size):
        batch = torch.stack([normalization(images[i : i + 1])[0] for i in chosen.tolist()])
        loss = F.cross_entropy(network(batch.to(dtype)), labels[chosen])
        step.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        step.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize(("name", "optimizer", "precision", "lr", "tolerance"), CASES)
@pytest.mark.parametrize("model", NETWORKS)
def test_the_loss_curve_of_an_epoch_is_that_of_a_plain_loop(
    model: str,
    name: str,
    optimizer: Callable[..., torch.optim.Optimizer],
    precision: str,
    lr: float,
    tolerance: float,
    make_config: Callable[..., DictConfig],
) -> None:
    cfg = make_config(
        *(f"model={model}", f"optimizer={name}", f"optimizer.lr={lr}", "optimizer.weight_decay=0"),
        *(f"trainer.precision={precision}", "trainer.max_epochs=1", "trainer.log_every_n_steps=1"),
        *("data.val_size=1800", "data.batch_size=20", "callbacks.step_curves.val_images=1"),
        "~callbacks.digit_pictures",
    )
    fast = logged_losses(cfg)
    plain = plain_losses(cfg, optimizer, {"32": torch.float32, "64": torch.float64}[precision[:2]])
    assert len(fast) == 10
    assert len(set(fast)) == 10
    assert fast == pytest.approx(plain, abs=tolerance)
