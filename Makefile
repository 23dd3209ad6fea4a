# Everything here works on a fresh clone with only Python (3.11 or later) and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# PySpark is large (some 450 MB): it is installed for the tests only where Java is found
SPARK := $(if $(shell which java 2>/dev/null),$(VENV)/.spark)
# where bytecode is not kept, each of the commands that tests start compiles the whole package;
# kept as modules are imported, it is not made at installation for those that nobody imports
export PYTHONDONTWRITEBYTECODE :=

# what the pages take from npm; with Node from PyPI, by assets/package-lock.json
ASSETS := src/drgpay/service/pages/static/vendor/LICENSES.txt

# where tests write: in memory where there is enough of it, since each of them keeps files that the
# disk must have before it goes on
ROOMY := $(shell df -k --output=avail /dev/shm 2>/dev/null | awk 'NR == 2 && $$1 > 6000000 {print "/dev/shm"}')
TESTS := $(if $(ROOMY),TMPDIR=$(ROOMY) )$(BIN)/python -m pytest

.PHONY: assets needed help demo test test-long test-lowest lint types bench soak wheel clean

help:
	@echo "make demo       an invented city of 300,000 cases, grouped and settled, with a report"
	@echo "make test       the test suite;  make test-long: the long property and volume runs"
	@echo "make test-lowest  a part of the suite with the lowest versions that pyproject.toml allows"
	@echo "make lint       format and lint;  make types: strict typing of src"
	@echo "make assets     scripts of the pages, from npm (make demo and make test do it by themselves)"
	@echo "make bench      every number about speed that we claim, measured in one run"
	@echo "make soak       20 minutes of mixed load on the service: no fault, memory flat"
	@echo "make wheel      build a wheel into dist/ and try it in an empty environment"

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "drgpay needs Python 3.11 or later; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e '.[dev]'
	@touch $(READY)

# the project itself stands already: only what the extra names is added
$(VENV)/.spark: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile 'drgpay[spark]'
	@touch $@

# what each worker would make for itself: the bytecode of the tests, the machine code of the kernels
$(VENV)/.bytecode: $(READY)
	-@$(BIN)/python -m pytest --collect-only -m "not long" -p no:cacheprovider > $@.log
	@touch $@

$(VENV)/.kernels: $(READY)
	@rm -rf $@.run # of a run that was broken off
	-@$(BIN)/drgpay year-end tests/cases/ex1 -o $@.run > $@.log
	@touch $@

$(VENV)/.bench: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@touch $@

$(ASSETS): assets/package-lock.json assets/build.py assets/charts.mjs | $(READY)
	$(BIN)/python assets/build.py

assets: $(ASSETS)

# what tests ask for besides Python: Debian's Chromium, PostgreSQL, h2load. Where they are missing and
# cannot be installed, tests that need them are skipped by name and counted at the end
needed:
	@missing=; command -v chromium >/dev/null || missing="chromium fonts-noto-cjk"; \
	  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing="$$missing postgresql"; \
	  command -v h2load >/dev/null || missing="$$missing nghttp2-client"; \
	  [ -z "$$missing" ] || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null; } || \
	  echo "not installed: $$missing; tests that need it will be skipped"

demo: $(READY)
	-@$(MAKE) --no-print-directory assets
	$(BIN)/drgpay demo -o demo

test: $(READY) $(ASSETS) needed
	@$(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,--jobs=3) $(SPARK) $(VENV)/.bytecode $(VENV)/.kernels
	$(TESTS) -n 3 --dist loadgroup -m "not long"

test-long: $(READY) $(SPARK) $(ASSETS) needed
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m long --durations=20

# every dependency at its lower bound; their own warnings about each other are none of ours
test-lowest:
	$(PYTHON) -m venv .lowest
	$(PYTHON) -c 'import re, tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	  print("\n".join(f"{d.replace(chr(62), chr(61))}.*" for d in p["dependencies"]))' > .lowest/bounds
	.lowest/bin/python -m pip install --quiet --disable-pip-version-check -r .lowest/bounds \
	  pytest hypothesis openpyxl adbc-driver-postgresql pymysql 'psycopg[binary]'
	PYTHONPATH=src .lowest/bin/python -m pytest -q -p no:cacheprovider -o filterwarnings=default \
	  -m "not long" tests/readers tests/cases tests/grouper/test_case_types.py \
	  tests/lists/test_convert.py tests/report/test_csv_cells.py tests/runs/test_digests.py

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks

MINUTES := 20
soak: $(READY)
	$(BIN)/python -m benchmarks.soak --minutes $(MINUTES)

wheel: $(READY)
	rm -rf dist
	$(BIN)/python -m build --quiet --wheel
	$(BIN)/python -m pytest -q tests/test_wheel.py -m long

clean:
	rm -rf $(VENV) .lowest demo dist .bench
