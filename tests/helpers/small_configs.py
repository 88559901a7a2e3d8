"""Configs made small, for tests and for `make docs-check`."""

from mmengine.config import ConfigDict

ARCH = dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64)
SIZE = 64


def small_vit(model: ConfigDict) -> None:
    """Two narrow layers at 64 pixels; what it starts from is for the caller to say."""
    model.backbone.vit.update(arch=dict(ARCH), img_size=SIZE)
    if model.backbone.get('adapter_start_layer'):
        model.backbone.adapter_start_layer = 1  # of two layers
    if 'crop' in model.data_preprocessor.get('augmentation', {}):
        model.data_preprocessor.augmentation.crop = SIZE
    model.cls_head.in_channels = ARCH['embed_dims']


def small_branch(branch: ConfigDict) -> None:
    """A ResNet with an eighth of the channels."""
    branch.update(stem_channels=8, base_channels=8)
    if branch.norm_cfg.type == 'GN':
        branch.norm_cfg.num_groups = 4


def small_pictures(dataset: ConfigDict) -> None:
    """Frames of 64 pixels, as that ViT reads them."""
    for step in dataset.pipeline:
        if step.type == 'Resize':
            step.scale = (SIZE, SIZE)
        if step.type == 'CenterCrop':
            step.crop_size = 56


def small_loader(loader: ConfigDict) -> None:
    """Four clips a batch, read by the process that trains."""
    loader.update(num_workers=0, persistent_workers=False, batch_size=4)
