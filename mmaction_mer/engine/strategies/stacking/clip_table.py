"""All clips of a dataset as one tensor, on the device that trains.

The datasets of this field have a few hundred clips. They are loaded once as uint8, from
a clip store where there is one, and then selected by index. Magnification and rank
pooling are one matrix product over all clips if their result fits in memory, otherwise
over each batch. No iteration touches a clip in Python.
"""

import contextlib
import copy
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from mmaction.registry import DATASETS
from mmengine.config import Config
from torch import Tensor, nn
from tqdm import tqdm

from ....datasets.annotation import clip_name
from ....datasets.clip_cache import is_deterministic
from ....datasets.transforms.packing import PackMERInputs
from ....models.data_preprocessors.augmentation import CropFlipParams
from ....utils.memory import available_memory
from ....utils.parallel import cores
from ...runners.fold_config import ALL_SUBJECTS
from .compatibility import StackingNotSupportedError
from .sizing import out_of_memory

# Fractions of the free memory for the clips themselves, and for their streams.
CLIPS_SHARE, STREAMS_SHARE = 0.4, 0.3
# Number of clips whose streams are computed at once.
CHUNK = 16


class ClipTable:
    """Clips of one shape, packed by a deterministic pipeline.

    Args:
        dataset: All clips; it must not be wrapped.
        device: The device for the clips; they stay on the CPU if they do not fit.
        quiet: Whether to hide the progress bar. Defaults to True.

    Attributes:
        place: Index of each clip by its name, ``dataset/subject/clip``.
        clips: ``(N, T, 3, H, W)`` uint8.
        samples: The data sample of each clip.
        labels: ``(N,)``.

    Raises:
        StackingNotSupportedError: The pipeline draws random numbers or packs something
            else, the clips differ in shape, or do not fit in memory.
        MERDataError: A clip cannot be read.
    """

    def __init__(self, dataset: Any, device: torch.device, quiet: bool = True) -> None:
        check_pipeline(dataset)
        self.device = device
        self.place = {name: index for index, name in enumerate(clip_names(dataset))}
        packed = _load(dataset, quiet)
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
        """Return the index of each clip of a dataset in this table."""
        return torch.tensor([self.place[name] for name in clip_names(dataset)])

    def prepare(self, preprocessor: nn.Module) -> None:
        """Compute the front end of all clips, if the result fits in memory."""
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
        """Return the inputs of the model for one batch of each fold.

        Args:
            preprocessor: The model's :class:`MERDataPreprocessor`.
            numbers: Indices of clips, ``(G, B)``, on the CPU.
            geometry: Crops and flips of the ``G B`` clips.

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
        """Return a batch as a data loader collates it, for the model's own steps."""
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
    """The clip tables of a run, one for each dataset and pipeline."""

    def __init__(self, quiet: bool = True) -> None:
        self.quiet = quiet
        self._tables: dict[str, ClipTable] = {}

    def of(self, loader: Config, device: torch.device) -> ClipTable:
        """Return the table of all splits of a data loader's dataset."""
        whole = copy.deepcopy(loader.dataset)
        inner = whole
        while 'ann_file' not in inner:
            inner = inner.dataset
        inner.update(ALL_SUBJECTS, test_mode=True, cache=False)
        inner.pop('indices', None)
        # Splits and modes differ from fold to fold; the clips do not.
        key = repr(inner)
        if key not in self._tables:
            self._tables[key] = ClipTable(DATASETS.build(inner), device, self.quiet)
        return self._tables[key]


def clip_names(dataset: Any) -> list[str]:
    """Return the name of each clip of a dataset, ``dataset/subject/clip``."""
    return [clip_name(dataset.get_data_info(i)) for i in range(len(dataset))]


def check_pipeline(dataset: Any) -> None:
    """Check that a pipeline returns the same clip each time.

    Raises:
        StackingNotSupportedError: A transform draws random numbers, or clips are not
            packed as frames.
    """
    transforms = list(getattr(getattr(dataset, 'pipeline', None), 'transforms', []))
    if not transforms or type(transforms[-1]) is not PackMERInputs:
        raise StackingNotSupportedError('the pipeline does not end in PackMERInputs')
    for transform in transforms[:-1]:
        if not is_deterministic(transform):
            raise StackingNotSupportedError(
                f'{type(transform).__name__} in the pipeline may draw random numbers '
                'for each clip: use model.data_preprocessor.augmentation=dict(crop=...,'
                ' flip=...) instead'
            )


def _load(dataset: Any, quiet: bool) -> list[dict[str, Any]]:
    """Load clips in parallel, after checking that all of them fit in memory."""
    first = dataset[0]['inputs'].get('clip')
    if first is None:
        raise StackingNotSupportedError('the pipeline computes the motion itself')
    needed = first.nbytes * len(dataset)
    if needed > CLIPS_SHARE * available_memory(torch.device('cpu')):
        raise StackingNotSupportedError(
            f'{len(dataset)} clips take {needed / 1e9:.1f} GB, more than '
            f'{CLIPS_SHARE:.0%} of the free memory'
        )
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(cores()))
        stack.callback(pool.shutdown, cancel_futures=True)
        work = pool.map(dataset.__getitem__, range(len(dataset)))
        packed = list(tqdm(work, 'clips', len(dataset), leave=False, disable=quiet))
    for one in packed:
        if one['inputs']['clip'].shape != first.shape:
            raise StackingNotSupportedError(
                f'clip {one["data_samples"].get("clip")} is '
                f'{tuple(one["inputs"]["clip"].shape)}, others {tuple(first.shape)}'
            )
    return packed
