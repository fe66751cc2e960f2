#!/usr/bin/env bash
# Everything that wants a GPU, in one call: checks and a training. Results go to $OUT (default: bench-out). The packages that the machine lacks travel
# as wheels in .whl (cyclopts and what it needs, pydantic); without a network nothing is fetched.
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=${OUT:-bench-out}
mkdir -p "$OUT"
if [ -d .whl ]; then
  python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target /tmp/site .whl/*.whl
  export PYTHONPATH=/tmp/site
fi
export PYTHONPATH=$PWD/src:${PYTHONPATH:-} PYTHONUNBUFFERED=1
python3 -c "import torch; print(torch.__version__, torch.cuda.get_device_name())"
python3 -m pytest -o addopts="" -q -m gpu tests 2>&1 | tee "$OUT/tests.log"
python3 -m debruit train "${SOURCE:-fashion-mnist}" --out "$OUT/run" --minutes "${MINUTES:-3}" 2>&1 | tee "$OUT/train.log"
python3 -m debruit sample "$OUT/run" -n 64 --out "$OUT/samples.png"
