"""From another project's weights to those of mmpretrain's ViT: no key unexplained."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .clip import CLIP
from .google import GOOGLE
from .hugging_face import HUGGING_FACE, HUGGING_FACE_CLIP
from .layout import ConversionError, Layout, Used
from .timm import TIMM

LAYOUTS = {
    layout.name: layout
    for layout in (TIMM, HUGGING_FACE, HUGGING_FACE_CLIP, CLIP, GOOGLE)
}
# A key of mmpretrain's own ViT.
_OWN = 'patch_embed.projection.weight'


@dataclass
class Conversion:
    """Converted weights and an account of every key they came from.

    Attributes:
        source: The file, for messages.
        layout: Its layout.
        prefix: What stands before the ViT's keys in it.
        state: Weights by their key in ``mmpretrain.VisionTransformer``, float32.
        used: Keys of the file behind each of these weights.
        unused: Keys of the file that nothing needs, by reason.
    """

    source: str
    layout: Layout
    prefix: str
    state: dict[str, Tensor] = field(default_factory=dict)
    used: dict[str, list[str]] = field(default_factory=dict)
    unused: dict[str, list[str]] = field(default_factory=dict)

    def report(self) -> str:
        """Say in a few lines what was used and what was not, and why."""
        keys = sum(map(len, self.used.values()))
        numbers = sum(tensor.numel() for tensor in self.state.values())
        lines = [
            f'{self.source}: layout {self.layout.name} ({self.layout.title})',
            f'used    {keys} keys: {len(self.state)} weights, {numbers:,} numbers',
        ]
        for reason, names in self.unused.items():
            shown = ', '.join(names[:2]) + (', ...' if len(names) > 2 else '')
            lines.append(f'unused  {len(names)} keys, {reason}: {shown}')
        if not self.unused:
            lines.append('unused  nothing')
        return '\n'.join(lines)


def detect_layout(
    keys: Mapping[str, object], name: str | None = None, source: str = 'these weights'
) -> tuple[Layout, str]:
    """Find out which layout weights have, by a key that only this layout has.

    Args:
        keys: The weights, or anything else by their keys.
        name: Allow this layout alone, a key of ``LAYOUTS``.
        source: The file, for messages.

    Returns:
        The layout, and what stands before the ViT's keys.

    Raises:
        ConversionError: No layout fits.

    >>> layout, prefix = detect_layout({'visual.class_embedding': 0})
    >>> layout.name, prefix
    ('clip', 'visual.')
    """
    layouts = [LAYOUTS[name]] if name is not None else list(LAYOUTS.values())
    for layout in layouts:
        for prefix in layout.prefixes:
            if prefix + layout.anchor in keys:
                return layout, prefix
    for prefix in ('', 'backbone.'):
        if prefix + _OWN in keys:
            raise ConversionError(
                f"{source}: is in mmpretrain's layout already and needs no conversion: "
                f'name it in init_cfg of the backbone, with prefix={prefix[:-1]!r}'
            )
    wanted = ' or '.join(f'{layout.anchor} ({layout.name})' for layout in layouts)
    raise ConversionError(
        f'{source}: no layout known here: none of its {len(keys)} keys is {wanted}. '
        f'The first are {list(keys)[:5]}; if they are only named differently, rename '
        'them to one of these layouts'
    )


def convert(
    weights: Mapping[str, Tensor],
    layout: str | None = None,
    source: str = 'these weights',
) -> Conversion:
    """Turn weights of another project into those of ``mmpretrain.VisionTransformer``.

    Args:
        weights: Tensors by key, as :func:`~.files.read_weights` gives them.
        layout: A key of ``LAYOUTS``; ``None`` finds out by itself.
        source: The file, for messages.

    Returns:
        The converted weights with an account of every key. Whether they fit a
        certain ViT, :func:`check_fit` says.

    Raises:
        ConversionError: A key that no rule knows, or that stands for something that
            mmpretrain's ViT cannot do; a part is missing; a tensor has an odd shape,
            or holds what is no number.

    >>> key = 'visual.class_embedding'
    >>> found = convert({key: torch.ones(8), 'logit_scale': torch.ones(())})
    >>> found.state['cls_token'].shape
    torch.Size([1, 1, 8])
    >>> found.unused
    {'scale of the contrastive loss': ['logit_scale']}
    """
    found = Conversion(source, *detect_layout(weights, layout, source))
    parts: dict[str, dict[int, Tensor]] = {}
    counts: dict[str, int] = {}
    unknown = []
    for key, tensor in weights.items():
        rule, target = _rule_of(key, found)
        if rule is None:
            reason = _reason_of(key, found)
            if reason is None:
                unknown.append(key)
            else:
                found.unused.setdefault(reason, []).append(key)
            continue
        if rule.part in parts.setdefault(target, {}):
            raise ConversionError(
                f'{source}: {key} says the same as {found.used[target]}; remove one'
            )
        parts[target][rule.part] = _changed(tensor, rule, key, source)
        counts[target] = rule.parts
        found.used.setdefault(target, []).append(key)
    if unknown:
        raise ConversionError(
            f'{source}: {len(unknown)} of {len(weights)} keys are not known to the '
            f'layout {found.layout.name}, first {unknown[:3]}. They may change what '
            'the ViT computes, so nothing was converted: if they do not, remove them '
            'from the file'
        )
    for target, pieces in parts.items():
        if len(pieces) < counts[target]:
            raise ConversionError(
                f'{source}: holds {found.used[target]}, {len(pieces)} of the '
                f'{counts[target]} parts of {target}; the file is not complete, fetch '
                'it again'
            )
        joined = torch.cat([pieces[part] for part in sorted(pieces)])
        found.state[target] = joined.contiguous()
    return found


def _rule_of(key: str, found: Conversion) -> tuple[Used | None, str]:
    """The rule of a key and the weight that it makes."""
    if key.startswith(found.prefix):
        name = key.removeprefix(found.prefix)
        for rule in found.layout.used:
            match = re.fullmatch(rule.source, name)
            if match is not None:
                return rule, match.expand(rule.target)
    return None, ''


def _reason_of(key: str, found: Conversion) -> str | None:
    """Why a key is not used; ``None`` where nothing is known about it."""
    layout = found.layout
    known = layout.beside
    name = key
    if key.startswith(found.prefix):
        name = key.removeprefix(found.prefix)
        for pattern, reason in layout.refused:
            if re.fullmatch(pattern, name):
                raise ConversionError(
                    f"{found.source}: {key} is of {reason}, which mmpretrain's ViT has "
                    'not: take a release without'
                )
        known = layout.unused
    for pattern, reason in known:
        if re.fullmatch(pattern, name):
            return reason
    return None


def _changed(tensor: Tensor, rule: Used, key: str, source: str) -> Tensor:
    """A tensor as the rule wants it, in float32."""
    shape = tuple(tensor.shape)
    # A copy, since a part of a larger storage would be saved with all of it.
    tensor = tensor.detach().to(torch.float32, copy=True)
    if not tensor.isfinite().all():
        raise ConversionError(
            f'{source}: {key} holds what is no number (NaN or infinity); the file is '
            'damaged, fetch it again'
        )
    try:
        return rule.change(tensor) if rule.change is not None else tensor
    except (IndexError, RuntimeError) as error:
        raise ConversionError(
            f'{source}: {key} has the shape {shape}, which cannot be: {error}'
        ) from error


# What of the config decides whether a ViT has a weight, by its key.
_SETTINGS = (
    (r'layers\.\d+\.(attn\.gamma1|ffn\.gamma2)\..+', 'layer_scale_init_value'),
    (r'pre_norm\..+', 'pre_norm'),
    (r'patch_embed\.projection\.bias', "pre_norm, or patch_cfg's bias"),
    (r'layers\.\d+\.attn\.qkv\.bias', 'qkv_bias'),
    (r'layers\.\d+\..+', 'the number of layers in arch'),
    (r'ln1\..+', 'final_norm'),
)


def check_fit(found: Conversion, wanted: Mapping[str, Tensor]) -> None:
    """Make sure that converted weights are all of a ViT, and of this one.

    Position embeddings of another square grid fit: mmpretrain's ViT resizes them, once,
    when they are loaded.

    Args:
        found: What :func:`convert` gave.
        wanted: The ViT's ``state_dict()``; its values may be on torch's meta device.

    Raises:
        ConversionError: Weights are missing, left over or of another shape; the message
            names the setting of the config that decides it.
    """
    missing = [key for key in wanted if key not in found.state]
    if missing:
        raise ConversionError(
            f'{found.source}: lacks {len(missing)} of the {len(wanted)} weights that '
            f'the ViT of this config has, first {missing[:3]}: another release, a file '
            f'cut short, or another setting of the ViT{_setting(missing[0])}'
        )
    for key, tensor in found.state.items():
        if key not in wanted:
            raise ConversionError(
                f'{found.source}: has {found.used[key]}, but the ViT of this config '
                f'has no {key}: take the config of this release or change the ViT'
                f'{_setting(key)}'
            )
        if not _fits(key, tensor, wanted[key]):
            raise ConversionError(
                f'{found.source}: {found.used[key]} gives {key} the shape '
                f'{tuple(tensor.shape)}, but the ViT of this config has '
                f'{tuple(wanted[key].shape)}: take the config of this release or '
                'change arch or patch_size of the ViT'
            )


def _setting(key: str) -> str:
    for pattern, setting in _SETTINGS:
        if re.fullmatch(pattern, key):
            return f' ({setting})'
    return ''


def _fits(key: str, tensor: Tensor, wanted: Tensor) -> bool:
    if key != 'pos_embed':
        return tensor.shape == wanted.shape
    patches = tensor.shape[1] - 1
    return (
        tensor.ndim == 3
        and tensor.shape[2] == wanted.shape[2]
        and (
            tensor.shape == wanted.shape
            # Only a square can be resized: the file does not say its sides.
            or (patches > 0 and math.isqrt(patches) ** 2 == patches)
        )
    )
