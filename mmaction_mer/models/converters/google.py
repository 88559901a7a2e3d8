"""The layouts of Google's ``.npz`` files: vision_transformer's and big_vision's.

Flax keeps what torch has transposed: a kernel is ``(in, out)``, that of a convolution
``(H, W, in, out)``; attention has a kernel ``(D, heads, D / heads)`` each for query,
key and value and ``(heads, D / heads, D)`` for the output. The two layouts number the
modules of a layer differently.
"""

from torch import Tensor

from .layout import Layout, Used, as_positions, as_token

BLOCK = r'Transformer/encoderblock_(\d+)'
ATTENTION = rf'{BLOCK}/MultiHeadDotProductAttention_[01]'
FEED_FORWARD = rf'{BLOCK}/MlpBlock_[03]'


def _convolution(kernel: Tensor) -> Tensor:
    return kernel.permute(3, 2, 0, 1)


def _transposed(kernel: Tensor) -> Tensor:
    return kernel.permute(1, 0)


def _into_heads(kernel: Tensor) -> Tensor:
    return kernel.flatten(1).permute(1, 0)


def _out_of_heads(kernel: Tensor) -> Tensor:
    return kernel.flatten(0, 1).permute(1, 0)


def _norm(source: str, target: str) -> tuple[Used, Used]:
    return (
        Used(f'{source}/scale', f'{target}.weight'),
        Used(f'{source}/bias', f'{target}.bias'),
    )


def _dense(source: str, target: str) -> tuple[Used, Used]:
    return (
        Used(f'{source}/kernel', f'{target}.weight', _transposed),
        Used(f'{source}/bias', f'{target}.bias'),
    )


def _attention() -> tuple[Used, ...]:
    rules = []
    for part, name in enumerate(('query', 'key', 'value')):
        source, target = f'{ATTENTION}/{name}', r'layers.\1.attn.qkv'
        rules += [
            Used(f'{source}/kernel', f'{target}.weight', _into_heads, part, 3),
            Used(f'{source}/bias', f'{target}.bias', Tensor.flatten, part, 3),
        ]
    target = r'layers.\1.attn.proj'
    return (
        *rules,
        Used(f'{ATTENTION}/out/kernel', f'{target}.weight', _out_of_heads),
        Used(f'{ATTENTION}/out/bias', f'{target}.bias'),
    )


GOOGLE = Layout(
    name='google',
    title="Google's .npz: vision_transformer, big_vision",
    anchor='embedding/kernel',
    prefixes=('', 'opt/target/', 'params/', 'params/img/'),
    used=(
        Used('cls', 'cls_token', as_token),
        Used(
            'Transformer/posembed_input/pos_embedding|pos_embedding',
            'pos_embed',
            as_positions,
        ),
        Used('embedding/kernel', 'patch_embed.projection.weight', _convolution),
        Used('embedding/bias', 'patch_embed.projection.bias'),
        *_norm('Transformer/encoder_norm', 'ln1'),
        *_norm(rf'{BLOCK}/LayerNorm_0', r'layers.\1.ln1'),
        *_attention(),
        # LayerNorm_1 does not occur where the second norm is number 2.
        *_norm(rf'{BLOCK}/LayerNorm_[12]', r'layers.\1.ln2'),
        *_dense(rf'{FEED_FORWARD}/Dense_0', r'layers.\1.ffn.layers.0.0'),
        *_dense(rf'{FEED_FORWARD}/Dense_1', r'layers.\1.ffn.layers.1'),
    ),
    unused=(
        ('head/(kernel|bias)', 'classification head'),
        ('pre_logits/(kernel|bias)', 'layer before the classification head'),
    ),
    beside=(
        (r'opt/.+', 'state of the optimizer'),
        (r'params/(txt/.+|t|b)', 'text tower and scale of the contrastive loss'),
    ),
    refused=(
        (r'MAPHead_0/.+', 'a pooling by attention in place of the class token'),
        (
            r'Transformer/encoderblock/.+',
            'layers stacked in one array (scan)',
        ),
    ),
)
