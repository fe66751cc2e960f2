#!/usr/bin/env bash
# Everything that needs a GPU, in one call: tests, a training, and the benchmarks of latent diffusion (without diffusers
# if it is not installed; the ablation needs the package of the perceptual network). Results go to $OUT (default:
# bench-out). Packages that the machine lacks are installed from wheels in .whl (cyclopts with its dependencies,
# pydantic); nothing is downloaded.
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
