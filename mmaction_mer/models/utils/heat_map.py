"""Heat maps of action codes."""

from torch import Tensor
from torch.nn import functional


def heat_map(code: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the magnitude of an action code over the face (MA2MI, Fig. 6).

    Args:
        code: Action code of shape ``(B, c, g, g)``.
        size: Height and width of the map.

    Returns:
        Non-negative maps of shape ``(B, H, W)``.

    Example:
        >>> import torch
        >>> heat_map(torch.ones(1, 4, 2, 2), (4, 4))[0, 0]
        tensor([2., 2., 2., 2.])
    """
    norm = code.float().square().sum(1, keepdim=True).sqrt()
    return functional.interpolate(norm, size, mode='bilinear')[:, 0]
