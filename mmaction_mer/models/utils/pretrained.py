"""Loading of pre-trained backbones: everything used, or an error that says what."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from mmengine.logging import print_log
from mmengine.runner.checkpoint import CheckpointLoader, load_state_dict
from torch import Tensor, nn

from ...utils.errors import ConfigError
from ...utils.host import checkpoint_repairs
from .slim_checkpoint import KEY, check_frozen

PACKAGE_SCHEME = 'mmaction_mer://'
WEIGHTS_DIR = Path(__file__).parents[1] / 'weights'

# Before any use of CheckpointLoader, also if this package is not used by a registry.
checkpoint_repairs.apply()


class WeightsNotFoundError(ConfigError, FileNotFoundError):
    """Pre-trained weights are not there or cannot be read."""


class WeightsMissingError(ConfigError, KeyError):
    """Pre-trained weights lack what the backbone needs."""

    # A KeyError would put its message into quotes.
    __str__ = Exception.__str__


@CheckpointLoader.register_scheme(prefixes=PACKAGE_SCHEME)
def _load_from_package(filename: str, map_location: str | None = None) -> dict:
    name = filename.removeprefix(PACKAGE_SCHEME)
    if Path(name).name != name:
        raise FileNotFoundError(f'{filename}: names no file of {WEIGHTS_DIR.name}/')
    return CheckpointLoader.load_checkpoint(str(WEIGHTS_DIR / name), map_location)


def load_init_cfg(
    module: nn.Module, init_cfg: Mapping[str, Any], names: Collection[str] | None = None
) -> None:
    """Load the weights that an ``init_cfg`` names, see :func:`load_pretrained`.

    Args:
        module: The backbone to fill.
        init_cfg: ``dict(type='Pretrained', checkpoint=..., prefix=...)``.
        names: See :func:`load_pretrained`.

    Raises:
        ValueError: It names no weights.
    """
    source = dict(init_cfg) if isinstance(init_cfg, Mapping) else {}
    if source.pop('type', 'Pretrained') != 'Pretrained' or 'checkpoint' not in source:
        raise ValueError(
            f"init_cfg of {type(module).__name__} is dict(type='Pretrained', "
            f'checkpoint=...), but is {init_cfg}'
        )
    load_pretrained(module, **source, names=names)


def load_pretrained(
    module: nn.Module,
    checkpoint: str,
    prefix: str | None = None,
    names: Collection[str] | None = None,
) -> None:
    """Load a backbone's weights from a path, a URL or this package.

    Args:
        module: The backbone to fill.
        checkpoint: A path, a URL, or ``mmaction_mer://NAME`` for weights that ship
            with the package.
        prefix: The part of the checkpoint's keys to strip, e.g. ``'backbone'``; what
            lies outside is left alone.
        names: Load these of the module's weights alone, beside others that stay. Where
            the checkpoint says over which frozen weights they were trained, these must
            be the module's.

    Raises:
        WeightsNotFoundError: The file is not there or cannot be fetched; the message
            says which file to put where.
        WeightsMissingError: The checkpoint lacks weights of the backbone.
        MERRunError: They were trained over other frozen weights, or the file cannot be
            read or asks for code.
        ValueError: The weights hold NaN.
    """
    try:
        content = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')
    except (URLError, OSError) as error:
        raise WeightsNotFoundError(_where_to_put(checkpoint, error)) from error
    found = content.get('state_dict', content) if isinstance(content, dict) else {}
    start = prefix.rstrip('.') + '.' if prefix else ''
    state = {
        key.removeprefix(start): value
        for key, value in (found.items() if isinstance(found, dict) else ())
        if isinstance(key, str) and key.startswith(start) and isinstance(value, Tensor)
    }
    wanted = module.state_dict().keys() if names is None else names
    missing = [key for key in wanted if key not in state]
    if missing:
        raise WeightsMissingError(
            f'{checkpoint}: {len(missing)} of {len(wanted)} weights are missing '
            f'(prefix={prefix!r}), first {missing[:3]}; check the prefix and the arch'
        )
    if names is not None and KEY in state:
        check_frozen(module, state[KEY], checkpoint)
    state = {key: state[key].float() for key in wanted}
    broken = [key for key, value in state.items() if not value.isfinite().all()]
    if broken:
        raise ValueError(f'{checkpoint}: weights that are no numbers in {broken[:3]}')
    load_state_dict(module, state, strict=names is None)
    print_log(f'{checkpoint}: {len(wanted)} weights loaded', logger='current')


def _where_to_put(checkpoint: str, error: Exception) -> str:
    if '://' not in checkpoint or checkpoint.startswith(PACKAGE_SCHEME):
        return (
            f'the pre-trained weights {checkpoint} cannot be read ({error}); check '
            'init_cfg.checkpoint of the backbone. docs/backbones.md says how '
            'tools/convert_weights.py makes those of CLIP and FaRL, docs/ma2mi.md how '
            'the configs ma2mi_* make those in work_dirs/ma2mi_*'
        )
    name = checkpoint.rsplit('/', 1)[-1]
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    return (
        f'the pre-trained weights {checkpoint} could not be fetched ({error}). Without '
        f'a network, download {name} elsewhere and put it at {folder / name}, or set '
        'init_cfg.checkpoint of the backbone to the path where you keep it'
    )
