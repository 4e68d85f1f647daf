# One line a target; every target sets up what it needs. PYTHON=... names another Python for .venv.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do $$p -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
NO_PYTHON = no Python 3.11, 3.12 or 3.13 with venv on PATH: install python3.11 and python3.11-venv, or run make PYTHON=/path/to/python3
INSTALLED := .venv/installed
MATRIX := build/matrix

TOOLS := cmake g++ g++-aarch64-linux-gnu nlohmann-json3-dev qemu-user adb kotlin junit4 libgoogle-gson-java libhamcrest-java aapt zipalign apksigner android-framework-res chromium-headless-shell

.PHONY: setup demo test lint type imports format matrix tools clean

setup: $(INSTALLED)

# Installs again only when pyproject.toml changed; a half-made .venv is made anew.
$(INSTALLED): pyproject.toml
	@.venv/bin/python -m pip --version >/dev/null 2>&1 || $(or $(PYTHON),$(error $(NO_PYTHON))) -m venv --clear .venv
	.venv/bin/python -m pip install --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: setup
	.venv/bin/pocketmatte demo $(if $(VIDEO),"$(VIDEO)")

# A process a core, up to four; a file's tests in one of them, since they share what they build.
test: lint type imports
	OMP_NUM_THREADS=1 .venv/bin/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

lint: setup
	.venv/bin/ruff check . && .venv/bin/ruff format --check .

type: setup
	.venv/bin/mypy

imports: setup
	.venv/bin/lint-imports

format: setup
	.venv/bin/ruff check --fix . && .venv/bin/ruff format .

matrix: setup
	.venv/bin/pocketmatte build --network all --tier all --format onnx,coreml,executorch --recipe fp32,fp16 --jobs 2 --out $(MATRIX) && .venv/bin/pocketmatte verify $(MATRIX) --jobs 2

# What the tests of the native runner, of emulated processors, of adb, of Kotlin and of pages run with; Debian, as root.
tools:
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(TOOLS)

clean:
	rm -rf build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
