"""The folds of a run as one recognizer: their probabilities, averaged."""

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
    """One model on a device, into which each fold's weights are put in turn.

    What is frozen is there once, however many folds there are.

    Args:
        weights: The trained model.
        device: As in torch.

    Raises:
        MERRunError: The weights do not fit the model.
    """

    def __init__(self, weights: FoldWeights, device: str | torch.device) -> None:
        init_default_scope('mmaction')
        self.classes = weights.classes
        self.names = list(weights.folds)
        try:
            with quiet():
                self.model: nn.Module = MODELS.build(dict(weights.model))
        except KeyError as error:
            raise MERRunError(f'{weights.source}: {error.args[0]}') from error
        try:
            self.model.to(device).eval()
        except (AssertionError, RuntimeError) as error:
            raise MERRunError(
                f'device {device!r} cannot be used: {first_line(error)}'
            ) from error
        self._weights = weights
        self._loaded: str | None = None
        # Of a large backbone it takes seconds, for each fold that is put in.
        every = all(KEY in state for state in weights.folds.values())
        self._known = frozen_fingerprints(self.model) if every else {}
        for name in reversed(self.names):  # all are checked; the first stays
            self._load(name)

    def probabilities(self, packed: list[dict[str, Any]]) -> Tensor:
        """Return probabilities ``(folds, B, classes)`` of B packed clips, on the CPU.

        Raises:
            MERRunError: Some are NaN or infinite.
        """
        scores = []
        with torch.no_grad():
            data = self.model.data_preprocessor(pseudo_collate(packed), False)
            for model in self._each():
                samples = model(**data, mode='predict')
                scores.append(torch.stack([sample.pred_score for sample in samples]))
        found = torch.stack(scores).float().cpu()
        if not found.isfinite().all():
            raise MERRunError(
                f'{self._weights.source}: gives no probabilities for a clip, but NaN '
                f'or infinity: its weights or its settings are damaged; give another '
                f'model'
            )
        return found

    @property
    def locates(self) -> bool:
        """Whether the model can say where it looks."""
        return hasattr(self.model, 'locate')

    def evidence(self, packed: list[dict[str, Any]], targets: Tensor) -> Tensor:
        """What speaks for the given classes, ``(B, H, W)`` in 0..1, mean of the folds.

        Args:
            packed: B packed clips.
            targets: ``(B,)`` class of each.
        """
        total = 0
        for model in self._each():
            seen = model.locate(pseudo_collate(packed), targets)['evidence'].cpu()
            total = total + seen / seen.amax((1, 2), keepdim=True).clamp_min(1e-12)
        return total / len(self.names)

    def explain(self, packed: dict[str, Any]) -> dict[str, Any] | None:
        """What the first fold is shown of a clip, see ``MPTRecognizer.explain``."""
        self._load(self.names[0])
        explain = getattr(self.model, 'explain', None)
        return explain(pseudo_collate([packed])) if explain else None

    def _each(self) -> Iterator[nn.Module]:
        for name in self.names:
            self._load(name)
            yield self.model

    def _load(self, name: str) -> None:
        if self._loaded == name:
            return
        try:
            load_slim(self.model, self._weights.folds[name], self._known)
        except MERRunError as error:
            raise MERRunError(
                f'{self._weights.source}, fold {name}: {error}'
            ) from error
        self._loaded = name
