"""The layout of timm, which the releases of DeiT, MAE and DINOv2 share.

Their differences from timm are small: files of MAE and DINOv2 contain a mask token,
full ones of MAE a decoder, DINOv2 and DeiT III use LayerScale, and DeiT III has no
position embedding for its class token.
"""

from .layout import Layout, Rule, affine, as_positions, as_token

BLOCK = r'blocks\.(\d+)'

TIMM = Layout(
    name='timm',
    title='timm, DeiT, MAE, DINOv2',
    anchor='patch_embed.proj.weight',
    prefixes=('',),
    used=(
        Rule('cls_token', 'cls_token', as_token),
        Rule('pos_embed', 'pos_embed', as_positions),
        affine(r'patch_embed\.proj', 'patch_embed.projection'),
        affine('norm_pre', 'pre_norm'),
        affine('norm', 'ln1'),
        affine(rf'{BLOCK}\.norm1', r'layers.\1.ln1'),
        affine(rf'{BLOCK}\.attn\.qkv', r'layers.\1.attn.qkv'),
        affine(rf'{BLOCK}\.attn\.proj', r'layers.\1.attn.proj'),
        affine(rf'{BLOCK}\.norm2', r'layers.\1.ln2'),
        affine(rf'{BLOCK}\.mlp\.fc1', r'layers.\1.ffn.layers.0.0'),
        affine(rf'{BLOCK}\.mlp\.fc2', r'layers.\1.ffn.layers.1'),
        Rule(rf'{BLOCK}\.(?:ls1\.gamma|gamma_1)', r'layers.\1.attn.gamma1.weight'),
        Rule(rf'{BLOCK}\.(?:ls2\.gamma|gamma_2)', r'layers.\1.ffn.gamma2.weight'),
    ),
    unused=(
        (r'head\..+', 'classification head'),
        (r'pre_logits\.(fc\.)?(weight|bias)', 'layer before the classification head'),
        (r'fc_norm\.(weight|bias)', 'norm of the averaged patches'),
        ('mask_token', 'mask token of the pre-training'),
        (r'decoder_.+', 'decoder of the pre-training'),
    ),
    unsupported=(
        (r'dist_token|head_dist\..+', 'a distillation token beside the class token'),
        (r'reg_token|register_tokens', 'register tokens beside the class token'),
        (r'attn_pool\..+', 'attention pooling instead of the class token'),
        (rf'{BLOCK}\.attn\.[qk]_norm\..+', 'norms inside the attention layers'),
        (rf'{BLOCK}\.mlp\.(w12|w3|fc1_g|fc1_x)\..+', 'gated feed-forward layers'),
    ),
)
