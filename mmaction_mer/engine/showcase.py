"""One clip as a trained fold sees it, in one picture."""

from pathlib import Path
from typing import Any

from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope

from ..evaluation.predictions import read_predictions
from .fold_folder import FoldFolder
from .slim_checkpoint import load_slim, read_checkpoint


def draw_clip(cfg: Config, folder: FoldFolder, path: Path) -> Path | None:
    """Draw the clip that a fold recognised most surely.

    Args:
        cfg: The fold's config.
        folder: The folder of the finished fold.
        path: Where the picture goes.

    Returns:
        The picture's path, or ``None`` for a model that has no ``explain``.
    """
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmaction')):
        model = MODELS.build(cfg.model)
        if not hasattr(model, 'explain'):
            return None
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
    load_slim(model, read_checkpoint(folder.model)['state_dict'])
    model.eval()
    chosen = max(read_predictions(folder.predictions), key=_surely_right)
    clips = [dataset.get_data_info(i)['clip'] for i in range(len(dataset))]
    data = pseudo_collate([dataset[clips.index(chosen['clip'])]])
    seen = model.explain(data)
    if seen is None:
        return None
    # Imported here: matplotlib takes a second that few processes need to spend.
    from ..visualization import plot_clip, save_figure

    classes = dataset.metainfo['classes']
    title = (
        f'{chosen["clip"]}: {classes[chosen["label"]]}, predicted '
        f'{classes[chosen["prediction"]]} ({max(chosen["probabilities"]):.0%})'
    )
    apex = _apex_position(data['data_samples'][0], len(seen['frames']))
    return save_figure(plot_clip(**seen, apex=apex, title=title), path)


def _surely_right(line: dict[str, Any]) -> tuple[bool, float]:
    return line['prediction'] == line['label'], line['probabilities'][line['label']]


def _apex_position(sample: Any, length: int) -> float | None:
    if sample.get('apex') is None:
        return None
    share = (sample.apex - sample.onset) / (sample.offset - sample.onset)
    return share * (length - 1)
