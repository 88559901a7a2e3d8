"""The folds of a run as one recognizer with averaged probabilities."""

from collections.abc import Iterator
from typing import Any

import torch
from mmaction.registry import MODELS
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from ..models.utils.slim_checkpoint import KEY, frozen_fingerprints, load_slim
from ..utils.errors import MERRunError
from ..utils.quiet import quiet
from ..utils.text import first_line
from .weights import FoldWeights


class FoldEnsemble:
    """One model on a device, into which the weights of each fold are loaded in turn.

    The frozen part exists once, however many folds there are, and is hashed once.

    Args:
        weights: The trained model.
        device: Device, as in torch.

    Raises:
        MERRunError: The weights do not fit the model, or the device cannot be used.
    """

    def __init__(self, weights: FoldWeights, device: str | torch.device) -> None:
        init_default_scope('mmaction')
        self.classes = weights.classes
        self.names = list(weights.folds)
        try:
            with quiet():
                self.model: nn.Module = MODELS.build(dict(weights.model))
        except KeyError as error:
            raise MERRunError(str(error.args[0]), path=weights.source) from error
        try:
            self.model.to(device).eval()
        except (AssertionError, RuntimeError) as error:
            raise MERRunError(
                f'{str(device)!r} cannot be used: {first_line(error)}', field='device'
            ) from error
        self._weights = weights
        self._loaded: str | None = None
        # Hashing a large backbone takes seconds.
        hashed = any(KEY in state for state in weights.folds.values())
        self._fingerprints = frozen_fingerprints(self.model) if hashed else {}
        for name in reversed(self.names):  # checks all folds; the first one stays
            self._load(name)

    def preprocess(self, packed: list[dict[str, Any]]) -> dict[str, Any]:
        """Collate packed clips and apply the data preprocessor, on the device.

        Args:
            packed: Results of the test pipeline for B clips.

        Returns:
            ``inputs``, tensors ``(B, ...)`` by name, and ``data_samples``.
        """
        with torch.no_grad():
            return self.model.data_preprocessor(pseudo_collate(packed), False)

    def probabilities(self, batch: dict[str, Any]) -> Tensor:
        """Return the probabilities of every fold, on the CPU.

        Args:
            batch: Result of :meth:`preprocess` for B clips.

        Returns:
            ``(folds, B, classes)``.

        Raises:
            MERRunError: Some are NaN or infinite.
        """
        scores = []
        with torch.no_grad():
            for model in self._fold_models():
                samples = model(**batch, mode='predict')
                scores.append(torch.stack([sample.pred_score for sample in samples]))
        result = torch.stack(scores).float().cpu()
        if not result.isfinite().all():
            raise MERRunError(
                'the probabilities of a clip are NaN or infinite: the weights or the '
                'settings of the model are damaged',
                path=self._weights.source,
                hint='use another model',
            )
        return result

    @property
    def has_saliency(self) -> bool:
        """Whether the model computes saliency maps."""
        return hasattr(self.model, 'saliency_maps')

    def attribution(
        self, packed: list[dict[str, Any]], inputs: dict[str, Tensor], targets: Tensor
    ) -> Tensor:
        """Return attribution maps of given classes, averaged over the folds.

        Args:
            packed: Results of the test pipeline for B clips.
            inputs: Their ``inputs`` after :meth:`preprocess`.
            targets: ``(B,)``, a class for each clip.

        Returns:
            ``(B, H, W)`` in 0..1, on the CPU.
        """
        data, total = pseudo_collate(packed), 0
        for model in self._fold_models():
            one = model.saliency_maps(data, targets, inputs)['attribution'].cpu()
            total = total + one / one.amax((1, 2), keepdim=True).clamp_min(1e-12)
        return total / len(self.names)

    def explain(
        self, packed: dict[str, Any], inputs: dict[str, Tensor]
    ) -> dict[str, Any] | None:
        """Return ``MPTRecognizer.explain`` of the first fold; None for other models.

        Args:
            packed: Result of the test pipeline for one clip.
            inputs: Its ``inputs`` after :meth:`preprocess`.
        """
        self._load(self.names[0])
        explain = getattr(self.model, 'explain', None)
        return explain(pseudo_collate([packed]), inputs) if explain else None

    def _fold_models(self) -> Iterator[nn.Module]:
        for name in self.names:
            self._load(name)
            yield self.model

    def _load(self, name: str) -> None:
        if self._loaded == name:
            return
        try:
            load_slim(self.model, self._weights.folds[name], self._fingerprints)
        except MERRunError as error:
            raise MERRunError(
                str(error), path=self._weights.source, field=f'folds.{name}'
            ) from error
        self._loaded = name
