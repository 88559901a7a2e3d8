"""Figure of an example clip as a trained fold processes it."""

from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dataset import pseudo_collate

from ..engine.runners.fold_config import testing_config
from ..engine.runners.fold_runner import FoldRunner
from ..engine.work_dir.fold_check import read_fold
from ..engine.work_dir.fold_folder import FoldFolder


def draw_clip(cfg: Config, folder: FoldFolder, path: Path) -> Path | None:
    """Draw the clip that a fold classified correctly with the highest probability.

    Args:
        cfg: Config of the fold.
        folder: Folder of the finished fold.
        path: Path of the image file.

    Returns:
        The path, or None if the model has no ``explain`` or it returns None.
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
    # The most probable correct clip; where none is, the least improbable one.
    chosen = max(
        read_fold(folder, None),
        key=lambda line: (
            line['prediction'] == line['label'],
            line['probabilities'][line['label']],
        ),
    )
    clips = [dataset.get_data_info(i)['clip'] for i in range(len(dataset))]
    data = pseudo_collate([dataset[clips.index(chosen['clip'])]])
    seen = model.explain(data)
    if seen is None:
        return None
    # Imported here: matplotlib takes a second that most processes do not need to spend.
    from ..visualization.clip_figure import plot_clip
    from ..visualization.saving import save_figure

    classes = dataset.metainfo['classes']
    title = (
        f'{chosen["clip"]}: {classes[chosen["label"]]}, predicted '
        f'{classes[chosen["prediction"]]} ({max(chosen["probabilities"]):.0%})'
    )
    apex = apex_position(data['data_samples'][0], len(seen['frames']))
    return save_figure(plot_clip(**seen, apex=apex, title=title), path)


def apex_position(sample: Any, length: int) -> float | None:
    """Return the position of the apex among frames sampled from onset to offset.

    Args:
        sample: Data sample with ``onset``, ``apex`` and ``offset`` as frame numbers.
        length: Number of sampled frames T.

    Returns:
        The position in 0..T-1, not necessarily an integer; None if the apex is unknown.
    """
    if sample.get('apex') is None:
        return None
    fraction = (sample.apex - sample.onset) / (sample.offset - sample.onset)
    return fraction * (length - 1)
