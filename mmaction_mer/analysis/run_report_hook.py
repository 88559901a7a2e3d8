"""The hook that draws and reports a run when its results are saved."""

from pathlib import Path

from mmaction.registry import HOOKS
from mmengine.hooks import Hook

from ..engine.runners.tasks import SeedRun
from ..engine.work_dir.json_fields import read_object
from ..evaluation.summary import SELECTIONS
from .example_figure import draw_clip
from .run_report import write_page


@HOOKS.register_module()
class RunReportHook(Hook):
    """Draw the confusion matrix and one clip, and write ``report.html``.

    For ``run_hooks`` of a config whose runner is a ``LOSORunner``, which calls it once
    per run. A session that only scores checkpoints (``tools/test.py``) draws the
    confusion matrix alone.
    """

    def after_train(self, runner) -> None:
        """Draw the figures of every run of the session, and write the report."""
        for path, run in runner.result_files.items():
            _draw_confusion(path)
            if run is not None:
                _draw_example(run)
        print(f'report: {write_page(runner.work_dir, runner.cfg)}', flush=True)

    def after_test(self, runner) -> None:
        """Draw the confusion matrix of every results file."""
        for path in runner.result_files:
            _draw_confusion(path)


def _draw_confusion(path: Path) -> None:
    # Imported here: matplotlib takes a second that few processes need to spend.
    from ..visualization.confusion import plot_confusion
    from ..visualization.saving import save_figure

    results = read_object(path)
    title = SELECTIONS['test'] if results['selection'] == 'test' else ''
    figure = plot_confusion(results['confusion'], results['classes'], title)
    image = path.with_name(path.stem.replace('results', 'confusion') + '.png')
    print(f'confusion matrix: {save_figure(figure, image)}', flush=True)


def _draw_example(run: SeedRun) -> None:
    folder = run.done()[0]
    fold = next(fold for fold in run.plan.folds if fold.name == folder.name)
    path = draw_clip(run.fold_config(fold), folder, run.work_dir / 'clip.png')
    if path:
        print(f'a clip as the model sees it: {path}', flush=True)
