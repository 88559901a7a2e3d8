"""Magnification and rank pooling of a batch as one product on the device."""

import torch

from .head_motion import fit_columns, head_columns
from .magnification import low_pass_matrix, pyramid_levels
from .rank_pooling import rank_pooling_weights, to_grey_levels
from .temporal import bandpass_matrix


def front_end_matrices(
    length: int,
    fps: list[float],
    low: float = 0.4,
    high: float = 4.0,
    order: int = 1,
    kind: str = 'zero-phase',
) -> torch.Tensor:
    """Return the motion front end as one matrix per clip (MPT, Eq. 1 and 5).

    Args:
        length: Frames T of the clips.
        fps: Effective frame rate of each of the B clips, in Hz.
        low: Lower edge of the pass band in Hz. Defaults to 0.4.
        high: Upper edge of the pass band in Hz. Defaults to 4.
        order: Order of the Butterworth filter. Defaults to 1.
        kind: See :func:`~mmaction_mer.motion.temporal.bandpass_matrix`. Defaults to
            ``'zero-phase'``.

    Returns:
        Float32 ``(B, T + 1, T)``: T rows of the temporal filter, then the row of
        rank pooling.
    """
    pooling = torch.tensor(rank_pooling_weights(length))[None]
    matrices = [
        torch.cat(
            [torch.tensor(bandpass_matrix(length, f, low, high, order, kind)), pooling]
        )
        for f in fps
    ]
    return torch.stack(matrices).float()


def motion_front_end(
    clips: torch.Tensor,
    matrices: torch.Tensor,
    alpha: float = 20.0,
    remove_head_motion: bool = False,
    keep_residual: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute rank-pooled images and magnified motion of a batch of clips.

    Args:
        clips: Frames ``(B, T, C, H, W)`` in grey levels, uint8 or float.
        matrices: From :func:`front_end_matrices`, on the clips' device.
        alpha: Gain of the magnification (MPT, Eq. 6). Defaults to 20.
        remove_head_motion: See :func:`motion_streams`. Defaults to False.
        keep_residual: See :func:`motion_streams`. Defaults to True.

    Returns:
        ``image (B, C, H, W)`` in ``[0, 255]`` and ``motion (B, T, C, H, W)`` in grey
        levels times alpha, both float32.

    Example:
        >>> clips = torch.full((2, 16, 3, 4, 4), 90, dtype=torch.uint8)
        >>> matrices = front_end_matrices(16, [50.0, 25.0])
        >>> image, motion = motion_front_end(clips, matrices)
        >>> image.shape, motion.shape
        (torch.Size([2, 3, 4, 4]), torch.Size([2, 16, 3, 4, 4]))
    """
    streams = motion_streams(clips, matrices, alpha, remove_head_motion, keep_residual)
    return streams[:, -1], streams[:, :-1]


def motion_streams(
    clips: torch.Tensor,
    matrices: torch.Tensor,
    alpha: float = 20.0,
    remove_head_motion: bool = False,
    keep_residual: bool = True,
) -> torch.Tensor:
    """Compute magnified motion and rank-pooled images in one tensor.

    Args:
        clips: Frames ``(B, T, C, H, W)`` in grey levels, uint8 or float.
        matrices: From :func:`front_end_matrices`, on the clips' device.
        alpha: Gain of the magnification (MPT, Eq. 6). Defaults to 20.
        remove_head_motion: Remove the head's own motion from both, see
            :mod:`~mmaction_mer.motion.head_motion`. Defaults to False.
        keep_residual: ``False`` removes the low-pass residual of the pyramid from the
            motion, see :func:`~mmaction_mer.motion.magnification.magnify`. Defaults
            to True.

    Returns:
        ``(B, T + 1, C, H, W)`` float32: T frames of motion in grey levels times alpha,
        then the image in ``[0, 255]``.
    """
    frames = clips.float()
    flat = frames.flatten(2)
    gains = matrices.new_full((matrices.shape[1], 1), alpha)
    gains[-1] = 1.0  # the row of rank pooling
    matrices = gains * matrices
    product = torch.bmm(matrices, flat)
    if not keep_residual:
        motion = product[:, :-1]
        motion -= _low_pass(motion.unflatten(2, frames.shape[2:])).flatten(2)
    if remove_head_motion:
        columns = head_columns(frames.mean(dim=1)).flatten(2)
        if keep_residual:
            # The fit of every output frame follows from that of the T frames.
            found = fit_columns(columns, torch.bmm(flat, columns.transpose(1, 2)))
            weights = torch.bmm(matrices, found)
        else:
            weights = fit_columns(columns, torch.bmm(product, columns.transpose(1, 2)))
        # In place: the large product is never copied.
        product.baddbmm_(weights, columns, alpha=-1)
    product[:, -1] = to_grey_levels(product[:, -1])
    return product.unflatten(2, frames.shape[2:])


def _low_pass(frames: torch.Tensor) -> torch.Tensor:
    """Return the low-pass residual of frames ``(..., H, W)`` at their size."""
    height, width = frames.shape[-2:]
    levels = pyramid_levels((height, width))
    rows, columns = (
        torch.tensor(low_pass_matrix(size, levels), device=frames.device)
        for size in (height, width)
    )
    return rows @ frames @ columns.T
