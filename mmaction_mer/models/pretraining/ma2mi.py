"""MA2MI: learn small facial actions by making the near-future frame."""

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.nn import functional

from ..utils.heat_map import heat_map
from .decoder import ActionDecoder, warp

#: Grey levels that count as one in the pixel loss.
PIXEL_UNIT = 16.0


@MODELS.register_module()
class MA2MI(BaseModel):
    """Pre-training on pairs of frames of macro-expression videos (MA2MI, Fig. 3).

    The frame I_(t+delta) is made of the position features of I_t and the action code
    C_delta, in pixels and in the latent space of the position branch. The paper's
    text does not say how; ours is :class:`ActionDecoder`, which moves I_t by what the
    code says. Losses, by their names in the config:

    * ``pixel``: squared error of the frame, in units of 16 grey levels;
    * ``latent``: one minus the correlation over the face between I_t's position
      features, moved, and those of I_(t+delta), channel by channel; the latter are a
      target and get no gradient. A plain distance would be least where the features
      are the same everywhere;
    * ``sparse``: mean magnitude of the code, so that it is silent where nothing moves.

    Args:
        backbone: Config of a :class:`MIACNet`, or of an :class:`MPTActions`.
        hidden: Width of the decoder.
        losses: Weights of the losses; 0 or left out is off. By default 1, 1 and 0.03.
        data_preprocessor: Gives ``frames (B, 2, 3, H, W)``; by default a
            :class:`KeyFramePreprocessor` of onset and offset.
        init_cfg: As in mmengine.

    Raises:
        ValueError: A loss is not known, or all are off.
    """

    def __init__(
        self,
        backbone: dict,
        hidden: int = 64,
        losses: dict[str, float] | None = None,
        data_preprocessor: dict | nn.Module | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        pair = dict(type='KeyFramePreprocessor', frames=('onset', 'offset'))
        super().__init__(data_preprocessor or pair, init_cfg)
        self.backbone = MODELS.build(backbone)
        self.decoder = ActionDecoder(
            self.backbone.width, self.backbone.code_channels, hidden
        )
        if losses is None:
            losses = dict(pixel=1.0, latent=1.0, sparse=0.03)
        self.losses = dict(losses)
        if unknown := self.losses.keys() - {'pixel', 'latent', 'sparse'}:
            raise ValueError(
                f'losses: {", ".join(sorted(unknown))} is not one of pixel, latent and '
                'sparse'
            )
        if not any(self.losses.values()):
            raise ValueError('losses: all are off, so that nothing would be learnt')

    def forward(
        self,
        inputs: dict[str, Tensor],
        data_samples: list | None = None,
        mode: str = 'tensor',
    ) -> dict[str, Tensor] | list:
        """Losses, or what is made.

        Args:
            inputs: ``frames (B, 2, 3, H, W)``, normalised, and what the backbone needs
                besides.
            data_samples: The pairs' data samples.
            mode: ``'loss'``; ``'tensor'`` for what :meth:`reconstruct` gives;
                ``'predict'`` for the data samples, each with ``error`` and
                ``copy_error`` (mean squares over the frame, in squared grey levels,
                of the frame made and of I_t in its place).

        Returns:
            A dict of losses, of tensors, or a list of data samples.
        """
        if inputs['frames'].shape[1] != 2:
            raise ValueError(
                f'MA2MI is given pairs of frames, but got {inputs["frames"].shape[1]}: '
                "set data_preprocessor.frames=('onset', 'offset')"
            )
        first, last = inputs['frames'].unbind(1)
        positions, code = self.backbone.encode_inputs(inputs)
        made = self.reconstruct(first, positions, code)
        if mode == 'tensor':
            return made
        if mode == 'predict':
            return self._measured(first, last, made['frame'], data_samples or [])
        found = {}
        if weight := self.losses.get('pixel'):
            error = (made['frame'] - last) * (self._grey() / PIXEL_UNIT)
            found['loss_pixel'] = weight * error.square().mean()
        if weight := self.losses.get('latent'):
            with torch.no_grad():
                target = self.backbone.positions(last)
            moved = warp(positions.float(), made['coarse'])
            difference = _over_the_face(moved) - _over_the_face(target.float())
            found['loss_latent'] = weight * difference.square().mean() / 2
        if weight := self.losses.get('sparse'):
            found['loss_sparse'] = weight * code.abs().mean()
        return found

    def reconstruct(
        self, first: Tensor, positions: Tensor, code: Tensor
    ) -> dict[str, Tensor]:
        """Make the future frame.

        Args:
            first: I_t ``(B, 3, H, W)``, normalised.
            positions: Its position features ``(B, D, h, w)``.
            code: The action code ``(B, c, g, g)``, of this pair or another one's.

        Returns:
            ``frame (B, 3, H, W)``, ``flow (B, 2, H, W)`` in pixels, ``coarse
            (B, 2, h, w)`` in pixels of the position map, and ``heat (B, H, W)``.
        """
        coarse, tint = self.decoder(positions, code)
        # Sums over a picture: half precision would round by as much as it moves.
        coarse, tint = coarse.float(), tint.float()
        size = first.shape[-2:]
        flow = functional.interpolate(coarse, size, mode='bilinear')
        finer = [size[1] / coarse.shape[-1], size[0] / coarse.shape[-2]]
        flow = flow * flow.new_tensor(finer).view(2, 1, 1)
        tint = functional.interpolate(tint, size, mode='bilinear')
        frame = warp(first, flow) + tint
        return dict(
            frame=frame, flow=flow, coarse=coarse, heat=heat_map(code, tuple(size))
        )

    def _grey(self) -> Tensor:
        """Grey levels that a normalised picture counts as one, ``(3, 1, 1)``."""
        return self.data_preprocessor.std

    def _measured(
        self, first: Tensor, last: Tensor, frame: Tensor, samples: list
    ) -> list:
        for name, picture in (('error', frame), ('copy_error', first)):
            squares = ((picture - last) * self._grey()).square().mean((1, 2, 3))
            for sample, value in zip(samples, squares.tolist(), strict=True):
                sample.set_field(value, name)
        return samples


def _over_the_face(features: Tensor) -> Tensor:
    """Each channel of each picture with mean 0 and variance 1 over the face."""
    return functional.instance_norm(features)
