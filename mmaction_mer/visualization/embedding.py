"""Embedding of features in two dimensions."""

import numpy as np

from ..utils.errors import MERRunError


def tsne(features: np.ndarray, seed: int = 0) -> np.ndarray:
    """Embed features by t-SNE (van der Maaten and Hinton, 2008), starting from PCA.

    Args:
        features: Features of shape ``(N, D)``, N at least 5.
        seed: Random seed. Defaults to 0.

    Returns:
        Points of shape ``(N, 2)``; distances between separate clusters have no meaning.

    Raises:
        MERRunError: scikit-learn is not installed, or there are too few clips.
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise MERRunError(
            't-SNE needs scikit-learn, which is not installed',
            hint='pip install scikit-learn, or this package with its extra [analysis]',
        ) from error
    if len(features) < 5:
        raise MERRunError(f't-SNE needs at least 5 clips, got {len(features)}')
    perplexity = min(30.0, (len(features) - 1) / 3)
    embedding = TSNE(perplexity=perplexity, init='pca', random_state=seed)
    return embedding.fit_transform(np.asarray(features, np.float32))
