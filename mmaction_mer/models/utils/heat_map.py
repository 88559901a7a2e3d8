"""Where the action branch sees movement."""

from torch import Tensor
from torch.nn import functional


def heat_map(code: Tensor, size: tuple[int, int]) -> Tensor:
    """Magnitude of an action code over the face (MA2MI, Fig. 6).

    Args:
        code: ``(B, c, g, g)``.
        size: Height and width of the picture.

    Returns:
        ``(B, H, W)``, 0 and up.

    Example:
        >>> import torch
        >>> heat_map(torch.ones(1, 4, 2, 2), (4, 4))[0, 0]
        tensor([2., 2., 2., 2.])
    """
    norm = code.float().square().sum(1, keepdim=True).sqrt()
    return functional.interpolate(norm, size, mode='bilinear')[:, 0]
