"""The layout of CLIP: releases of OpenAI, open_clip and FaRL.

FaRL is OpenAI's ViT-B/16 trained further on faces (Zheng et al., "General Facial
Representation Learning in a Visual-Linguistic Manner"); its masked-image branch is
beside the tower. Attention is torch's ``MultiheadAttention``, whose ``in_proj`` has
query, key and value in the same order as mmpretrain's ``qkv``.
"""

from .layout import Layout, Rule, affine, as_positions, as_token

BLOCK = r'transformer\.resblocks\.(\d+)'

CLIP = Layout(
    name='clip',
    title='OpenAI CLIP, open_clip, FaRL',
    anchor='class_embedding',
    prefixes=('visual.', ''),
    used=(
        Rule('class_embedding', 'cls_token', as_token),
        Rule('positional_embedding', 'pos_embed', as_positions),
        affine('conv1', 'patch_embed.projection'),
        affine('ln_pre', 'pre_norm'),
        affine('ln_post', 'ln1'),
        affine(rf'{BLOCK}\.ln_1', r'layers.\1.ln1'),
        Rule(rf'{BLOCK}\.attn\.in_proj_(weight|bias)', r'layers.\1.attn.qkv.\2'),
        affine(rf'{BLOCK}\.attn\.out_proj', r'layers.\1.attn.proj'),
        affine(rf'{BLOCK}\.ln_2', r'layers.\1.ln2'),
        affine(rf'{BLOCK}\.mlp\.c_fc', r'layers.\1.ffn.layers.0.0'),
        affine(rf'{BLOCK}\.mlp\.c_proj', r'layers.\1.ffn.layers.1'),
        Rule(rf'{BLOCK}\.ls_1\.gamma', r'layers.\1.attn.gamma1.weight'),
        Rule(rf'{BLOCK}\.ls_2\.gamma', r'layers.\1.ffn.gamma2.weight'),
    ),
    unused=(
        ('proj', 'projection to the text space'),
        ('mask_token', 'mask token of the pre-training'),
        (r'(lm_transformer|ln_lm|lm_head)\..+', 'masked-image branch of FaRL'),
    ),
    beside=(
        (
            r'(transformer|token_embedding|ln_final|text)\..+'
            '|positional_embedding|text_projection(.weight)?|attn_mask',
            'text tower',
        ),
        ('logit_scale|logit_bias', 'scale of the contrastive loss'),
        ('input_resolution|context_length|vocab_size', 'settings, not weights'),
    ),
    unsupported=((r'attn_pool\..+', 'attention pooling instead of the class token'),),
)
