"""The layouts of Google's ``.npz`` files: vision_transformer and big_vision.

Flax stores kernels transposed relative to torch: ``(in, out)``, and ``(H, W, in, out)``
for convolutions. Attention has kernels of shape ``(D, heads, D / heads)`` for query,
key and value, and ``(heads, D / heads, D)`` for the output. The two layouts number the
modules of a layer differently.
"""

from torch import Tensor

from .layout import Layout, Rule, as_positions, as_token

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


def _norm(source: str, target: str) -> tuple[Rule, Rule]:
    return (
        Rule(f'{source}/scale', f'{target}.weight'),
        Rule(f'{source}/bias', f'{target}.bias'),
    )


def _dense(source: str, target: str) -> tuple[Rule, Rule]:
    return (
        Rule(f'{source}/kernel', f'{target}.weight', _transposed),
        Rule(f'{source}/bias', f'{target}.bias'),
    )


def _attention() -> tuple[Rule, ...]:
    rules = []
    for part, name in enumerate(('query', 'key', 'value')):
        source, target = f'{ATTENTION}/{name}', r'layers.\1.attn.qkv'
        rules += [
            Rule(f'{source}/kernel', f'{target}.weight', _into_heads, part, 3),
            Rule(f'{source}/bias', f'{target}.bias', Tensor.flatten, part, 3),
        ]
    target = r'layers.\1.attn.proj'
    return (
        *rules,
        Rule(f'{ATTENTION}/out/kernel', f'{target}.weight', _out_of_heads),
        Rule(f'{ATTENTION}/out/bias', f'{target}.bias'),
    )


GOOGLE = Layout(
    name='google',
    title="Google's .npz: vision_transformer, big_vision",
    anchor='embedding/kernel',
    prefixes=('', 'opt/target/', 'params/', 'params/img/'),
    used=(
        Rule('cls', 'cls_token', as_token),
        Rule(
            'Transformer/posembed_input/pos_embedding|pos_embedding',
            'pos_embed',
            as_positions,
        ),
        Rule('embedding/kernel', 'patch_embed.projection.weight', _convolution),
        Rule('embedding/bias', 'patch_embed.projection.bias'),
        *_norm('Transformer/encoder_norm', 'ln1'),
        *_norm(rf'{BLOCK}/LayerNorm_0', r'layers.\1.ln1'),
        *_attention(),
        # A layer has either LayerNorm_1 or LayerNorm_2, depending on the layout.
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
    unsupported=(
        (r'MAPHead_0/.+', 'attention pooling instead of the class token'),
        (
            r'Transformer/encoderblock/.+',
            'layers stacked into one array (scan)',
        ),
    ),
)
