"""What CLIPs with random weights answer, ViT-B/32 at its full size and small ones of other patches: `clipRandom`. No weight and no picture is stored: all come from
`uniform` below, as src/models/randomClip.ts has it. `--text2live PATH` compares with the published code; `--clip PATH` is a checkout of CLIP, for token ids.
"""
import argparse
import sys
from pathlib import Path

import numpy as np
import torch

from clip import Clip, relevancy_map, self_similarity
from fixture import Fixture, sampled

TEXTS = ['golden horse', "photo of swan rubik's cube.", 'a', 'snow ' * 74]
SEED = 3


def uniform(name, count):
    """The first `count` numbers in [0,1) of the stream of (SEED, name): mulberry32, seeded by FNV-1a."""
    state = 2166136261 ^ SEED
    for c in name: state = (state ^ ord(c)) * 16777619 % 2**32
    with np.errstate(over='ignore'):
        s = np.uint32(state) + np.arange(1, count + 1, dtype=np.uint32) * np.uint32(0x6d2b79f5)
        t = (s ^ s >> np.uint32(15)) * (s | np.uint32(1))
        t = t + (t ^ t >> np.uint32(7)) * (t | np.uint32(61)) ^ t
        return (t ^ t >> np.uint32(14)) / 2**32


def centred(name, *shape):
    """Numbers in [-1, 1), exact in float32 to 24 bits: cotangents, texts of a relevancy."""
    return torch.from_numpy((2 * uniform(name, int(np.prod(shape))) - 1).astype(np.float32).astype(np.float64).reshape(shape))


def picture(name, height, width):
    """[1,3,h,w], whole 255ths."""
    return torch.from_numpy(np.floor(256 * uniform(name, 3 * height * width)).reshape(1, 3, height, width) / 255)


def weight(name, shape):
    gain = 'norm' in name and name.endswith('.weight')
    inputs = int(np.prod(shape[1:])) if len(shape) > 1 else 1
    deviation = .1 if gain or name.endswith('.bias') else .3 if 'embedding' in name and 'patch' not in name else 1 / np.sqrt(inputs)
    values = (1 if gain else 0) + deviation * np.sqrt(12.) * (uniform(name, int(np.prod(shape))) - .5)
    return torch.from_numpy(values.astype(np.float32).astype(np.float64).reshape(shape))


def shapes(config):
    v, t, d = config['vision_config'], config['text_config'], config['projection_dim']
    linear = lambda name, out, inputs: {f'{name}.weight': (out, inputs), f'{name}.bias': (out,)}
    norm = lambda name, width: {f'{name}.weight': (width,), f'{name}.bias': (width,)}

    def tower(prefix, c):
        width, out = c['hidden_size'], {}
        for at in (f'{prefix}.encoder.layers.{i}' for i in range(c['num_hidden_layers'])):
            out |= norm(f'{at}.layer_norm1', width) | norm(f'{at}.layer_norm2', width)
            for part in ('q_proj', 'k_proj', 'v_proj', 'out_proj'): out |= linear(f'{at}.self_attn.{part}', width, width)
            out |= linear(f'{at}.mlp.fc1', c['intermediate_size'], width) | linear(f'{at}.mlp.fc2', width, c['intermediate_size'])
        return out
    width, patch = v['hidden_size'], v['patch_size']
    return {'vision_model.embeddings.class_embedding': (width,), 'vision_model.embeddings.patch_embedding.weight': (width, 3, patch, patch),
            'vision_model.embeddings.position_embedding.weight': ((v['image_size'] // patch) ** 2 + 1, width),
            **norm('vision_model.pre_layrnorm', width), **tower('vision_model', v), **norm('vision_model.post_layernorm', width), 'visual_projection.weight': (d, width),
            'text_model.embeddings.token_embedding.weight': (t['vocab_size'], t['hidden_size']),
            'text_model.embeddings.position_embedding.weight': (t['max_position_embeddings'], t['hidden_size']),
            **tower('text_model', t), **norm('text_model.final_layer_norm', t['hidden_size']), 'text_projection.weight': (d, t['hidden_size'])}


def model(act='quick_gelu', text={}, **vision):
    config = {'model_type': 'clip', 'projection_dim': 24 if vision else 512,
              'vision_config': {'hidden_size': 768, 'intermediate_size': 3072, 'num_hidden_layers': 12, 'num_attention_heads': 12, 'image_size': 224, 'patch_size': 32, 'hidden_act': act} | vision,
              'text_config': {'hidden_size': 512, 'intermediate_size': 2048, 'num_hidden_layers': 12, 'num_attention_heads': 8, 'vocab_size': 49408, 'max_position_embeddings': 77,
                              'hidden_act': act} | text}
    weights = {name: weight(name, shape) for name, shape in shapes(config).items()}
    return Clip(config, weights | {'logit_scale': torch.tensor(100.).log()})


SMALL_TEXT = {'hidden_size': 16, 'intermediate_size': 24, 'num_hidden_layers': 1, 'num_attention_heads': 2, 'vocab_size': 514, 'max_position_embeddings': 20}
# The shapes of B/16, L/14 and L/14@336 in patch and grid, and their ratio of MLP to width; narrow and shallow.
MODELS = {
    'B32': (dict(), [(224, 224), (160, 256)]),
    'B32gelu': (dict(act='gelu'), [(224, 224)]),
    'B16': (dict(text=SMALL_TEXT, patch_size=16, hidden_size=48, intermediate_size=192, num_hidden_layers=3, num_attention_heads=3), [(224, 224), (113, 179), (251, 170)]),
    'L14': (dict(text=SMALL_TEXT, patch_size=14, hidden_size=64, intermediate_size=256, num_hidden_layers=4, num_attention_heads=4), [(224, 224), (141, 300), (320, 224)]),
    'L14at336': (dict(text=SMALL_TEXT, patch_size=14, image_size=336, hidden_size=64, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4), [(336, 336), (224, 224), (124, 200)]),
}


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--text2live')
    p.add_argument('--clip', required=True)
    a = p.parse_args()
    sys.path.insert(0, str(Path(a.clip) / 'clip'))
    from simple_tokenizer import SimpleTokenizer
    tokens = [[49406, *SimpleTokenizer().encode(text), 49407] for text in TEXTS]
    ids = torch.tensor([row + [0] * (77 - len(row)) for row in tokens])
    fixture, models = Fixture('clipRandom'), []
    for name, (arguments, sizes) in MODELS.items():
        clip = model(**arguments)
        theirs = compared(a.text2live, clip, name) if a.text2live else None
        entry = {'name': name, 'config': clip.config, 'cases': []}
        if not arguments:
            with torch.no_grad(): entry['texts'] = fixture.put(f'{name}.texts', clip.text(ids))
            if theirs: print(f'  published {name}: texts {(theirs.encode_text(ids) - clip.text(ids)).abs().max():.1e}')
        for height, width in sizes:
            for mode in ('reference',) if height == width or name == 'B32' else ('reference', 'fixed'):
                entry['cases'].append(case(fixture, clip, name, height, width, mode, theirs, a.text2live))
        models.append(entry)
    fixture.save({'about': 'Pictures, cotangents and the text of a relevancy are streams of their names (`picture`, `centred`). X.indices are flat positions of X.samples. '
                           'gradient: of sum(embedding * cotangent), similarityGradient: of sum(self-similarity * cotangent), with respect to the picture in [0,1].',
                  'seed': SEED, 'textInputs': TEXTS, 'models': models})


def case(fixture, clip, name, height, width, mode, theirs, path):
    key = f'{name}.{height}x{width}'
    leaf = picture(f'{key}.picture', height, width).requires_grad_()
    embedding, tokens = clip.embed(leaf, mode), clip.tokens(leaf, mode)
    gradient, = torch.autograd.grad(embedding, leaf, centred(f'{key}.cotangent', *embedding.shape))
    similarity = self_similarity(tokens)
    similarity_gradient, = torch.autograd.grad(similarity, leaf, centred(f'{key}.similarityCotangent', *similarity.shape))
    at = f'{key}.{mode}'
    out = {'height': height, 'width': width, 'mode': mode, 'key': key, 'embedding': fixture.put(f'{at}.embedding', embedding),
           'norms': {part: sampled(fixture, f'{at}.{part}', value, index, 400) for index, (part, value) in enumerate(
               [('tokens', tokens), ('similarity', similarity), ('gradient', gradient), ('similarityGradient', similarity_gradient)])}}
    if height == width:
        text = centred(f'{key}.text', 1, embedding.shape[1])
        raw = clip.relevancy(leaf.detach(), text)
        out['relevancy'] = fixture.put(f'{at}.relevancy', raw)
        if theirs and name == 'B32':
            import published
            print(f'  published {key}: relevancy {(published.relevancy(path, clip, leaf.detach(), text) - relevancy_map(raw)[0]).abs().max():.1e}')
    if theirs and mode == 'reference':
        import published
        normalised = published.normalise(leaf.detach())
        print(f'  published {key}: embedding {(theirs.encode_image(normalised) - embedding).abs().max():.1e}, '
              f'self-similarity {(theirs.calculate_self_sim(normalised)[0] - similarity).abs().max():.1e}')
    return out


def compared(path, clip, name):
    """The published CLIP with our weights; plain GELU in place of its QuickGELU where the config says so."""
    import published
    theirs = published.tiny_clip(path, clip)
    if clip.config['vision_config']['hidden_act'] == 'gelu':
        for tower in (theirs.visual.transformer, theirs.transformer):
            for block in tower.resblocks: block.mlp.gelu = torch.nn.GELU()
    return theirs


if __name__ == '__main__':
    main()
