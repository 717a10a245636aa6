"""A recipe's network on the project's own batches, in a loop of torch alone.

python benchmarks/bare_loop.py EXPERIMENT [SETTING …]

What is left of train.py without Lightning, metrics, logs, checkpoints, bar, schedule, averaging and
distillation. Prints one line of JSON: seconds of one epoch, its first step included as train.py's
are, of them those in which batches were made (on a GPU: in which that was asked for), images,
arithmetic per image, and what a matrix product reaches in the same process.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mnist_cnn.errors import Parser, ends_with_one_line, one_line
from mnist_cnn.hardware import (
    DEFAULT_THREADS,
    choose_precision,
    keep_freed_memory,
    on_cpu,
    use_threads,
)
from mnist_cnn.settings import MEMORY_FORMATS

CONF = Path(__file__).parent.parent / "conf"
SIDE = 2048  # of the matrices
PRECISIONS = ("bf16-mixed", "32-true")


def matrix_peak(dtype: torch.dtype, device: torch.device) -> float:
    """FLOP/s of a large matrix product, the best of five."""
    matrix = torch.rand(SIDE, SIDE, device=device).to(dtype)
    seconds = []
    for _ in range(6):  # the first one sets up
        start = time.perf_counter()
        (matrix @ matrix).sum().item()  # waits for a GPU
        seconds.append(time.perf_counter() - start)
    return 2 * SIDE**3 / min(seconds[1:])


def train_epoch(cfg: DictConfig, precision: str) -> dict[str, float]:
    """Trains one epoch and measures it."""
    keep_freed_memory()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(cfg.seed)
    data = instantiate(cfg.data, _convert_="all")
    data.prepare_data()
    data.setup()
    build = instantiate(cfg.model, _partial_=True, _convert_="all")
    network: nn.Module = build(data.image_shape, data.num_classes).layers
    network = network.to(device).to(memory_format=MEMORY_FORMATS[cfg.memory_format]).train()
    optimizer = instantiate(cfg.optimizer)(network.parameters())
    batches = data.train_dataloader()
    batches.images, batches.labels = batches.images.to(device), batches.labels.to(device)
    smoothing = cfg.label_smoothing
    dtype = torch.bfloat16 if precision == "bf16-mixed" else torch.float32

    def step(images: Tensor, labels: Tensor) -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=dtype is torch.bfloat16):
            loss = F.cross_entropy(network(images), labels, label_smoothing=smoothing)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    iterator, fetching = iter(batches), 0.0
    start = time.perf_counter()
    for _ in range(len(batches)):
        asked = time.perf_counter()
        batch = next(iterator)
        fetching += time.perf_counter() - asked
        step(*batch)
    if device.type == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    with FlopCounterMode(display=False) as counter:
        step(*batch)
    return {
        "seconds": seconds,
        "fetching_seconds": fetching,
        "images": len(batches.indices),
        "flop_per_image": counter.get_total_flops() / len(batch[1]),
        "matrix_peak": matrix_peak(dtype, device),
    }


def main() -> None:
    """Trains, prints."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", help="name in conf/experiment, such as reference/bn_cnn")
    parser.add_argument("settings", metavar="SETTING", nargs="*", help="as train.py takes them")
    options = parser.parse_args()
    with ends_with_one_line(), initialize_config_dir(str(CONF), version_base="1.3"):
        try:
            cfg = compose("train", [f"experiment={options.experiment}", *options.settings])
        except HydraException as error:
            sys.exit(f"error: {one_line(error)}")
        precision = cfg.trainer.precision
        if precision == "auto":
            precision = choose_precision("auto")
        if precision not in PRECISIONS:
            sys.exit(f"error: trainer.precision is {precision}, must be {' or '.join(PRECISIONS)}")
        with use_threads(cfg.threads or DEFAULT_THREADS, own_cores=on_cpu("auto")):
            print(json.dumps(train_epoch(cfg, precision)))


if __name__ == "__main__":
    main()
