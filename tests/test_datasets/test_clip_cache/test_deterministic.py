"""Which transforms of a pipeline are cached."""

from mmaction.datasets.transforms import CenterCrop, Resize
from mmengine.config import Config
from mmengine.dataset import Compose
from paths import CONFIGS

from mmaction_mer.datasets.clip_cache import STANDARD, deterministic_prefix


def test_the_standard_is_the_prefix_of_the_config():
    config = Config.fromfile(CONFIGS / '_base_/datasets/mer_224.py')
    for loader in (config.train_dataloader, config.test_dataloader):
        pipeline = loader.dataset.pipeline
        count = len(deterministic_prefix(Compose(pipeline).transforms))
        assert [dict(part) for part in pipeline[:count]] == list(STANDARD)


def test_subclasses_of_mmactions_transforms_may_draw():
    class Jitter(Resize):
        pass

    class Sure(CenterCrop):
        deterministic = True

    package = Sure.__module__.partition('.')[0]
    parts = [Resize((8, 8)), Sure(4), Jitter((8, 8)), CenterCrop(4)]
    assert deterministic_prefix(parts) == [
        "mmaction.Resize(scale=(8, 8), keep_ratio=True, interpolation='bilinear', "
        'lazy=False)',
        f'{package}.{Sure.__qualname__}(crop_size=(4, 4), lazy=False)',
    ]


def test_a_transform_without_its_settings_ends_the_prefix():
    class Hidden:
        deterministic = True

        def __init__(self, size):
            self._size = size

    assert deterministic_prefix([Hidden(3), CenterCrop(4)]) == []
