"""A model's denoising network as an ONNX file, for runtimes without PyTorch.

Inputs, where B is free and the other sizes are the model's:
    x_t              (B, C, ...) float32   noisy latents, pixels in [-1, 1] where the model has no autoencoder
    t                (B,) float32          times in [0, 1]: 0 is clean, 1 is noise
    NAME             (B, ...)              each condition, as in `ConditionBatch`: `label` (B,) int64,
                                           `text` (B, L) int64 token ids, `mask` (B, H, W) uint8
    keep_NAME        (B,) bool             whether an image keeps this condition; false: unconditional
Output:
    prediction       (B, C, ...) float32   y = network(c_in x_t, c_noise, cond), in the space of `config.predicts`

The scaling of the input and of the time is inside (diffusion/denoiser.py). The metadata of the file holds "debruit",
the model's configuration as JSON; with its process, y and x_t give x_0 and eps (diffusion/prediction.py), for a
velocity of the straight path x_0 = x_t - t y and eps = x_t + (1 - t) y. The autoencoder of a latent model is not part
of the file.
"""

import json
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from debruit.conditioning.batch import ConditionBatch
from debruit.config import encode
from debruit.errors import InputError
from debruit.models.config import Backbone

NEEDED = ("onnx", "onnxscript")
EXAMPLES = 2  # images of the traced batch: a batch size of 1 would be traced as a constant


def export_onnx(backbone: Backbone, conditions: ConditionBatch, path: str | Path) -> None:
    """Write the network of a backbone to an ONNX file; `conditions` of one image give the shapes of its inputs.

    Raise InputError if onnx or onnxscript is not installed.
    """
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise InputError(f"exporting to ONNX needs {' and '.join(missing)}: pip install 'debruit[onnx]'")
    import onnx

    exported, config = ExportedNetwork(backbone).eval(), backbone.config
    examples = [torch.zeros(EXAMPLES, *config.latent_shape), torch.full((EXAMPLES,), 0.5)]
    for name in exported.names:
        examples += [conditions.values[name].repeat(EXAMPLES, *[1] * (conditions.values[name].ndim - 1))]
        examples += [torch.ones(EXAMPLES, dtype=torch.bool)]
    device = next(backbone.parameters()).device
    examples = [example.to(device) for example in examples]
    batch = {0: torch.export.Dim("batch")}
    with torch.no_grad():
        exported(*examples)  # values that a process computes once and stores must not be traced
        program = torch.onnx.export(
            exported,
            tuple(examples),
            input_names=["x_t", "t", *(n for name in exported.names for n in (name, f"keep_{name}"))],
            output_names=["prediction"],
            dynamic_shapes=(batch, batch, *([(batch,) * len(examples[2:])] if exported.names else [])),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    onnx.helper.set_model_props(proto, {"debruit": json.dumps(encode(config))})
    onnx.save(proto, str(path))


class ExportedNetwork(nn.Module):
    """(x_t, t, value and keep of each condition) -> prediction."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone, self.denoiser = backbone, backbone.denoiser()
        self.names = [conditioner.name for conditioner in backbone.config.conditioners]

    def forward(self, x_t: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        values = dict(zip(self.names, conditions[::2], strict=True))
        keep = dict(zip(self.names, conditions[1::2], strict=True))
        cond = self.backbone.cond(values, keep)
        return self.denoiser.raw(x_t, t.double(), cond)[0]
