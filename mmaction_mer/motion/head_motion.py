"""Removal of the head's own motion from a motion sequence, in closed form.

To first order a moving image changes by ``I_x u + I_y v`` (the constraint of optical
flow). A head that drifts, rolls or comes nearer moves as a whole, so that its
``(u, v)`` is affine in the position: six columns of gradients times 1, x and y. Where
it turns or nods, points nearer to the camera move farther; the depth of a face is
nearly quadratic in the position, which gives six more columns. Illumination adds two:
the image itself and a constant. The part of a change that these fourteen columns
explain is attributed to the head and the illumination, the residual to the face. This
is not part of the paper: a least-squares fit of fourteen weights for every filtered
frame.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

# Sobel's derivative, smoothed across; a least-squares fit needs no scale.
_SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))


def head_columns(frame: Tensor) -> Tensor:
    """Return the fourteen regressors of rigid head motion and illumination.

    Args:
        frame: Mean frames ``(B, C, H, W)`` in grey levels.

    Returns:
        ``(B, 14, C, H, W)``, each column of unit length.
    """
    batch, channels, height, width = frame.shape
    kernel = frame.new_tensor(_SOBEL)
    kernels = torch.stack([kernel, kernel.T])[:, None]
    single = frame.flatten(0, 1)[:, None]
    padded = functional.pad(single, (1, 1, 1, 1), mode='replicate')
    gradient = functional.conv2d(padded, kernels)
    gx, gy = gradient.view(batch, channels, 2, height, width).unbind(2)
    y = torch.linspace(-1, 1, height, device=frame.device)[:, None]
    x = torch.linspace(-1, 1, width, device=frame.device)
    one = torch.ones_like(frame)
    shapes = (1, x, y, x * x, x * y, y * y)
    moves = [shape * gradient for gradient in (gx, gy) for shape in shapes]
    columns = torch.stack([*moves, frame, one], dim=1)
    norm = columns.flatten(2).norm(dim=2).clamp_min(1e-6)
    return columns / norm[..., None, None, None]


def fit_columns(columns: Tensor, products: Tensor, ridge: float = 1e-4) -> Tensor:
    """Compute the least-squares weights of the columns.

    Args:
        columns: ``(B, N, P)`` from :func:`head_columns`, pixels flattened.
        products: ``(B, L, N)``: inner products of L images with the columns.
        ridge: Regularization that keeps the fit of a flat image finite. Defaults to
            1e-4.

    Returns:
        ``(B, L, N)``.
    """
    gram = columns @ columns.transpose(1, 2)
    gram = gram + ridge * torch.eye(columns.shape[1], device=gram.device)
    return torch.linalg.solve(gram, products.transpose(1, 2)).transpose(1, 2)


def remove_head_motion(changes: Tensor, frame: Tensor) -> Tensor:
    """Subtract the part that head motion and illumination explain.

    Args:
        changes: Temporally filtered or pooled frames ``(B, L, C, H, W)``: linear
            combinations of frames whose weights sum to zero.
        frame: Mean frames ``(B, C, H, W)`` of the same clips.

    Returns:
        ``(B, L, C, H, W)``: the residuals of the fits.
    """
    columns = head_columns(frame).flatten(2)
    weights = fit_columns(columns, changes.flatten(2) @ columns.transpose(1, 2))
    return changes - (weights @ columns).view_as(changes)


def head_columns_numpy(frame: np.ndarray) -> np.ndarray:
    """Return the affine and illumination columns of :func:`head_columns`, unscaled.

    Args:
        frame: ``(H, W)`` float32.

    Returns:
        ``(8, H * W)``: derivatives of the frame with respect to the six parameters of
        an affine map in coordinates from -1 to 1, a gain and an offset.
    """
    height, width = frame.shape
    gy, gx = np.gradient(frame)
    gx, gy = gx * (width - 1) / 2, gy * (height - 1) / 2
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)
    ones = np.ones_like(frame)
    columns = [gx, gy, x * gx, y * gx, x * gy, y * gy, frame, ones]
    return np.stack(columns).reshape(8, -1)


def remove_head_motion_numpy(changes: np.ndarray, clip: np.ndarray) -> np.ndarray:
    """Apply :func:`remove_head_motion` to one clip in the layout of the pipelines.

    Args:
        changes: ``(L, H, W, C)`` float32.
        clip: The frames that they were computed from, ``(T, H, W, C)``.

    Returns:
        ``(L, H, W, C)`` float32.
    """
    frame = np.asarray(clip, dtype=np.float32).mean(axis=0)
    residual = remove_head_motion(
        torch.from_numpy(np.moveaxis(changes, -1, 1)[None].copy()),
        torch.from_numpy(np.moveaxis(frame, -1, 0)[None].copy()),
    )
    return np.moveaxis(residual[0].numpy(), 1, -1)
