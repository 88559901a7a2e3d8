"""Load and save trained models: a config and the weights of its folds."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

from mmengine.config import Config
from torch import Tensor

from ..engine.runners.fold_config import mer_dataset
from ..engine.work_dir.fold_check import read_model
from ..engine.work_dir.layout import seed_folders
from ..engine.work_dir.work_dir import finished_folds
from ..models.utils.pretrained import WEIGHTS_DIR
from ..models.utils.slim_checkpoint import write_checkpoint
from ..utils.checkpoints.reading import MAX_BYTES as MAX_CHECKPOINT_BYTES
from ..utils.checkpoints.reading import read_checkpoint, read_hashed_checkpoint
from ..utils.checkpoints.wrapped_keys import without_wrappers
from ..utils.cli.command_line import read_config
from ..utils.errors import ConfigError, MERRunError
from ..utils.text import quote
from .packed_model import (
    FORMAT,
    MAX_BYTES,
    check_names,
    check_packed,
    is_packed,
    unpack,
)
from .schema import NotAllowedError

#: Name of the model that ships with the package: MPT with a small ViT, trained on
#: SynthME.
DEMO = 'demo'
_DEMO_FILE = WEIGHTS_DIR / 'mpt_vit-tiny_synthme.pth'


@dataclass(frozen=True)
class FoldWeights:
    """A trained model: one config and the weights of each fold.

    Attributes:
        model: Config of the recognizer.
        pipeline: Config of the test pipeline.
        classes: Names of the classes.
        dataset: Name of the dataset, which determines the position of faces in frames.
        folds: State dict of the trainable part, by name of the fold.
        held_out: Subjects that each fold was not trained on.
        source: Origin of the model, for messages.
    """

    model: dict[str, Any]
    pipeline: list[dict[str, Any]]
    classes: list[str]
    dataset: str
    folds: dict[str, dict[str, Tensor]]
    held_out: dict[str, list[str]]
    source: str

    def select(self, names: Sequence[str]) -> 'FoldWeights':
        """Select some folds.

        Raises:
            MERRunError: There is no fold of that name.
        """
        for name in names:
            if name not in self.folds:
                raise MERRunError(
                    f'has no fold {name!r}; there are {", ".join(self.folds)}',
                    path=self.source,
                )
        folds = {name: self.folds[name] for name in names}
        held_out = {name: self.held_out.get(name, []) for name in names}
        return replace(self, folds=folds, held_out=held_out)


def load_weights(
    source: str | Path = DEMO, checkpoint: str | Path | None = None
) -> FoldWeights:
    """Load a trained model.

    Args:
        source: ``'demo'``; a file of :func:`save_weights`; the work directory of a run,
            of one seed or of several; the folder or ``model.pth`` of one fold; or a
            config file, with ``checkpoint``. Defaults to 'demo'.
        checkpoint: Weights for the config. Defaults to None.

    Raises:
        MERRunError: There is no trained model; the message says what to give.
    """
    path = Path(source)
    loaded = None
    if str(source) == DEMO and not path.exists():
        if checkpoint is not None:
            raise MERRunError(
                f'weights need a config file, but {DEMO!r} has its own', path=checkpoint
            )
        path = _DEMO_FILE
    if checkpoint is not None:
        return _from_config(path, Path(checkpoint))
    if path.suffix == '.py':
        raise MERRunError(
            'a config alone is not a trained model', path=path, hint='give weights too'
        )
    if path.is_file():
        packed = not _is_of_run(path)
        limit = MAX_BYTES if packed else MAX_CHECKPOINT_BYTES
        loaded = read_hashed_checkpoint(path, limit)
        content = loaded[0]
        # Files beside a packed model are ignored: their config would be run.
        if is_packed(content):
            return FoldWeights(**unpack(content, str(path)), source=str(path))
        if packed:
            raise MERRunError(
                'contains weights without their config',
                path=path,
                hint=f'give the config with --weights {path}, or pack a run with '
                f'tools/publish_model.py',
            )
    if not path.exists():
        raise MERRunError(
            'there is no such run, fold or file of weights',
            path=path,
            hint=f'{DEMO!r} is the model that ships with the package',
        )
    return _from_runs(path, loaded)


def save_weights(weights: FoldWeights, path: str | Path) -> Path:
    """Write a trained model as one file, without optimizer state and data.

    The frozen part is not included: the config names the file of its pre-trained
    weights.

    Args:
        weights: The model.
        path: File to write.

    Returns:
        The path.

    Raises:
        MERRunError: The model starts from a file that others do not have, or the file
            would be too large.
    """
    facts = {
        'model': _plain(weights.model),
        'pipeline': _plain(weights.pipeline),
        'classes': list(weights.classes),
        'dataset': weights.dataset,
        'held_out': weights.held_out,
    }
    folds = weights.folds
    check_packed({**facts, 'folds': folds}, weights.source)
    size = sum(one.nbytes for state in folds.values() for one in state.values())
    if size > MAX_BYTES - (1 << 20):
        raise MERRunError(
            f'its {len(folds)} folds have {size:,} bytes, more than the {MAX_BYTES:,} '
            f'of a packed model',
            path=weights.source,
            hint='pack fewer of them (--folds)',
        )
    meta = dict(mmaction_mer=FORMAT, facts=facts)
    write_checkpoint(path, dict(meta=meta, folds=folds))
    return Path(path)


def _is_of_run(path: Path) -> bool:
    """Return whether a checkpoint is at the place of a fold in a work directory."""
    folder = path.absolute().parent
    return (folder / 'fold.json').is_file() and folder.parent.name == 'folds'


def _from_config(config: Path, checkpoint: Path) -> FoldWeights:
    cfg = read_config(str(config))
    content = read_checkpoint(checkpoint)
    meta = _as_dict(content.get('meta'))
    name = meta.get('fold')
    name = name if isinstance(name, str) and 0 < len(name) <= 100 else checkpoint.stem
    held_out = meta.get('held_out')
    held_out = list(held_out) if _are_names(held_out) else []
    state = _state_dict(content, checkpoint)
    return _combine(cfg, {name: state}, {name: held_out}, [meta], str(checkpoint))


def _as_dict(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _are_names(value: Any) -> TypeGuard[list[str] | tuple[str, ...]]:
    return isinstance(value, list | tuple) and all(type(one) is str for one in value)


def _state_dict(content: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    state = content.get('state_dict')
    if not isinstance(state, dict):
        raise MERRunError(
            'contains no state_dict', path=path, hint='give another checkpoint'
        )
    if not all(isinstance(key, str) for key in state):
        return dict(state)  # rejected when it is loaded
    return dict(without_wrappers(state))


def _from_runs(path: Path, loaded: tuple[dict[str, Any], str] | None) -> FoldWeights:
    runs = seed_folders(path) if path.is_dir() else {}
    places = runs.values() if runs and not (path / 'folds').is_dir() else [path]
    folds, held_out, metas = {}, {}, []
    for place in places:
        for folder in finished_folds(place)[1]:
            # A path to one model.pth has been read to see that it is not packed.
            content = read_model(folder, loaded)
            name = f'{place.name}/{folder.name}' if len(runs) > 1 else folder.name
            folds[name] = _state_dict(content, folder.model)
            held_out[name] = list(folder.state().get('held_out') or ())
            metas.append(_as_dict(content.get('meta')))
            config = folder.path.parent.parent / 'config.py'
    if not config.is_file():
        raise MERRunError(
            'the config of the run is missing', path=config, hint='restore it'
        )
    return _combine(read_config(str(config)), folds, held_out, metas, str(path))


def _combine(
    cfg: Config,
    folds: dict[str, dict[str, Tensor]],
    held_out: dict[str, list[str]],
    metas: Sequence[Mapping[str, Any]],
    source: str,
) -> FoldWeights:
    if not isinstance(cfg.get('model'), dict) or 'test_dataloader' not in cfg:
        raise MERRunError('its config has no model or no test_dataloader', path=source)
    dataset = mer_dataset(cfg.test_dataloader, 'test_dataloader')
    dataset_metas = [_as_dict(meta.get('dataset_meta')) for meta in metas]
    classes = {_classes(one.get('classes'), source) for one in dataset_metas}
    if len(classes) > 1:
        raise MERRunError(
            f'its folds have different classes: {quote(sorted(classes))}', path=source
        )
    names = list(classes.pop())
    # A model without a cls_head has its own way to a number of classes.
    head = cfg.model.get('cls_head', {'num_classes': len(names)})
    if head.get('num_classes') is None:
        if not names:
            raise ConfigError(
                'neither the config nor the checkpoint has the number of classes',
                path=source,
                field='model.cls_head.num_classes',
                hint='set it in the config',
            )
        head['num_classes'] = len(names)
    names = names or [f'class {number}' for number in range(head['num_classes'])]
    dataset_name = dataset_metas[0].get('dataset')
    return FoldWeights(
        _plain(cfg.model),
        _plain(dataset['pipeline']),
        names,
        dataset_name if isinstance(dataset_name, str) else '',
        folds,
        held_out,
        source,
    )


def _classes(value: Any, source: str) -> tuple[str, ...]:
    try:
        check_names(value or (), 'classes', 1000)
    except NotAllowedError as error:
        raise MERRunError(str(error), path=source) from error
    return tuple(value or ())


def _plain(value: Any) -> Any:
    """Copy a part of a config as plain Python objects."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value)
    return copy.deepcopy(value)
