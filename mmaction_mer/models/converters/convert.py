"""Conversion of weights of other projects, with an account of every key."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .clip import CLIP
from .google import GOOGLE
from .hugging_face import HUGGING_FACE, HUGGING_FACE_CLIP
from .layout import ConversionError, Layout, Rule
from .timm import TIMM

LAYOUTS = {
    layout.name: layout
    for layout in (TIMM, HUGGING_FACE, HUGGING_FACE_CLIP, CLIP, GOOGLE)
}
# A key of mmpretrain's ViT.
_OWN = 'patch_embed.projection.weight'


@dataclass
class Conversion:
    """Converted weights and an account of every key they came from.

    Attributes:
        source: Path of the file, for messages.
        layout: Layout of the file.
        prefix: Prefix of the keys of the ViT in the file.
        state: Weights by key of ``mmpretrain.VisionTransformer``, float32.
        used: Keys of the file that each of these weights is made of.
        unused: Keys of the file that are not needed, by reason.
    """

    source: str
    layout: Layout
    prefix: str
    state: dict[str, Tensor] = field(default_factory=dict)
    used: dict[str, list[str]] = field(default_factory=dict)
    unused: dict[str, list[str]] = field(default_factory=dict)

    def report(self) -> str:
        """Return a summary of the used keys, and of the unused ones with reasons."""
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
    """Detect the layout of weights by the key that is specific to each layout.

    Args:
        keys: Mapping with the keys of the weights.
        name: The only layout to consider, a key of ``LAYOUTS``. Defaults to None, which
            considers all.
        source: Path of the file, for messages. Defaults to 'these weights'.

    Returns:
        The layout, and the prefix of the keys of the ViT.

    Raises:
        ConversionError: No layout matches.

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
                "has mmpretrain's layout and needs no conversion",
                path=source,
                hint=f'use it in init_cfg of the backbone, with prefix={prefix[:-1]!r}',
            )
    wanted = ' or '.join(f'{layout.anchor} ({layout.name})' for layout in layouts)
    raise ConversionError(
        f'has an unknown layout: none of its {len(keys)} keys is {wanted}, the first '
        f'are {list(keys)[:5]}',
        path=source,
        hint='if only the names differ, rename the keys to one of these layouts',
    )


def convert(
    weights: Mapping[str, Tensor],
    layout: str | None = None,
    source: str = 'these weights',
) -> Conversion:
    """Convert weights of another project to those of ``mmpretrain.VisionTransformer``.

    Args:
        weights: Tensors by key, see :func:`~.files.read_weights`.
        layout: A key of ``LAYOUTS``. Defaults to None, which detects the layout.
        source: Path of the file, for messages. Defaults to 'these weights'.

    Returns:
        The converted weights with an account of every key; :func:`check_fit` checks
        whether they match a ViT.

    Raises:
        ConversionError: A key is unknown, or of a feature that mmpretrain's ViT does
            not have; a part is missing; a tensor has a wrong shape or is not finite.

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
                f'is a duplicate of {found.used[target]}',
                path=source,
                field=key,
                hint='remove one of them',
            )
        parts[target][rule.part] = _transform(tensor, rule, key, source)
        counts[target] = rule.parts
        found.used.setdefault(target, []).append(key)
    if unknown:
        raise ConversionError(
            f'{len(unknown)} of {len(weights)} keys are unknown to the layout '
            f'{found.layout.name}, first {unknown[:3]}; nothing was converted, since '
            f'they may change the output of the ViT',
            path=source,
            hint='if they do not, remove them from the file',
        )
    for target, pieces in parts.items():
        if len(pieces) < counts[target]:
            raise ConversionError(
                f'has only {found.used[target]}, {len(pieces)} of the '
                f'{counts[target]} parts of {target}',
                path=source,
                hint='the file is incomplete, download it again',
            )
        joined = torch.cat([pieces[part] for part in sorted(pieces)])
        found.state[target] = joined.contiguous()
    return found


def _rule_of(key: str, found: Conversion) -> tuple[Rule | None, str]:
    """Return the rule for a key and the key of the converted weight."""
    if key.startswith(found.prefix):
        name = key.removeprefix(found.prefix)
        for rule in found.layout.used:
            match = re.fullmatch(rule.source, name)
            if match is not None:
                return rule, match.expand(rule.target)
    return None, ''


def _reason_of(key: str, found: Conversion) -> str | None:
    """Return why a key is not needed; None if the key is unknown."""
    layout = found.layout
    known = layout.beside
    name = key
    if key.startswith(found.prefix):
        name = key.removeprefix(found.prefix)
        for pattern, feature in layout.unsupported:
            if re.fullmatch(pattern, name):
                raise ConversionError(
                    f"is of {feature}, which mmpretrain's ViT does not support",
                    path=found.source,
                    field=key,
                    hint='use a release without this feature',
                )
        known = layout.unused
    for pattern, reason in known:
        if re.fullmatch(pattern, name):
            return reason
    return None


def _transform(tensor: Tensor, rule: Rule, key: str, source: str) -> Tensor:
    """Apply a rule to a tensor, in float32."""
    shape = tuple(tensor.shape)
    # A copy, since torch saves a view together with its whole storage.
    tensor = tensor.detach().to(torch.float32, copy=True)
    if not tensor.isfinite().all():
        raise ConversionError(
            'has NaN or infinite values',
            path=source,
            field=key,
            hint='the file is damaged, download it again',
        )
    try:
        return rule.transform(tensor) if rule.transform is not None else tensor
    except (IndexError, RuntimeError) as error:
        raise ConversionError(
            f'has an invalid shape {shape}: {error}', path=source, field=key
        ) from error


# The setting of the config that determines whether a ViT has a weight, by its key.
_SETTINGS = (
    (r'layers\.\d+\.(attn\.gamma1|ffn\.gamma2)\..+', 'layer_scale_init_value'),
    (r'pre_norm\..+', 'pre_norm'),
    (r'patch_embed\.projection\.bias', "pre_norm, or patch_cfg's bias"),
    (r'layers\.\d+\.attn\.qkv\.bias', 'qkv_bias'),
    (r'layers\.\d+\..+', 'the number of layers in arch'),
    (r'ln1\..+', 'final_norm'),
)


def check_fit(found: Conversion, wanted: Mapping[str, Tensor]) -> None:
    """Check that converted weights are complete and match a ViT.

    Position embeddings of another square grid are accepted: mmpretrain's ViT resizes
    them once, when they are loaded.

    Args:
        found: Result of :func:`convert`.
        wanted: ``state_dict()`` of the ViT; its values may be on torch's meta device.

    Raises:
        ConversionError: Weights are missing, unexpected or of another shape; the hint
            names the setting of the config that determines it.
    """
    missing = [key for key in wanted if key not in found.state]
    if missing:
        raise ConversionError(
            f'{len(missing)} of the {len(wanted)} weights of the ViT in the config are '
            f'missing, first {missing[:3]}',
            path=found.source,
            hint='the file is truncated or of another release, or the ViT has another '
            f'setting{_setting(missing[0])}',
        )
    for key, tensor in found.state.items():
        if key not in wanted:
            raise ConversionError(
                f'has {found.used[key]}, but the ViT in the config has no {key}',
                path=found.source,
                hint=f'use the config of this release or change the ViT{_setting(key)}',
            )
        if not _fits(key, tensor, wanted[key]):
            raise ConversionError(
                f'{key} from {found.used[key]} has the shape {tuple(tensor.shape)}, '
                f'but the ViT in the config needs {tuple(wanted[key].shape)}',
                path=found.source,
                hint='use the config of this release, or change arch or patch_size of '
                'the ViT',
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
            # Only a square grid can be resized: the file does not have its sides.
            or (patches > 0 and math.isqrt(patches) ** 2 == patches)
        )
    )
