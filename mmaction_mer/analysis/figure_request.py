"""A run whose figures are asked for, and what its models see."""

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
from .clip_views import ClipViews, look_at_clips
from .held_out import build_model, clips_config
from .synthme_truth import true_regions

#: Names of the maps, by figure.
MAPS = {'gradcam': 'grad_cam', 'rollout': 'saliency', 'evidence': 'attribution'}
#: What is collected for a figure, and of how many clips it is by default.
NEEDS = {'tsne': 'tokens', **dict.fromkeys(MAPS, 'maps'), 'gaussians': 'gaussians',
         'rank': 'rank'}  # fmt: skip
SHOWN = {**dict.fromkeys(MAPS, 12), 'rank': 12, 'gaussians': 6, 'magnified': 2,
         'mistakes': 6}  # fmt: skip


@dataclass
class FigureRequest:
    """A run, and what is asked for."""

    args: argparse.Namespace
    runs: dict[int, StoredRun]
    what: list[str]

    @property
    def run(self) -> StoredRun:
        """That of the first seed."""
        return next(iter(self.runs.values()))

    @property
    def title(self) -> str:
        """Name of the run, and that its numbers are selected where they are."""
        mark = SELECTIONS['test'] if self.run.selection == 'test' else ''
        return ' · '.join(filter(None, [self.args.run.resolve().name, mark]))

    @cached_property
    def cfg(self) -> Config:
        """Its config."""
        return read_config(str(WorkDir(self.args.run).config_file()))

    @cached_property
    def model(self) -> nn.Module:
        """Its model."""
        model = build_model(self.cfg, self.args.device)
        if not isinstance(model, MERRecognizer):
            raise MERRunError(
                f'{self.args.run}: is of a {type(model).__name__}, whose inside is not '
                f'known here; --what confusion classes magnified mistakes are of any'
            )
        return model

    @cached_property
    def views(self) -> ClipViews:
        """What its folds see, of all that the figures need."""
        wanted = [NEEDS[one] for one in self.what if one in NEEDS]
        data = clips_config(self.cfg)
        return look_at_clips(self.model, data, self.run.path, wanted)

    def chosen(self, figure: str, names: Sequence[str]) -> list[int]:
        """Places of the clips to draw: those named, or so many, spread over all."""
        given = self.args.clips
        if len(given) == 1 and given[0].isdigit() and given[0] not in names:
            count = min(int(given[0]), len(names))
            if not count:
                raise MERRunError('--clips is the number of clips to draw, got 0')
        elif given:
            if unknown := [one for one in given if one not in names]:
                raise MERRunError(
                    f'--clips {unknown[0]}: {self.run.path} has no such clip; it has '
                    f'{names[0]} for instance'
                )
            return [names.index(one) for one in given]
        else:
            count = min(SHOWN[figure], len(names))
        return np.linspace(0, len(names) - 1, count).round().astype(int).tolist()

    @cached_property
    def regions(self) -> np.ndarray | None:
        """Where the clips truly move, if that is known."""
        augmentation = self.model.data_preprocessor.augmentation
        return true_regions(clips_config(self.cfg), augmentation, self.views.clips)


def finished_runs(path: Path) -> dict[int, StoredRun]:
    """Read the runs of a work directory, all of whose folds must be finished.

    Raises:
        MERRunError: There is no run, or a fold is missing.
    """
    runs = WorkDir(path).runs()
    for run in runs.values():
        if run.missing:
            command = resume_command(run.path) or 'tools/train.py CONFIG --resume'
            raise MERRunError(
                f'{run.path}: is not finished, it lacks {", ".join(run.missing)}: '
                f'resume it before its figures are drawn:  {command}'
            )
    return runs
