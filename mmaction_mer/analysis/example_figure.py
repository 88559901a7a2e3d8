"""One clip as a trained fold sees it, in one picture."""

from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dataset import pseudo_collate

from ..engine.runners.fold_config import testing_config
from ..engine.runners.fold_runner import FoldRunner
from ..engine.work_dir.fold_check import read_fold
from ..engine.work_dir.fold_folder import FoldFolder


def draw_clip(cfg: Config, folder: FoldFolder, path: Path) -> Path | None:
    """Draw the clip that a fold recognised most surely.

    Args:
        cfg: The fold's config.
        folder: The folder of the finished fold.
        path: Where the picture goes.

    Returns:
        The picture's path, or ``None`` for a model that has no ``explain``.
    """
    runner = FoldRunner.from_cfg(testing_config(cfg))
    try:
        if not hasattr(runner.model, 'explain'):
            return None
        runner.load_checkpoint(str(folder.model))
        return _draw(runner, folder, path)
    finally:
        runner.close()


def _draw(runner: FoldRunner, folder: FoldFolder, path: Path) -> Path | None:
    model = runner.model.eval()
    dataset = runner.test_loop.dataloader.dataset.dataset
    chosen = max(read_fold(folder, None), key=_surely_right)
    clips = [dataset.get_data_info(i)['clip'] for i in range(len(dataset))]
    data = pseudo_collate([dataset[clips.index(chosen['clip'])]])
    seen = model.explain(data)
    if seen is None:
        return None
    # Imported here: matplotlib takes a second that few processes need to spend.
    from ..visualization.clip_figure import plot_clip
    from ..visualization.saving import save_figure

    classes = dataset.metainfo['classes']
    title = (
        f'{chosen["clip"]}: {classes[chosen["label"]]}, predicted '
        f'{classes[chosen["prediction"]]} ({max(chosen["probabilities"]):.0%})'
    )
    apex = apex_position(data['data_samples'][0], len(seen['frames']))
    return save_figure(plot_clip(**seen, apex=apex, title=title), path)


def _surely_right(line: dict[str, Any]) -> tuple[bool, float]:
    return line['prediction'] == line['label'], line['probabilities'][line['label']]


def apex_position(sample: Any, length: int) -> float | None:
    """Find a clip's apex among ``length`` frames from onset to offset, from 0.

    Args:
        sample: With ``onset``, ``apex`` and ``offset`` in the clip's own numbers.
        length: Frames.

    Returns:
        The position, which need not be whole; ``None`` where the apex is not known.
    """
    if sample.get('apex') is None:
        return None
    share = (sample.apex - sample.onset) / (sample.offset - sample.onset)
    return share * (length - 1)
