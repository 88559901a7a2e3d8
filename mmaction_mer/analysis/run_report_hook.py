"""Hook that draws figures of a run and writes its report."""

from pathlib import Path

from mmaction.registry import HOOKS
from mmengine.hooks import Hook

from ..engine.runners.tasks import SeedRun
from ..engine.work_dir.json_fields import read_object
from .example_figure import draw_clip
from .run_report import confusion_figure, write_page


@HOOKS.register_module()
class RunReportHook(Hook):
    """Draw the confusion matrix and an example clip, and write ``report.html``.

    List it in ``run_hooks`` of a config of :class:`LOSORunner`, which calls it once for
    each run. A session that only scores checkpoints (``tools/test.py``) draws only the
    confusion matrix.
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
    # Imported here: matplotlib takes a second that most processes do not need to spend.
    from ..visualization.saving import save_figure

    figure = confusion_figure(read_object(path))
    image = path.with_name(path.stem.replace('results', 'confusion') + '.png')
    print(f'confusion matrix: {save_figure(figure, image)}', flush=True)


def _draw_example(run: SeedRun) -> None:
    folder = run.done()[0]
    fold = next(fold for fold in run.plan.folds if fold.name == folder.name)
    path = draw_clip(run.fold_config(fold), folder, run.work_dir / 'clip.png')
    if path:
        print(f'example clip: {path}', flush=True)
