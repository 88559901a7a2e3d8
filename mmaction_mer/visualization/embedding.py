"""Points in a plane that keep who is near whom."""

import numpy as np

from ..utils.errors import MERRunError


def tsne(features: np.ndarray, seed: int = 0) -> np.ndarray:
    """Embed features by t-SNE (van der Maaten and Hinton 2008), from their PCA on.

    Args:
        features: ``(N, D)``, N of 5 or more.
        seed: Seed of the embedding.

    Returns:
        ``(N, 2)``; distances between groups that lie apart mean nothing.

    Raises:
        MERRunError: scikit-learn is not installed, or there are too few clips.
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise MERRunError(
            't-SNE is that of scikit-learn, which is not installed: '
            'pip install scikit-learn, or this package with its extra [analysis]'
        ) from error
    if len(features) < 5:
        raise MERRunError(f't-SNE needs 5 clips or more, and here are {len(features)}')
    perplexity = min(30.0, (len(features) - 1) / 3)
    embedding = TSNE(perplexity=perplexity, init='pca', random_state=seed)
    return embedding.fit_transform(np.asarray(features, np.float32))
