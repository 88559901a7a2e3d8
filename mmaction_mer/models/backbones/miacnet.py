"""MIACNet: position and action features of pairs of frames (MA2MI)."""

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional

from ..utils.pretrained import load_init_cfg
from .miacnet_branch import Branch

RESNET18 = dict(
    type='mmpretrain.ResNet',
    depth=18,
    out_indices=(0, 1, 2, 3),
    norm_cfg=dict(type='GN', num_groups=32),
)


@MODELS.register_module()
class MIACNet(BaseModule):
    """Micro-action network of two branches (MA2MI, Fig. 2).

    The **position branch** encodes the first frame of a pair. The **action branch**
    encodes the pair into the action code. The paper leaves the rest open; this
    implementation:

    * the action branch is given the first frame and the difference of the two, times
      ``gain``, since a micro-expression is a difference of a few grey levels;
    * the code is a coarse map of few channels. It is what the decoder of the
      pre-training makes the second frame of (:class:`ActionDecoder`), and all that it
      learns of the second frame: positions cannot carry the action. Nothing but its
      size keeps the code from carrying something of the face;
    * for recognition, position features say at every place of the code's map which
      movements count there, between 0 and 1, and mixtures of the code are let through
      by as much. The map stands as it is, since faces are aligned; the numbers of both
      pairs, onset to apex and apex to offset, stand side by side, their root mean
      square set to one: how far a face moves differs from clip to clip, what it does
      is asked for.

    Normalization is by groups: batch statistics would tie the folds of a stack, the
    ranks of a cluster and the clips of a small batch to one another.

    Args:
        branch: Config of the backbone of each branch; by default ResNet-18.
        width: Channels D of the map of each branch.
        code_channels: Channels c of the action code.
        grid: Side g of the action code's map.
        features: Mixtures of the code at every place that go to the head; ``None`` for
            pre-training, which does not use them. Defaults to 8.
        gain: Factor of the frame difference. Defaults to 8.
        decoupled: ``False`` replaces both branches by one over both frames, as an
            ablation of the decoupling. Defaults to True.
        init_cfg: ``dict(type='Pretrained', checkpoint=..., prefix='backbone')`` for
            weights pre-trained by :class:`MA2MI`; ``fuse`` is not part of them.

    Example:
        >>> small = dict(RESNET18, stem_channels=8, base_channels=8,
        ...              norm_cfg=dict(type='GN', num_groups=4))
        >>> net = MIACNet(small, width=16, features=4)
        >>> net(torch.zeros(2, 3, 3, 64, 64)).shape
        torch.Size([2, 1568])
    """

    def __init__(
        self,
        branch: dict | None = None,
        width: int = 128,
        code_channels: int = 8,
        grid: int = 14,
        features: int | None = 8,
        gain: float = 8.0,
        decoupled: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        branch = branch or RESNET18
        self.grid, self.gain = grid, gain
        self.width, self.code_channels = width, code_channels
        self.position = Branch(branch, width) if decoupled else None
        self.action = Branch(branch, width, in_channels=6)
        self.to_code = nn.Conv2d(width, code_channels, 1)
        self.fuse = None
        if features is not None:
            self.fuse = nn.ModuleDict(
                dict(
                    where=nn.Conv2d(width, features, 1),
                    what=nn.Conv2d(code_channels, features, 1, bias=False),
                )
            )

    @property
    def out_features(self) -> int:
        """Number of features per pair of frames.

        Raises:
            ValueError: ``features`` is None, as for pre-training.
        """
        if self.fuse is None:
            raise ValueError(
                'features=None is for pre-training; recognition needs a number of them'
            )
        return self.fuse['what'].out_channels * self.grid**2

    def init_weights(self) -> None:
        """Initialize, then load pre-trained weights."""
        pretrained, self.init_cfg = self.init_cfg, None
        super().init_weights()
        self.init_cfg = pretrained
        if pretrained is not None:
            learned = [n for n in self.state_dict() if not n.startswith('fuse.')]
            load_init_cfg(self, pretrained, learned)

    def encode(self, first: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        """Compute position features and action codes of pairs.

        Args:
            first: ``(B, 3, H, W)``, normalized.
            last: Same shape, a later frame.

        Returns:
            Position features ``(B, D, h, w)`` of ``first``, and the action code
            ``(B, c, g, g)``.
        """
        moved = self.action(torch.cat([first, self.gain * (last - first)], 1))
        code = self.to_code(functional.adaptive_avg_pool2d(moved, self.grid))
        return self.positions(first) if self.position is not None else moved, code

    def encode_inputs(self, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Apply :meth:`encode` to ``frames (B, 2, 3, H, W)``."""
        return self.encode(*inputs['frames'].unbind(1))

    def positions(self, picture: Tensor) -> Tensor:
        """Compute position features ``(B, D, h, w)`` of a frame ``(B, 3, H, W)``."""
        if self.position is None:
            return self.action(torch.cat([picture, torch.zeros_like(picture)], 1))
        return self.position(picture)

    def forward(self, frames: Tensor) -> Tensor:
        """Compute the features of clips.

        Args:
            frames: ``(B, F, 3, H, W)``: onset, apex and perhaps offset, normalized.

        Returns:
            ``(B, (F - 1) * features * grid * grid)``.
        """
        width = self.out_features * (frames.shape[1] - 1)
        first, last = frames[:, :-1].flatten(0, 1), frames[:, 1:].flatten(0, 1)
        positions, code = self.encode(first, last)
        # Normalized over the face, so that what all faces share does not dominate.
        places = functional.instance_norm(
            functional.adaptive_avg_pool2d(positions, self.grid)
        )
        gate = self.fuse['where'](places).sigmoid()
        found = (gate * self.fuse['what'](code)).view(frames.shape[0], width)
        return functional.rms_norm(found, (width,), eps=1e-8)
