"""The texts' training loops and PyTorch's own MNIST example, as a yardstick for train.py.

python benchmarks/tutorial_loops.py NAME [--epochs N] [--until PERCENT] [--seed N] [--data DIR]

NAME is one of the five networks or `pytorch_example`. Each image is opened with PIL and converted
by itself, one process feeds the loop, float32: what the texts do. (Pooling stands before ReLU as in
the project's networks, which is a little faster than the texts.) Prints one line of JSON: seconds
of training, images, and the test accuracy after the last epoch. `--until 99` ends with the epoch
that reaches 99 % of the test images, as a person who watches would.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision import transforms
from torchvision.datasets import MNIST

from mnist_cnn.errors import Parser, number
from mnist_cnn.models import BnCnn, DeepBnCnn, DigitCnn, FunnelCnn, PooledCnn

Batches = DataLoader[tuple[Tensor, Tensor]]


class PyTorchExample(nn.Module):
    """The network of github.com/pytorch/examples, mnist/main.py."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
        self.dropout1, self.dropout2 = nn.Dropout(0.25), nn.Dropout(0.5)
        self.fc1, self.fc2 = nn.Linear(9216, 128), nn.Linear(128, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, 10) of images (N, 1, 28, 28)."""
        maps = F.max_pool2d(F.relu(self.conv2(F.relu(self.conv1(images)))), 2)
        features = F.relu(self.fc1(self.dropout1(maps).flatten(1)))
        logits: Tensor = self.fc2(self.dropout2(features))
        return logits


class Loop(NamedTuple):
    """What a text trains, and how."""

    network: Callable[[], nn.Module]
    optimizer: Callable[..., torch.optim.Optimizer]
    batch_size: int
    transform: transforms.Compose
    images: int = 60_000
    rate_falls: float = 1.0  # factor of the learning rate after each epoch


def _transform(*steps: object) -> transforms.Compose:
    return transforms.Compose([transforms.ToTensor(), *steps])


def _adam(
    lr: float, eps: float = 1e-8, weight_decay: float = 0.0
) -> Callable[..., torch.optim.Optimizer]:
    return partial(torch.optim.Adam, lr=lr, eps=eps, weight_decay=weight_decay)


SHAPE = (1, 28, 28)
STANDARDIZE = transforms.Normalize((0.1307,), (0.3081,))
CENTER = transforms.Normalize((0.5,), (0.5,))
COLUMN_L2 = transforms.Lambda(lambda image: F.normalize(image, dim=-2))
LOOPS = {
    "bn_cnn": Loop(
        lambda: BnCnn(SHAPE, 10).layers,
        partial(torch.optim.SGD, lr=0.01),
        100,
        _transform(STANDARDIZE),
    ),
    "pooled_cnn": Loop(
        lambda: PooledCnn(SHAPE, 10).layers,
        _adam(lr=1e-3, eps=1e-7),
        32,
        _transform(COLUMN_L2),
        images=42_000,
    ),
    "funnel_cnn": Loop(lambda: FunnelCnn(SHAPE, 10).layers, _adam(lr=1e-4), 128, _transform()),
    "deep_bn_cnn": Loop(
        lambda: DeepBnCnn(SHAPE, 10).layers,
        _adam(lr=3e-4, weight_decay=1e-3),
        100,
        _transform(CENTER),
    ),
    "digit_cnn": Loop(lambda: DigitCnn(SHAPE, 10).layers, _adam(lr=1e-3), 64, _transform(CENTER)),
    "pytorch_example": Loop(
        PyTorchExample,
        partial(torch.optim.Adadelta, lr=1.0),
        64,
        _transform(STANDARDIZE),
        rate_falls=0.7,
    ),
}


def train(
    network: nn.Module, batches: Batches, optimizer: torch.optim.Optimizer, device: torch.device
) -> tuple[float, float]:
    """One epoch; returns its loss and accuracy, which the texts print."""
    total, correct, seen = 0.0, 0, 0
    network.train()
    for images, labels in batches:
        images, labels = images.to(device), labels.to(device)
        logits = network(images)
        loss = F.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += loss.item()
        correct += int((logits.argmax(dim=1) == labels).sum())
        seen += len(labels)
    return total / len(batches), correct / seen


@torch.no_grad()
def test(network: nn.Module, batches: Batches, device: torch.device) -> float:
    """Accuracy, a fraction."""
    network.eval()
    hits = [network(images.to(device)).argmax(dim=1).cpu() == labels for images, labels in batches]
    return float(torch.cat(hits).float().mean())


def main() -> None:
    """Trains, prints."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=LOOPS)
    parser.add_argument("--epochs", type=number(int, 1), default=1)
    parser.add_argument("--until", type=float, default=float("inf"), help="%% of the test images")
    parser.add_argument("--seed", type=number(int, 0), default=1)
    parser.add_argument("--data", default="data", help="folder of the MNIST files")
    options = parser.parse_args()
    loop = LOOPS[options.name]
    torch.manual_seed(options.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train_set: Dataset[tuple[Tensor, Tensor]] = Subset(
        MNIST(options.data, transform=loop.transform), range(loop.images)
    )
    test_set = MNIST(options.data, train=False, transform=loop.transform)
    batches = DataLoader(train_set, loop.batch_size, shuffle=True)
    test_batches = DataLoader(test_set, 1000)
    network = loop.network().to(device)
    optimizer = loop.optimizer(network.parameters())
    schedule = StepLR(optimizer, 1, loop.rate_falls)
    seconds, images, accuracy = 0.0, 0, 0.0
    for _ in range(options.epochs):
        start = time.perf_counter()
        train(network, batches, optimizer, device)
        schedule.step()
        seconds += time.perf_counter() - start
        images += loop.images
        accuracy = test(network, test_batches, device)
        if accuracy >= options.until / 100:
            break
    print(json.dumps({"seconds": seconds, "images": images, "accuracy": accuracy}))


if __name__ == "__main__":
    main()
