"""Gaussians over the face for motion prompts (not part of the paper)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class SpatialGaussian(nn.Module):
    """K Gaussians over the patches of a frame, predicted from the motion of the clip.

    Eq. 8 of MPT averages over the whole face and loses the location of motion. Here
    each prompt also has a mean ``(x, y)`` and a width, predicted as in Eq. 9-10 by a
    linear layer from features averaged over time and pooled to a ``grid x grid`` map.
    Coordinates run from 0 to 1 over the frame.

    The Gaussians start on a ring around the center of the face, each wide enough to
    cover most of its side. ``place`` embeds mean and width into the prompt, starting at
    zero.

    Args:
        num_prompts: Prompts K.
        channels: Width of the features.
        embed_dims: Width D of the backbone's tokens.
        grid: Side of the map from which means and widths are predicted. Defaults to 7.
        eps: Smallest width, relative to the side of the frame. Defaults to 0.05.

    Example:
        >>> where = SpatialGaussian(num_prompts=5, channels=8, embed_dims=32)
        >>> weights, place = where(torch.zeros(2, 16, 14 * 14, 8), rows=14)
        >>> weights.shape, place.shape
        (torch.Size([2, 5, 196]), torch.Size([2, 5, 32]))
        >>> bool(torch.allclose(weights.sum(-1), torch.ones(2, 5)))
        True
    """

    def __init__(
        self,
        num_prompts: int,
        channels: int,
        embed_dims: int,
        grid: int = 7,
        eps: float = 0.05,
    ) -> None:
        super().__init__()
        self.num_prompts = num_prompts
        self.grid = grid
        self.eps = eps
        self.to_gaussian = nn.Linear(grid * grid * channels, 3 * num_prompts)
        self.place = nn.Linear(3, embed_dims)
        self._spread()

    def _spread(self) -> None:
        angle = 2 * math.pi * torch.arange(self.num_prompts) / self.num_prompts
        # The first is at the top center, where the brows are.
        x, y = 0.5 + 0.22 * torch.sin(angle), 0.5 - 0.22 * torch.cos(angle)
        width = torch.full_like(x, 0.25 - self.eps)
        start = torch.stack([torch.logit(x), torch.logit(y), width.expm1().log()])
        with torch.no_grad():
            # As in MotionPrompt: small but not zero.
            nn.init.normal_(self.to_gaussian.weight, std=1e-3)
            self.to_gaussian.bias.copy_(start.flatten())
            nn.init.zeros_(self.place.weight)
            nn.init.zeros_(self.place.bias)

    def gaussians(self, features: Tensor, rows: int) -> Tensor:
        """Compute means and widths.

        Args:
            features: ``(B, T, N, channels)`` of the N patches, row by row.
            rows: Rows of patches.

        Returns:
            ``(B, K, 3)``: x, y and width, relative to the side of the frame.
        """
        maps = features.mean(dim=1).transpose(1, 2).unflatten(2, (rows, -1))
        pooled = functional.adaptive_avg_pool2d(maps, self.grid)
        x, y, width = self.to_gaussian(pooled.flatten(1)).chunk(3, dim=1)
        width = functional.softplus(width) + self.eps
        return torch.stack([x.sigmoid(), y.sigmoid(), width], dim=-1)

    def forward(self, features: Tensor, rows: int) -> tuple[Tensor, Tensor]:
        """Compute the weights of the patches and the embedding of the location.

        Args:
            features: See :meth:`gaussians`.
            rows: See :meth:`gaussians`.

        Returns:
            ``(B, K, N)``, summing to one over the patches, and ``(B, K, D)``.
        """
        found = self.gaussians(features, rows)
        columns = features.shape[2] // rows
        form = dict(device=found.device, dtype=found.dtype)
        y = (torch.arange(rows, **form) + 0.5) / rows
        x = (torch.arange(columns, **form) + 0.5) / columns
        squared = (x - found[..., 0, None])[..., None, :] ** 2
        squared = squared + (y - found[..., 1, None])[..., None] ** 2
        exponent = -squared.flatten(-2) / (2 * found[..., 2, None] ** 2)
        return exponent.softmax(dim=-1), self.place(found)
