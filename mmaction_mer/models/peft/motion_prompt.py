"""Temporal Gaussian tokenisation: a motion sequence becomes K prompts (MPT, III-B)."""

import math

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional

from .spatial_gaussian import SpatialGaussian


@MODELS.register_module()
class MotionPrompt(BaseModule):
    """K motion prompts from K learned Gaussians in time (MPT, Eq. 8-12).

    Eq. 8 embeds every frame: a patch-wise convolution, then the mean over space.
    GELU between the two is our choice, since a spatial mean of a zero-mean signal
    is nearly nothing without it. Eq. 9-10 leave the range of the parameters open;
    ours are ``mu = (T - 1) sigmoid(.)`` and ``sigma = softplus(.) + eps`` in frames,
    starting with the means spread evenly over the clip and ``sigma = T / K``. The
    weights of Eq. 11 are normalised to sum to one over time.

    With ``spatial``, which is ours, a prompt also has a place: see
    :class:`SpatialGaussian`.

    Args:
        embed_dims: Width D of the backbone's tokens.
        num_prompts: Prompts K; the paper's 5.
        length: Frames T; the paper's 16.
        channels: Width of the frame embedding.
        patch_size: Side and stride of the convolution in pixels.
        in_channels: Colour channels.
        eps: Smallest sigma, in frames.
        gelu: ``False`` leaves the non-linearity of Eq. 8 out.
        spatial: Give every prompt a place on the face, too.
        num_layers: Accepted so that prompts of every layer can stand in its place.
        init_cfg: As in mmengine.

    Example:
        >>> prompt = MotionPrompt(embed_dims=32, num_prompts=5)
        >>> prompt(torch.zeros(2, 16, 3, 64, 64)).shape
        torch.Size([2, 5, 32])
    """

    #: What the recognizer hands over: the motion sequence, or the image.
    needs_motion = True

    def __init__(
        self,
        embed_dims: int,
        num_prompts: int = 5,
        length: int = 16,
        channels: int = 128,
        patch_size: int = 16,
        in_channels: int = 3,
        eps: float = 1e-2,
        gelu: bool = True,
        spatial: bool = False,
        num_layers: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if num_prompts < 1:
            raise ValueError(
                f'num_prompts must be at least 1, got {num_prompts}; leave the prompt '
                'out of the config (prompt=None) for a model without motion prompts'
            )
        self.num_prompts = num_prompts
        self.length = length
        self.patch_size = patch_size
        self.eps = eps
        self.gelu = gelu
        self.embed = nn.Conv2d(in_channels, channels, patch_size, patch_size)
        self.to_mean = nn.Linear(length * channels, num_prompts)
        self.to_sigma = nn.Linear(length * channels, num_prompts)
        self.project = nn.Linear(channels, embed_dims)
        self.where = None
        if spatial:
            self.where = SpatialGaussian(num_prompts, channels, embed_dims)
        self._spread_gaussians()

    def _spread_gaussians(self) -> None:
        start = (torch.arange(self.num_prompts) + 0.5) / self.num_prompts
        width = self.length / self.num_prompts - self.eps
        with torch.no_grad():
            for layer in (self.to_mean, self.to_sigma):
                # Small, not zero: the first steps keep the spread, yet can learn.
                nn.init.normal_(layer.weight, std=1e-3)
            self.to_mean.bias.copy_(torch.logit(start))
            self.to_sigma.bias.fill_(math.log(math.expm1(width)))

    def frame_features(self, motion: Tensor) -> Tensor:
        """Embed every frame by itself (MPT, Eq. 8).

        Args:
            motion: See :meth:`patch_features`.

        Returns:
            ``(B, T, channels)``.
        """
        return self.patch_features(motion).mean(dim=2)

    def patch_features(self, motion: Tensor) -> Tensor:
        """Embed every patch of every frame: Eq. 8 before its mean over space.

        Args:
            motion: ``(B, T, C, H, W)``; edges that fill no whole patch are cut off,
                as the convolution does.

        Returns:
            ``(B, T, N, channels)``, the N patches row by row.

        Raises:
            ValueError: Not T frames, or frames smaller than one patch.
        """
        if motion.ndim != 5 or motion.shape[1] != self.length:
            raise ValueError(
                f'MotionPrompt(length={self.length}) takes motion of shape (B, '
                f'{self.length}, C, H, W), got {tuple(motion.shape)}'
            )
        if min(motion.shape[-2:]) < self.patch_size:
            raise ValueError(
                f'frames of {tuple(motion.shape[-2:])} pixels hold no patch of '
                f'{self.patch_size}'
            )
        # The convolution as a product over patches, which do not overlap: stacked
        # folds make it one batched product, and autocast treats it like any other.
        patches = _patches(motion, self.patch_size)
        weight = self.embed.weight.flatten(1)
        embedded = functional.linear(patches, weight, self.embed.bias)
        return functional.gelu(embedded) if self.gelu else embedded

    def gaussians(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Means, widths and weights over time (MPT, Eq. 9-11).

        Args:
            features: ``(B, T, channels)`` from :meth:`frame_features`.

        Returns:
            ``mu (B, K)`` and ``sigma (B, K)`` in frames from 0, and the weights
            ``(B, K, T)``, which sum to one over T.
        """
        flat = features.flatten(1)
        mu = (self.length - 1) * torch.sigmoid(self.to_mean(flat))
        sigma = functional.softplus(self.to_sigma(flat)) + self.eps
        t = torch.arange(self.length, device=flat.device, dtype=mu.dtype)
        # A softmax of the exponent is the Gaussian divided by its sum, and cannot
        # underflow to 0 / 0 when sigma is small.
        exponent = -((t - mu[..., None]) ** 2) / (2 * sigma[..., None] ** 2)
        return mu, sigma, exponent.softmax(dim=-1)

    def forward(self, motion: Tensor) -> Tensor:
        """Prompts of a batch of motion sequences (MPT, Eq. 12).

        Args:
            motion: ``(B, T, C, H, W)``.

        Returns:
            ``(B, K, D)``.
        """
        features = self.patch_features(motion)
        frames = features.mean(dim=2)
        _, _, weights = self.gaussians(frames)
        if self.where is None:
            return self.project(weights @ frames)
        places, place = self.where(features, motion.shape[-2] // self.patch_size)
        seen = torch.einsum('bkt,btnc,bkn->bkc', weights, features, places)
        return self.project(seen) + place

    def before_layer(self, index: int) -> None:
        """No prompts enter before a later layer."""


def _patches(frames: Tensor, size: int) -> Tensor:
    """Cut frames ``(B, T, C, H, W)`` into ``(B, T, N, C size size)``."""
    batch, length, channels, height, width = frames.shape
    rows, columns = height // size, width // size
    frames = frames[..., : rows * size, : columns * size]
    tiles = frames.reshape(batch, length, channels, rows, size, columns, size)
    return tiles.permute(0, 1, 3, 5, 2, 4, 6).flatten(4).flatten(2, 3)
