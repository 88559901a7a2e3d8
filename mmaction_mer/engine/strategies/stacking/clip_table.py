"""Every clip of a data set in memory, on the device that trains, found by number.

The data sets of this field are a few hundred clips. Read once as uint8, they are picked
by index; magnification and rank pooling are one product over all clips where memory
allows for its result, else over each batch. No iteration meets a clip in Python.
"""

import contextlib
import copy
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from mmaction.registry import DATASETS
from mmengine.config import Config
from torch import Tensor, nn
from tqdm import tqdm

from ....datasets.annotation import clip_name
from ....datasets.clip_cache import is_deterministic
from ....datasets.transforms.motion import PackMERInputs
from ....models.data_preprocessors.augmentation import CropFlipParams
from ....utils.memory import available_memory
from ....utils.parallel import cores
from ...runners.fold_config import ALL_SUBJECTS
from .compatibility import StackingNotSupportedError
from .sizing import out_of_memory

# Of what is free: the clips themselves, and their streams.
CLIPS_SHARE, STREAMS_SHARE = 0.4, 0.3
# So many clips at once are made into streams.
CHUNK = 16


class ClipTable:
    """Clips of one form, packed by a pipeline that draws nothing.

    Args:
        datasets: Data sets that share the pipeline, wrapped or not.
        device: Where the clips go; those that do not fit stay on the CPU.
        quiet: Show no progress.

    Attributes:
        place: Number of each clip by its name, ``dataset/subject/clip``.
        clips: ``(N, T, 3, H, W)`` uint8.
        samples: The data sample of each clip.
        labels: ``(N,)``.

    Raises:
        StackingNotSupportedError: The pipeline draws at random or packs something else,
            clips differ in form, or there are more than memory holds.
        MERDataError: A clip cannot be read.
    """

    def __init__(
        self, datasets: Iterable[Any], device: torch.device, quiet: bool = True
    ) -> None:
        found: dict[str, tuple[Any, int]] = {}
        for dataset in datasets:
            check_pipeline(dataset)
            for index, name in enumerate(clip_names(dataset)):
                found.setdefault(name, (dataset, index))
        self.device = device
        self.place = {name: number for number, name in enumerate(found)}
        packed = _load([*found.values()], quiet)
        self.samples = [one['data_samples'] for one in packed]
        self.labels = torch.stack([
            sample.gt_label.squeeze() for sample in self.samples
        ]).to(device)  # fmt: skip
        self.clips = torch.stack([one['inputs']['clip'] for one in packed])
        if self.clips.nbytes < CLIPS_SHARE * available_memory(device):
            self.clips = self.clips.to(device)
        self._matrices: Tensor | None = None
        self._streams: Tensor | None = None

    def numbers(self, dataset: Any) -> Tensor:
        """Number of each clip of a data set in this table."""
        return torch.tensor([self.place[name] for name in clip_names(dataset)])

    def prepare(self, preprocessor: nn.Module) -> None:
        """Compute the front end of all clips, if memory holds it."""
        if self._matrices is not None:
            return
        length = self.clips.shape[1]
        matrices = preprocessor.matrices(length, self.samples)
        self._matrices = matrices.to(self.clips.device)
        size = 4 * self.clips.nbytes // length * (length + 1)
        if size < STREAMS_SHARE * available_memory(self.device):
            numbers = torch.arange(len(self.clips)).split(CHUNK)
            try:
                parts = [self._of(preprocessor, some) for some in numbers]
                self._streams = torch.cat(parts)
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise

    def inputs(
        self, preprocessor: nn.Module, numbers: Tensor, geometry: CropFlipParams
    ) -> dict[str, Tensor]:
        """Inputs of the model for a batch of each fold.

        Args:
            preprocessor: The model's :class:`MERDataPreprocessor`.
            numbers: Clips ``(G, B)``, on the CPU.
            geometry: Of the ``G B`` clips.

        Returns:
            ``image (G, B, 3, H, W)`` and ``motion (G, B, T, 3, H, W)``.
        """
        flat = numbers.flatten()
        if self._streams is None:
            streams = self._of(preprocessor, flat)
        else:
            streams = self._streams[flat.to(self._streams.device)]
        inputs = preprocessor.inputs(streams, geometry)
        return {key: one.unflatten(0, numbers.shape) for key, one in inputs.items()}

    def batch(self, numbers: Iterable[int]) -> dict[str, Any]:
        """A batch as a data loader would collate it, for the model's own steps."""
        chosen = list(numbers)
        return dict(
            inputs=dict(clip=[self.clips[number] for number in chosen]),
            data_samples=[self.samples[number].clone() for number in chosen],
        )

    def _of(self, preprocessor: nn.Module, numbers: Tensor) -> Tensor:
        assert self._matrices is not None
        numbers = numbers.to(self.clips.device)
        clips = self.clips[numbers].to(self.device, non_blocking=True)
        matrices = self._matrices[numbers].to(self.device, non_blocking=True)
        return preprocessor.streams(clips, matrices)


class Tables:
    """The clips of a run in memory, one table per form of them."""

    def __init__(self, quiet: bool = True) -> None:
        self.quiet = quiet
        self._tables: dict[str, ClipTable] = {}

    def of(self, loader: Config, device: torch.device) -> ClipTable:
        """Find or fill the table of a data loader's data set, all sides of it."""
        whole = copy.deepcopy(loader.dataset)
        inner = whole
        while 'ann_file' not in inner:
            inner = inner.dataset
        inner.update(ALL_SUBJECTS, test_mode=True, cache=False)
        inner.pop('indices', None)
        # Sides and modes differ from fold to fold; the clips do not.
        key = repr(inner)
        if key not in self._tables:
            dataset = DATASETS.build(inner)
            self._tables[key] = ClipTable([dataset], device, self.quiet)
        return self._tables[key]


def clip_names(dataset: Any) -> list[str]:
    """Name of each clip that a data set gives, ``dataset/subject/clip``."""
    return [clip_name(dataset.get_data_info(i)) for i in range(len(dataset))]


def check_pipeline(dataset: Any) -> None:
    """Refuse a pipeline that does not give the same clip each time.

    Raises:
        StackingNotSupportedError: A transform draws, or clips are not packed as frames.
    """
    inner = dataset
    while not hasattr(inner, 'pipeline') and hasattr(inner, 'dataset'):
        inner = inner.dataset
    transforms = list(getattr(getattr(inner, 'pipeline', None), 'transforms', []))
    if not transforms or type(transforms[-1]) is not PackMERInputs:
        raise StackingNotSupportedError('the pipeline does not end in PackMERInputs')
    for transform in transforms[:-1]:
        if not is_deterministic(transform):
            raise StackingNotSupportedError(
                f'{type(transform).__name__} in the pipeline may draw at random, clip '
                'by clip: give model.data_preprocessor.augmentation=dict(crop=...,'
                ' flip=...) in its stead'
            )


def _load(found: Sequence[tuple[Any, int]], quiet: bool) -> list[dict[str, Any]]:
    """Load clips side by side, after seeing that all of them fit into memory."""
    dataset, index = found[0]
    first = dataset[index]['inputs'].get('clip')
    if first is None:
        raise StackingNotSupportedError('the pipeline computes the motion itself')
    needed = first.nbytes * len(found)
    if needed > CLIPS_SHARE * available_memory(torch.device('cpu')):
        raise StackingNotSupportedError(
            f'{len(found)} clips take {needed / 1e9:.1f} GB, more than '
            f'{CLIPS_SHARE:.0%} of the memory that is free'
        )
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(cores()))
        stack.callback(pool.shutdown, cancel_futures=True)
        work = pool.map(lambda pair: pair[0][pair[1]], found)
        packed = list(tqdm(work, 'clips', len(found), leave=False, disable=quiet))
    for one in packed:
        if one['inputs']['clip'].shape != first.shape:
            raise StackingNotSupportedError(
                f'clip {one["data_samples"].get("clip")} is '
                f'{tuple(one["inputs"]["clip"].shape)}, others {tuple(first.shape)}'
            )
    return packed
