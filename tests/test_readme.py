"""Every command and every piece of Python in the README does what it says, on the fake data."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

from conftest import ROOT, FakeData
from mnist_cnn.prediction import Reading

README = (ROOT / "README.md").read_text()
# Two steps of everything, and no pictures, which take a second.
CUT = [
    "trainer.limit_train_batches=2",
    "trainer.limit_test_batches=1",
    "~callbacks.digit_pictures",
]


def commands() -> list[list[str]]:
    blocks = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [line for line in lines if line[:1] == ["python"]]


def newest_run(folder: Path) -> str:
    return str(max((folder / "outputs" / "runs").iterdir(), key=lambda run: run.stat().st_mtime))


def test_the_commands_work(
    run_here: Callable[..., tuple[int, str]], fake_data: FakeData, tmp_path: Path
) -> None:
    for folder in ("benchmarks", "src"):  # pictures and weights
        (tmp_path / folder).symlink_to(ROOT / folder)
    found = commands()
    assert len(found) >= 10
    for _, script, *arguments in found:
        if "outputs/runs/TIME" in " ".join(arguments):
            run = newest_run(tmp_path)
            arguments = [text.replace("outputs/runs/TIME", run) for text in arguments]
        epochs = [] if "trainer.max_epochs" in " ".join(arguments) else ["trainer.max_epochs=1"]
        extra = [*fake_data.overrides, *epochs, *CUT] if script == "train.py" else []
        code, output = run_here(script, *arguments, *extra)
        assert code == 0, output
        if script != "predict.py" and not {"--help", "--cfg"} & set(arguments):
            assert "accuracy" in output


def test_the_python_works(
    run_here: Callable[..., tuple[int, str]], fake_data: FakeData, tmp_path: Path
) -> None:
    code, _ = run_here("train.py", *fake_data.overrides, "trainer.max_epochs=1", *CUT)
    assert code == 0
    block, photo = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    exec(block.replace("outputs/runs/TIME", newest_run(tmp_path)), names)
    probabilities = names["probabilities"]
    assert isinstance(probabilities, list)
    assert sum(len(batch) for batch in probabilities) == 500
    assert probabilities[0].shape[1] == 10
    exec(photo.replace("benchmarks/", f"{ROOT}/benchmarks/"), names)
    assert isinstance(names["reading"], Reading)


def test_it_names_every_network_and_recipe_and_files_that_exist() -> None:
    for name in re.findall(r"`((?:src|conf)/[\w/.]*)`", README):
        assert (ROOT / name).exists(), name
    for model in (ROOT / "conf" / "model").glob("*.yaml"):
        assert f"`{model.stem}`" in README, model.stem
    for recipe in (ROOT / "conf" / "experiment").glob("*.yaml"):
        assert f"`{recipe.stem}`" in README or f"experiment={recipe.stem}" in README, recipe.stem
