"""Runs checkpoints that denoise-rotator rotated, in transformers: AutoModelForCausalLM.from_pretrained(directory, trust_remote_code=True).

Every block works on a residual stream x·R of its own basis R. Norm gains, R and the rotations of the value heads are in
the weights already; what is left is the change of basis at the entry of every block but the first, kept in float32:
model.layers.<l>.input_rotation.weight, [out, in]. All else is transformers' own class of the family.
"""

import re

import transformers
from torch import nn

FORMAT_VERSION = 1
NAME = re.compile(r"DenoiseRotator(\w+?)(Config|ForCausalLM)$")


class InputRotation(nn.Linear):
    """A change of basis, computed in float32 whatever the dtype of the model."""

    def __init__(self, size: int):
        super().__init__(size, size, bias=False)

    def forward(self, x):
        return nn.functional.linear(x.float(), self.weight.float()).to(x.dtype)


def rotate_input(layer: nn.Module, args: tuple, kwargs: dict):
    if args:
        return (layer.input_rotation(args[0]), *args[1:]), kwargs
    return args, {**kwargs, "hidden_states": layer.input_rotation(kwargs["hidden_states"])}


class RotatedForCausalLM:
    """In front of a class of transformers: gives every block but the first its change of basis."""

    _keep_in_fp32_modules = ["input_rotation"]
    _keep_in_fp32_modules_strict = ["input_rotation"]

    def post_init(self):
        version = self.config.denoise_rotator["version"]
        if version > FORMAT_VERSION:
            raise ValueError(f"denoise_rotator.version is {version}, this file reads up to {FORMAT_VERSION}")
        for layer in self.model.layers[1:]:
            layer.input_rotation = InputRotation(self.config.hidden_size)
            layer.register_forward_pre_hook(rotate_input, with_kwargs=True)
        super().post_init()

    def _init_weights(self, module):
        if isinstance(module, InputRotation):
            nn.init.eye_(module.weight)
        else:
            super()._init_weights(module)


def __getattr__(name: str):
    """DenoiseRotator<Family>Config and DenoiseRotator<Family>ForCausalLM of any family that transformers knows."""
    match = NAME.match(name)
    family = match and getattr(transformers, f"{match[1]}Config", None)
    if not family:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r} with transformers {transformers.__version__}")
    config = type(f"DenoiseRotator{match[1]}Config", (family,), {
        "__module__": __name__, "model_type": f"denoise_rotator_{family.model_type}",
    })
    model = type(f"DenoiseRotator{match[1]}ForCausalLM", (RotatedForCausalLM, getattr(transformers, f"{match[1]}ForCausalLM")), {
        "__module__": __name__, "config_class": config,
    })
    globals().update({config.__name__: config, model.__name__: model})
    return globals()[name]
