"""Temporal Gaussian tokenization of a motion sequence into K prompts (MPT, III-B)."""

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
    GELU between the two is a choice of this implementation: without it the spatial
    mean of a zero-mean signal nearly vanishes. Eq. 9-10 leave the range of the
    parameters open; here ``mu = (T - 1) sigmoid(.)`` and ``sigma = softplus(.) + eps``
    in frames, initialized with means spread evenly over the clip and ``sigma = T / K``.
    The weights of Eq. 11 are normalized to sum to one over time.

    ``spatial`` is not part of the paper: see :class:`SpatialGaussian`.

    Args:
        embed_dims: Width D of the backbone's tokens.
        num_prompts: Prompts K. Defaults to 5, as in the paper.
        length: Frames T. Defaults to 16, as in the paper.
        channels: Width of the frame embedding. Defaults to 128.
        patch_size: Kernel size and stride of the convolution in pixels. Defaults to
            16.
        in_channels: Color channels. Defaults to 3.
        eps: Smallest sigma, in frames. Defaults to 1e-2.
        gelu: Whether to apply GELU in Eq. 8. Defaults to True.
        spatial: Whether prompts also have a Gaussian over the face. Defaults to False.
        num_layers: Unused; accepted for compatibility with :class:`VPTPrompt`.
        init_cfg: Initialization config. Defaults to None.

    Example:
        >>> prompt = MotionPrompt(embed_dims=32, num_prompts=5)
        >>> prompt(torch.zeros(2, 16, 3, 64, 64)).shape
        torch.Size([2, 5, 32])
    """

    #: Whether the input is the motion sequence rather than the image.
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
                # Small but not zero, so that the first steps keep the spread and
                # gradients flow.
                nn.init.normal_(layer.weight, std=1e-3)
            self.to_mean.bias.copy_(torch.logit(start))
            self.to_sigma.bias.fill_(math.log(math.expm1(width)))

    def frame_features(self, motion: Tensor) -> Tensor:
        """Embed every frame (MPT, Eq. 8).

        Args:
            motion: See :meth:`patch_features`.

        Returns:
            ``(B, T, channels)``.
        """
        return self.patch_features(motion).mean(dim=2)

    def patch_features(self, motion: Tensor) -> Tensor:
        """Embed every patch of every frame: Eq. 8 before its mean over space.

        Args:
            motion: ``(B, T, C, H, W)``; incomplete patches at the edges are dropped.

        Returns:
            ``(B, T, N, channels)``, the N patches row by row.

        Raises:
            ValueError: ``motion`` has not T frames, or frames smaller than one patch.
        """
        if motion.ndim != 5 or motion.shape[1] != self.length:
            raise ValueError(
                f'MotionPrompt(length={self.length}) takes motion of shape (B, '
                f'{self.length}, C, H, W), got {tuple(motion.shape)}'
            )
        if min(motion.shape[-2:]) < self.patch_size:
            raise ValueError(
                f'frames of {tuple(motion.shape[-2:])} pixels are smaller than a patch '
                f'of {self.patch_size}'
            )
        # The convolution as a product over non-overlapping patches: with stacked folds
        # it becomes one batched product, and autocast treats it like any other.
        patches = _patches(motion, self.patch_size)
        weight = self.embed.weight.flatten(1)
        embedded = functional.linear(patches, weight, self.embed.bias)
        return functional.gelu(embedded) if self.gelu else embedded

    def gaussians(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute means, widths and weights over time (MPT, Eq. 9-11).

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
        # The softmax of the exponent is the normalized Gaussian, and cannot underflow
        # to 0 / 0 for small sigma.
        exponent = -((t - mu[..., None]) ** 2) / (2 * sigma[..., None] ** 2)
        return mu, sigma, exponent.softmax(dim=-1)

    def forward(self, motion: Tensor) -> Tensor:
        """Compute the prompts of a batch of motion sequences (MPT, Eq. 12).

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
        """Return None: no prompts are replaced before a later layer."""


def _patches(frames: Tensor, size: int) -> Tensor:
    """Split frames ``(B, T, C, H, W)`` into patches ``(B, T, N, C size size)``."""
    batch, length, channels, height, width = frames.shape
    rows, columns = height // size, width // size
    frames = frames[..., : rows * size, : columns * size]
    tiles = frames.reshape(batch, length, channels, rows, size, columns, size)
    return tiles.permute(0, 1, 3, 5, 2, 4, 6).flatten(4).flatten(2, 3)
