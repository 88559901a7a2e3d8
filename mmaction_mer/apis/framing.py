"""How a face lies in the frames that a model was trained on."""

from dataclasses import dataclass

import numpy as np

from ..datasets.faces.alignment import align_matrix


@dataclass(frozen=True)
class Framing:
    """A square around a face, and where in it the template's square lies.

    ``tools/data/prepare.py`` cuts faces so that the square is the template's; a
    release that frames its faces otherwise has more around them.

    Attributes:
        size: Side of the square in pixels.
        side: Side of the template's square, as a share of it.
        left: Its left edge, as a share.
        top: Its upper edge, as a share.
    """

    size: int = 224
    side: float = 1.0
    left: float = 0.0
    top: float = 0.0

    def matrix(self, points: np.ndarray) -> np.ndarray:
        """The similarity that brings a face to its place in the square.

        Args:
            points: (5, 2) x and y in pixels, as of a ``Face``.

        Returns:
            (2, 3) from ``(x, y, 1)`` in the frame to pixels of the square.

        Example:
            >>> from mmaction_mer.datasets.faces import TEMPLATE
            >>> Framing(100, 0.5, 0.25, 0.25).matrix(TEMPLATE * 50).round(6) + 0.0
            array([[ 1.,  0., 25.],
                   [ 0.,  1., 25.]])
        """
        matrix = align_matrix(points, self.size) * self.side
        matrix[:, 2] += np.array([self.left, self.top]) * self.size
        return matrix


#: Data sets whose frames were not cut by ``prepare.py``. SynthME's is the mean of
#: what the face finder says of its faces.
FRAMINGS = {'synthme': Framing(size=112, side=0.722, left=0.136, top=0.190)}


def framing_of(dataset: str | None) -> Framing:
    """The framing of a data set's faces, by its name in the annotation file."""
    return FRAMINGS.get(dataset or '', Framing())
