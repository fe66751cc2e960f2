#!/usr/bin/env bash
# Everything that wants a GPU, in one call: checks, a training, and the benchmarks of latent diffusion (diffusers is left out of them where it is not
# installed; the ablation needs the perceptual network's package). Results go to $OUT (default: bench-out). The packages that the machine lacks travel
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
python3 bench/latent.py --only autoencoders --batch 64 --device cuda --precision bf16 2>&1 | tee "$OUT/latent-small.log"
python3 bench/latent.py --only autoencoders --reference --batch 16 --device cuda --precision bf16 2>&1 | tee "$OUT/latent-reference.log"
python3 bench/latent.py --only diffusion --size 256 --minutes 60 --device cuda --precision bf16 2>&1 | tee "$OUT/latent-diffusion.log"
python3 bench/ablation.py "${SOURCE:-fashion-mnist}" --out "$OUT/ablation" --minutes-each "${ABLATION_MINUTES:-0.5}" --held-out 2000 --device cuda 2>&1 | tee "$OUT/ablation.log"
