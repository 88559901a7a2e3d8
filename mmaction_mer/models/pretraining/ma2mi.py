"""MA2MI: self-supervised pre-training by prediction of a near-future frame."""

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

    The frame I_(t+delta) is predicted from the position features of I_t and the action
    code C_delta, in pixels and in the latent space of the position branch. The paper
    does not specify the decoder; here it is :class:`ActionDecoder`, which warps I_t.
    Losses, by their names in the config:

    * ``pixel``: squared error of the frame, in units of 16 grey levels;
    * ``latent``: one minus the correlation over the face between I_t's position
      features, moved, and those of I_(t+delta), channel by channel; the latter are a
      target without gradient. A plain distance would be minimized by constant
      features;
    * ``sparse``: mean magnitude of the code, so that it is zero where nothing moves.

    Args:
        backbone: Config of a :class:`MIACNet`, or of an :class:`MPTActions`.
        hidden: Width of the decoder. Defaults to 64.
        losses: Weights of the losses; 0 or absent disables one. Defaults to 1, 1 and
            0.03.
        data_preprocessor: Returns ``frames (B, 2, 3, H, W)``. Defaults to a
            :class:`KeyFramePreprocessor` of onset and offset.
        init_cfg: Initialization config. Defaults to None.

    Raises:
        ValueError: A loss is unknown, or all are disabled.
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
            raise ValueError('losses: all are disabled')

    def forward(
        self,
        inputs: dict[str, Tensor],
        data_samples: list | None = None,
        mode: str = 'tensor',
    ) -> dict[str, Tensor] | list:
        """Compute losses, reconstructions or errors.

        Args:
            inputs: ``frames (B, 2, 3, H, W)``, normalized, and further inputs of the
                backbone.
            data_samples: The pairs' data samples.
            mode: ``'loss'``; ``'tensor'`` for the output of :meth:`reconstruct`;
                ``'predict'`` for the data samples, each with ``error`` and
                ``copy_error`` (mean squares over the frame, in squared grey levels,
                of the predicted frame and of I_t).

        Returns:
            A dict of losses, of tensors, or a list of data samples.
        """
        if inputs['frames'].shape[1] != 2:
            raise ValueError(
                f'MA2MI needs pairs of frames, but got {inputs["frames"].shape[1]}: '
                "set data_preprocessor.frames=('onset', 'offset')"
            )
        first, last = inputs['frames'].unbind(1)
        positions, code = self.backbone.encode_inputs(inputs)
        predicted = self.reconstruct(first, positions, code)
        if mode == 'tensor':
            return predicted
        if mode == 'predict':
            return self._measured(first, last, predicted['frame'], data_samples or [])
        found = {}
        if weight := self.losses.get('pixel'):
            error = (predicted['frame'] - last) * (self._grey() / PIXEL_UNIT)
            found['loss_pixel'] = weight * error.square().mean()
        if weight := self.losses.get('latent'):
            with torch.no_grad():
                target = self.backbone.positions(last)
            moved = warp(positions.float(), predicted['coarse'])
            difference = _over_the_face(moved) - _over_the_face(target.float())
            found['loss_latent'] = weight * difference.square().mean() / 2
        if weight := self.losses.get('sparse'):
            found['loss_sparse'] = weight * code.abs().mean()
        return found

    def reconstruct(
        self, first: Tensor, positions: Tensor, code: Tensor
    ) -> dict[str, Tensor]:
        """Predict the future frame.

        Args:
            first: I_t ``(B, 3, H, W)``, normalized.
            positions: Its position features ``(B, D, h, w)``.
            code: The action code ``(B, c, g, g)``, of this pair or of another.

        Returns:
            ``frame (B, 3, H, W)``, ``flow (B, 2, H, W)`` in pixels, ``coarse
            (B, 2, h, w)`` in pixels of the position map, and ``heat (B, H, W)``.
        """
        coarse, tint = self.decoder(positions, code)
        # In float32: half precision would round by as much as the frame moves.
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
        """Return the grey levels per normalized unit, ``(3, 1, 1)``."""
        return self.data_preprocessor.std

    def _measured(
        self, first: Tensor, last: Tensor, frame: Tensor, samples: list
    ) -> list:
        for name, image in (('error', frame), ('copy_error', first)):
            squares = ((image - last) * self._grey()).square().mean((1, 2, 3))
            for sample, value in zip(samples, squares.tolist(), strict=True):
                sample.set_field(value, name)
        return samples


def _over_the_face(features: Tensor) -> Tensor:
    """Normalize each channel to mean 0 and variance 1 over the face."""
    return functional.instance_norm(features)
