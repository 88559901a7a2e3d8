"""CLIP's own layout: OpenAI's releases, open_clip's and FaRL's.

FaRL is OpenAI's ViT-B/16 trained on, on faces (Zheng et al., General Facial
Representation Learning in a Visual-Linguistic Manner); its masked-image branch sits
beside the tower. Attention is torch's ``MultiheadAttention``, whose ``in_proj`` has
query, key and value in the order in which mmpretrain's ``qkv`` has them.
"""

from .layout import Layout, Used, affine, as_positions, as_token

BLOCK = r'transformer\.resblocks\.(\d+)'

CLIP = Layout(
    name='clip',
    title='OpenAI CLIP, open_clip, FaRL',
    anchor='class_embedding',
    prefixes=('visual.', ''),
    used=(
        Used('class_embedding', 'cls_token', as_token),
        Used('positional_embedding', 'pos_embed', as_positions),
        affine('conv1', 'patch_embed.projection'),
        affine('ln_pre', 'pre_norm'),
        affine('ln_post', 'ln1'),
        affine(rf'{BLOCK}\.ln_1', r'layers.\1.ln1'),
        Used(rf'{BLOCK}\.attn\.in_proj_(weight|bias)', r'layers.\1.attn.qkv.\2'),
        affine(rf'{BLOCK}\.attn\.out_proj', r'layers.\1.attn.proj'),
        affine(rf'{BLOCK}\.ln_2', r'layers.\1.ln2'),
        affine(rf'{BLOCK}\.mlp\.c_fc', r'layers.\1.ffn.layers.0.0'),
        affine(rf'{BLOCK}\.mlp\.c_proj', r'layers.\1.ffn.layers.1'),
        Used(rf'{BLOCK}\.ls_1\.gamma', r'layers.\1.attn.gamma1.weight'),
        Used(rf'{BLOCK}\.ls_2\.gamma', r'layers.\1.ffn.gamma2.weight'),
    ),
    unused=(
        ('proj', 'projection to the space of texts'),
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
        ('input_resolution|context_length|vocab_size', 'settings, no weights'),
    ),
    refused=((r'attn_pool\..+', 'a pooling by attention in place of the class token'),),
)
