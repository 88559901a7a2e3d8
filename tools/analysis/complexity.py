"""Print what a config's model costs: parameters that learn, and multiply-adds."""

import argparse
import sys

from mmaction.registry import MODELS
from mmengine.registry import init_default_scope

import mmaction_mer  # noqa: F401  (registers everything)
from mmaction_mer.engine.command_line import (
    CfgOptions,
    merge_options,
    read_config,
    report_errors,
)
from mmaction_mer.engine.errors import MERRunError
from mmaction_mer.models import count_by_part, count_multiply_adds, count_parameters


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('--image-size', type=int, help="default: the ViT's own")
    parser.add_argument(
        '--pretrained',
        action='store_true',
        help='load the pre-trained weights too; they do not change the figures',
    )
    parser.add_argument('--cfg-options', nargs='+', action=CfgOptions)
    return parser.parse_args()


@report_errors
def main() -> None:
    """Build the model and print its table."""
    args = parse_args()
    cfg = read_config(args.config)
    merge_options(cfg, args.cfg_options)
    if 'vit' not in cfg.get('model', {}).get('backbone', {}):
        raise MERRunError(
            f'{args.config}: has no model.backbone.vit; this table is of models '
            'around an MPTViT'
        )
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    if not args.pretrained:
        cfg.model.backbone.vit.pop('init_cfg', None)
    model = MODELS.build(cfg.model)
    size = args.image_size or model.backbone.vit.img_size[0]
    counts = count_parameters(model)
    rows = [(part, f'{number:,}') for part, number in count_by_part(model).items()]
    rows += [
        ('all that learns', f'{counts["trainable"]:,}'),
        ('all', f'{counts["total"]:,}'),
        (
            f'multiply-adds a clip, {size} px',
            f'{count_multiply_adds(model, size) / 1e9:.2f} G',
        ),
    ]
    print('| what | count |\n|---|---:|')
    for what, number in rows:
        print(f'| {what} | {number} |')


if __name__ == '__main__':
    sys.exit(main())
