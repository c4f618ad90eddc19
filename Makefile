# One-line recipes; CI calls the same tools. `make` is not needed to use the product.
BIN ?= .venv/bin

.PHONY: setup demo test fast lint format types imports rules schemas lock wheel

setup:   ; python3 -m venv .venv && $(BIN)/pip install -q -c requirements.lock -e '.[dev]'
demo:    ; $(BIN)/kitchen demo
test:    ; $(BIN)/pytest
fast:    ; $(BIN)/pytest -q tests/unit tests/architecture
lint:    ; $(BIN)/ruff check . && $(BIN)/ruff format --check .
format:  ; $(BIN)/ruff format . && $(BIN)/ruff check --fix .
types:   ; $(BIN)/mypy
imports: ; $(BIN)/lint-imports
rules:   ; promtool test rules configs/prometheus/rules_test.yml
schemas: ; $(BIN)/kitchen config-schema
lock:    ; (sed -n 1p requirements.lock && $(BIN)/pip freeze --exclude-editable | grep -viE '^(pip|setuptools|wheel)==') > requirements.new && mv requirements.new requirements.lock
wheel:   ; $(BIN)/pip wheel -q --no-deps -w dist .
