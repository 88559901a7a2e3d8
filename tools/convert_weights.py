"""Convert a released ViT into a checkpoint that the backbone of a config reads.

Reads released weights of timm, Hugging Face's transformers, CLIP (OpenAI, open_clip,
FaRL), DeiT, MAE and DINOv2, and Google's ``.npz``; the keys determine the layout. A
key is either used, or unused for a printed reason, or an error.

    python tools/convert_weights.py FaRL-Base-Patch16-LAIONFace20M-ep16.pth \
        configs/mpt_farl-b16_smic.py

The config determines the ViT that the weights must match, and the output file.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmengine.config import ConfigDict

PREFIX = 'backbone'
# The keys of mmaction_mer.models.converters.LAYOUTS, which a test compares.
LAYOUTS = ('clip', 'google', 'hugging-face', 'hugging-face-clip', 'timm')


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('source', help='the released file')
    parser.add_argument('config', help='config with model.backbone.vit')
    parser.add_argument(
        '--out',
        help='the checkpoint to write (default: the path in init_cfg of the ViT)',
    )
    parser.add_argument(
        '--layout',
        choices=LAYOUTS,
        help='the layout of the file (default: detected from the keys)',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action='extend', metavar='KEY=VALUE'
    )
    return parser.parse_args(arguments)


def read_vit(args: argparse.Namespace) -> 'ConfigDict':
    """Read the config of the ViT."""
    from mmengine.registry import init_default_scope

    from mmaction_mer.utils.cli.command_line import merge_options, read_config
    from mmaction_mer.utils.errors import ConfigError

    cfg = read_config(args.config)
    merge_options(cfg, args.cfg_options)
    if 'vit' not in cfg.get('model', {}).get('backbone', {}):
        raise ConfigError('is missing', path=args.config, field='model.backbone.vit')
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    return cfg.model.backbone.vit


def where_to(args: argparse.Namespace, vit: 'ConfigDict') -> Path:
    """Return the path of the output file."""
    from mmaction_mer.utils.errors import MERRunError

    if args.out is not None:
        out = args.out
    else:
        out = (vit.get('init_cfg') or {}).get('checkpoint', '')
        if not out or '://' in out:
            raise MERRunError(
                f'the checkpoint of the ViT is {out or "not set"}',
                path=args.config,
                hint='set the output file with --out, and use it in init_cfg',
            )
    if Path(out).resolve() == Path(args.source).resolve():
        raise MERRunError(
            'would be written over itself', path=out, hint='choose another --out'
        )
    return Path(out)


def convert_file(args: argparse.Namespace) -> None:
    """Convert the weights, check them, print a report and write them."""
    import torch
    from mmaction.registry import MODELS

    import mmaction_mer
    from mmaction_mer.models.converters.convert import check_fit, convert
    from mmaction_mer.models.converters.files import read_weights
    from mmaction_mer.models.utils.slim_checkpoint import write_checkpoint

    vit = read_vit(args)
    out = where_to(args, vit)
    # Only the shapes are needed.
    with torch.device('meta'):
        wanted = MODELS.build({k: v for k, v in vit.items() if k != 'init_cfg'})
    found = convert(read_weights(args.source), args.layout, args.source)
    check_fit(found, wanted.state_dict())
    print(found.report())
    meta = dict(
        source=Path(args.source).name,
        layout=found.layout.name,
        mmaction_mer_version=mmaction_mer.__version__,
    )
    state = {f'{PREFIX}.{key}': tensor for key, tensor in found.state.items()}
    write_checkpoint(out, dict(meta=meta, state_dict=state))
    print(f'written {out}')
    init = vit.get('init_cfg') or {}
    if init.get('checkpoint') != str(out) or init.get('prefix') != PREFIX:
        print(
            f"in the config, model.backbone.vit: init_cfg=dict(type='Pretrained', "
            f"checkpoint='{out}', prefix='{PREFIX}')"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = parse_args(arguments)
    # Imported when the command line is read: --help does not wait for torch.
    from mmaction_mer.utils.cli.command_line import report_errors

    return report_errors(convert_file)(args)


if __name__ == '__main__':
    sys.exit(main())
