# make install sets everything up in .venv
# make train   sets everything up, trains bn_cnn on MNIST, says where the results are
# make test    sets everything up, runs all tests
# make lint    the checks of style and types
#
# make train ARGS="model=digit_cnn optimizer=adam"    passes settings on
# make train PYTHON=python3.12                         with another Python, 3.11 to 3.13

PYTHON ?= python3
ARGS ?=

.PHONY: install train test lint

install: .venv/installed

train: .venv/installed
	.venv/bin/python train.py $(ARGS)

# One thread: the tests' networks are tiny, and threads that wait for a busy core cost fourfold.
test: .venv/installed
	OMP_NUM_THREADS=1 .venv/bin/python -m pytest $(ARGS)

lint: .venv/installed
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

# Written last: an installation that was cut is made anew.
.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --editable ".[dev]"
	touch $@
