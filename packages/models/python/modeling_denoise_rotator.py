"""Runs checkpoints that denoise-rotator rotated, in transformers: AutoModelForCausalLM.from_pretrained(directory, trust_remote_code=True).

Every block works on a residual stream x·R of its own basis R. Norm gains, R and the rotations of the value heads are in
the weights already; what is left is the change of basis at the entry of every block but the first, kept in float32:
model.layers.<l>.input_rotation.weight, [out, in]. All else is transformers' own class of the family.

Weights that are stored packed, kept values and positions, are unpacked when they are read, from a local directory; what
then runs, and is saved, is the plain model.
"""

import json
import re
from pathlib import Path

import torch
import transformers
from safetensors import safe_open
from torch import nn

FORMAT_VERSION = 1
PACKED_VERSION = 2  # of the files; that of the configuration is 1
PACKED = "denoise_rotator_packed"
NAME = re.compile(r"DenoiseRotator(Packed)?(\w+?)(Config|ForCausalLM)$")


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


def unpack(name: str, values: torch.Tensor, positions: torch.Tensor, pattern: str) -> torch.Tensor:
    """The weight [out, in] of its kept values [out, in * N / M] and their positions, lowest bits first; N:M/R has R rows share theirs."""
    pattern, _, share = pattern.partition("/")
    keep, of = map(int, pattern.split(":"))
    rows, kept = values.shape
    width = (of - 1).bit_length()
    bits = (positions[:, :, None] >> torch.arange(8, dtype=torch.uint8) & 1).flatten(1)[:, : kept * width]
    places = (bits.reshape(len(positions), -1, keep, width).long() << torch.arange(width)).sum(-1)
    places = places.repeat_interleave(int(share or 1), dim=0)
    if (places >= of).any() or (places.diff(dim=-1) <= 0).any():
        raise ValueError(f"{name}: its positions do not ascend in groups of {of}; is it damaged?")
    dense = torch.zeros(rows, kept // keep, of, dtype=values.dtype)
    return dense.scatter_(2, places, values.reshape(rows, -1, keep)).reshape(rows, -1)


def read_packed(directory: Path) -> dict[str, torch.Tensor]:
    """All tensors of the safetensors files of a directory, the packed ones as plain weights."""
    tensors, patterns = {}, {}
    for path in sorted(directory.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            listed = json.loads((file.metadata() or {}).get(PACKED, '{"version": 1, "tensors": {}}'))
            if listed["version"] not in range(1, PACKED_VERSION + 1):
                raise ValueError(f"{path}: {PACKED} version {listed['version']}, this file reads up to {PACKED_VERSION}")
            patterns |= listed["tensors"]
            tensors |= {name: file.get_tensor(name) for name in file.keys()}
    for name, pattern in patterns.items():
        tensors[name] = unpack(name, tensors.pop(f"{name}_values"), tensors.pop(f"{name}_positions"), pattern)
    return tensors


class PackedForCausalLM:
    """In front of a class of transformers: reads packed weights into the plain model."""

    @classmethod
    def from_pretrained(cls, directory, *args, config=None, **kwargs):
        if not Path(directory).is_dir():
            raise ValueError(f"{directory} has packed weights, which are read from a local directory; download it first")
        values = (config or cls.config_class.from_pretrained(directory)).to_dict()
        values.pop("quantization_config", None)
        kept = values.pop(PACKED)
        if kept["version"] != 1:
            raise ValueError(f"{directory}: {PACKED} version {kept['version']} in config.json, this file reads 1")
        for key in ("model_type", "architectures", "auto_map"):
            values.pop(key, None)
        values |= kept["replaces"]
        rotated = values["model_type"].startswith("denoise_rotator_")
        family = NAME.match(cls.__name__)[2]
        plain = __getattr__(f"DenoiseRotator{family}ForCausalLM") if rotated else getattr(transformers, f"{family}ForCausalLM")
        if rotated:  # so that `save_pretrained` takes this file along
            plain.config_class.register_for_auto_class()
            plain.register_for_auto_class("AutoModelForCausalLM")
        return plain.from_pretrained(
            None, *args, config=plain.config_class.from_dict(values), state_dict=read_packed(Path(directory)), **kwargs
        )


def __getattr__(name: str):
    """
    DenoiseRotator<Family>Config and DenoiseRotator<Family>ForCausalLM of any family that transformers knows, and with
    packed weights DenoiseRotatorPacked<Family>Config and -ForCausalLM.
    """
    match = NAME.match(name)
    packed, family = match and match[1] or "", match and getattr(transformers, f"{match[2]}Config", None)
    if not family:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r} with transformers {transformers.__version__}")
    prefix, front = (f"{PACKED}_", PackedForCausalLM) if packed else ("denoise_rotator_", RotatedForCausalLM)
    config = type(f"DenoiseRotator{packed}{match[2]}Config", (family,), {
        "__module__": __name__, "model_type": prefix + family.model_type,
    })
    model = type(f"DenoiseRotator{packed}{match[2]}ForCausalLM", (front, getattr(transformers, f"{match[2]}ForCausalLM")), {
        "__module__": __name__, "config_class": config,
    })
    globals().update({config.__name__: config, model.__name__: model})
    return globals()[name]
