"""Models of other projects with random weights, and the tool that converts them."""

import pytest
import torch
from load_tool import load_tool
from mmengine.config import Config
from paths import CONFIGS
from timm.models.vision_transformer import VisionTransformer

from mmaction_mer.models import MPTViT

SMALL = dict(embed_dims=32, num_layers=2, num_heads=4, feedforward_channels=64)


def _randomise(module, seed=0):
    """Randomize all parameters of a model, also norms and scales (1 at the start)."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim < 2:
                parameter.normal_(0.5, 0.3, generator=generator)
            else:
                fan_in = parameter[0].numel()
                parameter.normal_(0, fan_in**-0.5, generator=generator)
    return module.eval()


@pytest.fixture
def randomise():
    """Randomize all parameters of a model, norms and scales too."""
    return _randomise


@pytest.fixture
def images():
    """Draw images ``(2, 3, size, size)``."""

    def draw(size):
        return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(7))

    return draw


@pytest.fixture
def small_timm():
    """Build timm's ViT, small: 32 pixels, patches of 8, two layers, random weights."""

    def build(**options):
        options = dict(img_size=32, patch_size=8, num_classes=5) | options
        return _randomise(
            VisionTransformer(
                embed_dim=32, depth=2, num_heads=4, mlp_ratio=2, **options
            )
        )

    return build


@pytest.fixture
def config(tmp_path):
    """Write a config of a ViT as small as ``small_timm``."""

    def write(**vit):
        vit = (
            dict(
                type='mmpretrain.VisionTransformer',
                arch=SMALL,
                img_size=32,
                patch_size=8,
                init_cfg=dict(
                    type='Pretrained',
                    checkpoint=str(tmp_path / 'out.pth'),
                    prefix='backbone',
                ),
            )
            | vit
        )
        path = tmp_path / 'small.py'
        path.write_text(f'model = dict(backbone=dict(vit={vit!r}))\n')
        return path

    return write


@pytest.fixture
def cut_config(tmp_path):
    """Write a config of this package with two layers instead of twelve."""

    def write(name):
        path = tmp_path / f'{name}.py'
        arch = dict(
            SMALL,
            _delete_=True,
            embed_dims=768,
            num_heads=12,
            feedforward_channels=3072,
        )
        path.write_text(
            f'_base_ = {str(CONFIGS / name) + "_smic.py"!r}\n'
            f'model = dict(backbone=dict(vit=dict(arch={arch!r})))\n'
        )
        return path

    return write


@pytest.fixture
def run_tool():
    """Run tools/convert_weights.py; return its exit status."""
    tool = load_tool('convert_weights.py')
    return lambda *arguments: tool.main([str(argument) for argument in arguments])


@pytest.fixture
def converted(tmp_path, run_tool):
    """Convert a dict of tensors or a file by the tool; load it into an MPTViT.

    The adapters of the MPTViT are as initialized.
    """
    written = tmp_path / 'release.pth', tmp_path / 'converted.pth'

    def convert(release, config, *options):
        source, out = written
        if isinstance(release, dict):
            torch.save(release, source)
        else:
            source = release
        assert run_tool(source, config, '--out', out, *options) == 0
        vit = Config.fromfile(config).model.backbone.vit.to_dict()
        vit['init_cfg'] = dict(
            type='Pretrained', checkpoint=str(out), prefix='backbone'
        )
        return MPTViT(vit=vit, adapter=dict(type='GroupAdapter', reduction=8)).eval()

    yield convert
    # Half a gigabyte each, which pytest would keep.
    for path in written:
        path.unlink(missing_ok=True)


@pytest.fixture
def assert_same(images):
    """Compare the logits of the other project's head, given our class token."""

    def check(model, theirs, head, size):
        image = images(size)[:1]
        adapters, model.adapters = model.adapters, None
        with torch.no_grad():
            wanted = theirs(image)
            assert wanted.std() > 0.1
            plain = head(model(image))
            model.adapters = adapters
            torch.testing.assert_close(plain, wanted, rtol=0, atol=1e-4)
            torch.testing.assert_close(head(model(image)), plain, rtol=0, atol=1e-4)

    return check
