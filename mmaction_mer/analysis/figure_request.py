"""A request for figures of a run, with what they are drawn from."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from mmengine.config import Config
from torch import nn

from ..engine.work_dir.layout import resume_command
from ..engine.work_dir.stored_run import StoredRun
from ..engine.work_dir.work_dir import WorkDir
from ..evaluation.summary import SELECTIONS
from ..models.recognizers.base import MERRecognizer
from ..utils.cli.command_line import read_config
from ..utils.errors import MERRunError
from .clip_views import ClipViews, collect_views
from .held_out import build_model, clips_config
from .synthme_truth import true_regions

#: Names of the maps, by figure.
MAPS = {'gradcam': 'grad_cam', 'rollout': 'saliency', 'evidence': 'attribution'}
#: What has to be collected for a figure, and the number of clips in it by default.
NEEDS = {'tsne': 'tokens', **dict.fromkeys(MAPS, 'maps'), 'gaussians': 'gaussians',
         'rank': 'rank'}  # fmt: skip
SHOWN = {**dict.fromkeys(MAPS, 12), 'rank': 12, 'gaussians': 6, 'magnified': 2,
         'mistakes': 6}  # fmt: skip


@dataclass
class FigureRequest:
    """A run and the requested figures.

    Attributes:
        args: Parsed command line of ``tools/analysis/visualize.py``.
        runs: The runs by seed.
        what: Names of the requested figures.
    """

    args: argparse.Namespace
    runs: dict[int, StoredRun]
    what: list[str]

    @property
    def run(self) -> StoredRun:
        """The run of the first seed."""
        return next(iter(self.runs.values()))

    @property
    def title(self) -> str:
        """Name of the run, with a mark if it was selected on the test subject."""
        mark = SELECTIONS['test'] if self.run.selection == 'test' else ''
        return ' · '.join(filter(None, [self.args.run.resolve().name, mark]))

    @cached_property
    def cfg(self) -> Config:
        """Config of the run."""
        return read_config(str(WorkDir(self.args.run).config_file()))

    @cached_property
    def model(self) -> nn.Module:
        """Model of the run, into which weights of folds are loaded.

        Raises:
            MERRunError: It is not a :class:`MERRecognizer`.
        """
        model = build_model(self.cfg, self.args.device)
        if not isinstance(model, MERRecognizer):
            raise MERRunError(
                f'its model is a {type(model).__name__}, not a MERRecognizer',
                path=self.args.run,
                hint='only --what confusion classes magnified mistakes are available',
            )
        return model

    @cached_property
    def views(self) -> ClipViews:
        """Everything that the figures need of the held-out clips, collected at once."""
        wanted = [NEEDS[one] for one in self.what if one in NEEDS]
        data = clips_config(self.cfg)
        return collect_views(self.model, data, self.run.path, wanted)

    def chosen(self, figure: str, names: Sequence[str]) -> list[int]:
        """Return the indices of the clips to draw.

        Args:
            figure: Name of the figure.
            names: Names of all clips.

        Returns:
            Those of the clips named by ``--clips``, or of as many as it says (default:
            as many as the figure shows), evenly spaced over all.

        Raises:
            MERRunError: ``--clips`` is 0 or has an unknown name.
        """
        given = self.args.clips
        if len(given) == 1 and given[0].isdigit() and given[0] not in names:
            count = min(int(given[0]), len(names))
            if not count:
                raise MERRunError('must be at least 1, got 0', field='--clips')
        elif given:
            if unknown := [one for one in given if one not in names]:
                raise MERRunError(
                    f'there is no clip {unknown[0]}',
                    path=self.run.path,
                    field='--clips',
                    hint=f'use names such as {names[0]}',
                )
            return [names.index(one) for one in given]
        else:
            count = min(SHOWN[figure], len(names))
        return np.linspace(0, len(names) - 1, count).round().astype(int).tolist()

    @cached_property
    def regions(self) -> np.ndarray | None:
        """True regions of movement of the clips; None if they are unknown."""
        augmentation = self.model.data_preprocessor.augmentation
        return true_regions(clips_config(self.cfg), augmentation, self.views.clips)


def finished_runs(path: Path) -> dict[int, StoredRun]:
    """Read the runs of a work directory, and check that all folds are finished.

    Raises:
        MERRunError: There is no run, or a fold is not finished.
    """
    runs = WorkDir(path).runs()
    for run in runs.values():
        if run.missing:
            command = resume_command(run.path) or 'tools/train.py CONFIG --resume'
            raise MERRunError(
                f'folds are not finished: {", ".join(run.missing)}',
                path=run.path,
                hint=f'resume the run before drawing its figures:  {command}',
            )
    return runs
