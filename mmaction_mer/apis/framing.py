"""Where faces lie in the frames that a model was trained on."""

from dataclasses import dataclass

import numpy as np

from ..datasets.faces.alignment import align_matrix


@dataclass(frozen=True)
class Framing:
    """Position of the template's square within the square around a face.

    ``tools/data/prepare.py`` crops faces so that the two squares are equal; releases
    that were cropped in another way have a wider margin.

    Attributes:
        size: Side of the square around the face in pixels. Defaults to 224.
        side: Side of the template's square, as a fraction of it. Defaults to 1.
        left: Left edge of the template's square, as a fraction. Defaults to 0.
        top: Upper edge of the template's square, as a fraction. Defaults to 0.
    """

    size: int = 224
    side: float = 1.0
    left: float = 0.0
    top: float = 0.0

    def matrix(self, points: np.ndarray) -> np.ndarray:
        """Compute the similarity that brings a face to its place in the square.

        Args:
            points: ``(5, 2)`` x and y in pixels, as in a ``Face``.

        Returns:
            ``(2, 3)`` from ``(x, y, 1)`` in the frame to pixels of the square.

        Example:
            >>> from mmaction_mer.datasets.faces import TEMPLATE
            >>> Framing(100, 0.5, 0.25, 0.25).matrix(TEMPLATE * 50).round(6) + 0.0
            array([[ 1.,  0., 25.],
                   [ 0.,  1., 25.]])
        """
        matrix = align_matrix(points, self.size) * self.side
        matrix[:, 2] += np.array([self.left, self.top]) * self.size
        return matrix


#: Datasets that were not cropped by ``prepare.py``. The values of SynthME are the means
#: of what the face finder returns for its faces.
FRAMINGS = {'synthme': Framing(size=112, side=0.722, left=0.136, top=0.190)}


def get_framing(dataset: str | None) -> Framing:
    """Return the framing of a dataset, by its name in the annotation file."""
    return FRAMINGS.get(dataset or '', Framing())
