"""Tiny random CLIP models in the Hugging Face layout and what they answer: folders `tinyClip` (patch 32, quick_gelu) and `tinyClipPatch16` (patch 16, gelu).

Each folder: config.json, model.safetensors, expected.safetensors, expected.json. Images are in [0,1]; the CLIP normalisation is inside.
`--text2live PATH` compares embeddings, self-similarity and relevancy with the published code (patch 32).
"""
import argparse
import json
import math

import torch
import torch.nn.functional as F

from fixture import FIXTURES, Fixture, photo, rng, rounded, sampled
from views import resize

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def tiny_config(patch=32, act='quick_gelu'):
    return {'model_type': 'clip', 'architectures': ['CLIPModel'], 'projection_dim': 16, 'logit_scale_init_value': 2.6592,
            'vision_config': {'hidden_size': 32, 'intermediate_size': 96, 'num_hidden_layers': 3, 'num_attention_heads': 2, 'image_size': 224, 'patch_size': patch,
                              'projection_dim': 16, 'hidden_act': act, 'layer_norm_eps': 1e-5, 'num_channels': 3},
            'text_config': {'hidden_size': 24, 'intermediate_size': 64, 'num_hidden_layers': 2, 'num_attention_heads': 3, 'max_position_embeddings': 16,
                            'vocab_size': 100, 'projection_dim': 16, 'hidden_act': act, 'layer_norm_eps': 1e-5, 'bos_token_id': 98, 'eos_token_id': 99}}


def tiny_weights(config, seed):
    g, w, v, t = rng(seed), {}, config['vision_config'], config['text_config']

    def put(name, *shape, scale, around=0.0):
        w[name] = rounded(around + scale * torch.randn(shape, generator=g))

    def norm(name, width):
        put(f'{name}.weight', width, scale=.2, around=1.0)
        put(f'{name}.bias', width, scale=.1)

    def linear(name, out, inputs, gain=1.0):
        put(f'{name}.weight', out, inputs, scale=gain / math.sqrt(inputs))
        put(f'{name}.bias', out, scale=.1)

    def tower(prefix, c):
        for i in range(c['num_hidden_layers']):
            at, width = f'{prefix}.encoder.layers.{i}', c['hidden_size']
            for part, gain in (('q', 1.6), ('k', 1.6), ('v', 1.0), ('out', 1.0)): linear(f'{at}.self_attn.{part}_proj', width, width, gain)
            norm(f'{at}.layer_norm1', width)
            norm(f'{at}.layer_norm2', width)
            linear(f'{at}.mlp.fc1', c['intermediate_size'], width)
            linear(f'{at}.mlp.fc2', width, c['intermediate_size'])

    width, patch = v['hidden_size'], v['patch_size']
    put('vision_model.embeddings.class_embedding', width, scale=1)
    put('vision_model.embeddings.patch_embedding.weight', width, 3, patch, patch, scale=6 / math.sqrt(3 * patch * patch))
    put('vision_model.embeddings.position_embedding.weight', (v['image_size'] // patch) ** 2 + 1, width, scale=.5)
    norm('vision_model.pre_layrnorm', width)
    tower('vision_model', v)
    norm('vision_model.post_layernorm', width)
    put('visual_projection.weight', config['projection_dim'], width, scale=1 / math.sqrt(width))
    put('text_model.embeddings.token_embedding.weight', t['vocab_size'], t['hidden_size'], scale=1)
    put('text_model.embeddings.position_embedding.weight', t['max_position_embeddings'], t['hidden_size'], scale=.3)
    tower('text_model', t)
    norm('text_model.final_layer_norm', t['hidden_size'])
    put('text_projection.weight', config['projection_dim'], t['hidden_size'], scale=1 / math.sqrt(t['hidden_size']))
    w['logit_scale'] = rounded(torch.tensor(math.log(100.0)))
    return w


class Clip:
    def __init__(self, config, weights):
        self.config, self.w, self.patch = config, weights, config['vision_config']['patch_size']

    def activation(self, x):
        return x * torch.sigmoid(1.702 * x) if self.config['vision_config']['hidden_act'] == 'quick_gelu' else F.gelu(x)

    def linear(self, x, name):
        return F.linear(x, self.w[f'{name}.weight'], self.w[f'{name}.bias'])

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.w[f'{name}.weight'], self.w[f'{name}.bias'], 1e-5)

    def block(self, x, at, heads, mask=None, keep=None):
        """Pre-norm block on tokens [n,t,d]; keep receives the attention probabilities [n,heads,t,t]."""
        n, t, d = x.shape
        split = lambda y: y.reshape(n, t, heads, d // heads).transpose(1, 2)
        y = self.norm(x, f'{at}.layer_norm1')
        q, k, v = (split(self.linear(y, f'{at}.self_attn.{p}_proj')) for p in 'qkv')
        scores = q @ k.transpose(2, 3) / math.sqrt(d // heads)
        attention = (scores if mask is None else scores + mask).softmax(-1)
        if keep is not None: keep.append(attention)
        x = x + self.linear((attention @ v).transpose(1, 2).reshape(n, t, d), f'{at}.self_attn.out_proj')
        return x + self.linear(self.activation(self.linear(self.norm(x, f'{at}.layer_norm2'), f'{at}.mlp.fc1')), f'{at}.mlp.fc2')

    def positions(self, height, width, mode):
        """Position embeddings [1, 1+rows*columns, d] for an image in pixels.

        They are used as stored only for a SQUARE image with the stored number of cells; every other image resamples them bicubically with the scale
        (cells + 0.1) / grid. `fixed` gives the [rows, columns] grid; `reference` (D8) makes a [columns, rows] grid and reads it row-major all the same."""
        stored = self.w['vision_model.embeddings.position_embedding.weight']
        grid = math.isqrt(len(stored) - 1)
        rows, columns = height // self.patch, width // self.patch
        if height == width and rows * columns == grid * grid: return stored[None]
        first, second = (columns, rows) if mode == 'reference' else (rows, columns)
        cells = stored[1:].reshape(1, grid, grid, -1).permute(0, 3, 1, 2)
        resampled = F.interpolate(cells, scale_factor=((first + .1) / grid, (second + .1) / grid), mode='bicubic', align_corners=False)
        assert resampled.shape[2:] == (first, second)
        return torch.cat((stored[:1], resampled.permute(0, 2, 3, 1).reshape(first * second, -1)))[None]

    def trunk(self, images, mode='reference', layers=None, keep=None):
        """[n,3,h,w] in [0,1] -> tokens [n,1+cells,d] after the first `layers` blocks. Pixels beyond a multiple of the patch are not seen."""
        x = (images - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)
        x = F.conv2d(x, self.w['vision_model.embeddings.patch_embedding.weight'], stride=self.patch).flatten(2).transpose(1, 2)
        x = torch.cat((self.w['vision_model.embeddings.class_embedding'].expand(len(x), 1, -1), x), 1)
        x = self.norm(x + self.positions(*images.shape[-2:], mode), 'vision_model.pre_layrnorm')
        c = self.config['vision_config']
        for i in range(c['num_hidden_layers'] if layers is None else layers):
            x = self.block(x, f'vision_model.encoder.layers.{i}', c['num_attention_heads'], keep=keep)
        return x

    def embed(self, images, mode='reference', keep=None):
        """[n,3,h,w] -> [n,D], not normalised."""
        return self.norm(self.trunk(images, mode, keep=keep)[:, 0], 'vision_model.post_layernorm') @ self.w['visual_projection.weight'].T

    def tokens(self, image, mode='reference'):
        """[1,3,h,w] -> [t,d]: the input of the last block, class token included."""
        return self.trunk(image, mode, self.config['vision_config']['num_hidden_layers'] - 1)[0]

    def relevancy(self, image, text):
        """[1,3,224,224], text [1,D] -> [1,1,grid,grid], before the resize and min-max; last layer only, detached."""
        with torch.enable_grad():
            kept = []
            embedding = self.embed(image.detach().requires_grad_(), keep=kept)
            logit = self.w['logit_scale'].exp() * (F.normalize(embedding, dim=-1) * F.normalize(text, dim=-1)).sum()
            gradient = torch.autograd.grad(logit, kept[-1])[0]
        relevance = (gradient * kept[-1]).clamp(min=0).mean(1)[0, 0, 1:].detach()
        side = math.isqrt(len(relevance))
        return relevance.reshape(1, 1, side, side)

    def text(self, ids):
        """Token ids [n,t] -> [n,D], not normalised: the token with the largest id closes the text."""
        c = self.config['text_config']
        x = self.w['text_model.embeddings.token_embedding.weight'][ids] + self.w['text_model.embeddings.position_embedding.weight'][:ids.shape[1]]
        mask = torch.full((ids.shape[1],) * 2, -math.inf).triu(1)
        for i in range(c['num_hidden_layers']): x = self.block(x, f'text_model.encoder.layers.{i}', c['num_attention_heads'], mask)
        x = self.norm(x, 'text_model.final_layer_norm')
        return x[torch.arange(len(ids)), ids.argmax(-1)] @ self.w['text_projection.weight'].T


def self_similarity(tokens):
    """Cosine similarities [t,t] of tokens [t,d]; the product of the norms is at least 1e-8."""
    norms = tokens.norm(dim=1, keepdim=True)
    return tokens @ tokens.T / (norms @ norms.T).clamp(min=1e-8)


def relevancy_map(raw, height=224, width=224):
    """[1,1,g,g] -> bilinear to [1,1,height,width], then min-max to [0,1]."""
    big = resize(raw, height, width)
    return (big - big.min()) / (big.max() - big.min())


def tiny(patch=32, act='quick_gelu'):
    config = tiny_config(patch, act)
    return Clip(config, tiny_weights(config, 50 + patch))


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--text2live')
    path = p.parse_known_args()[0].text2live
    write('tinyClip', tiny(32, 'quick_gelu'), {'square': (224, 224), 'wide': (160, 256), 'tall': (245, 170), 'nearSquare': (224, 240)}, path)
    write('tinyClipPatch16', tiny(16, 'gelu'), {'square': (224, 224), 'wide': (112, 176)}, None)


def write(folder, model, sizes, path):
    weights = Fixture(f'{folder}/model')
    for name, value in model.w.items(): weights.put(name, value)
    weights.save()
    (FIXTURES / folder / 'config.json').write_text(json.dumps(model.config, indent=2) + '\n')
    fixture, g, cases = Fixture(f'{folder}/expected'), rng(60), []
    ids = torch.tensor([[98, 5, 17, 99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [98, 99] + [0] * 14, [98] + list(range(30, 44)) + [99], [98, 2, 2, 2, 99] + [0] * 11])
    texts = model.text(ids)
    fixture.put('texts.embeddings', texts)
    if path:
        import published
        theirs = published.tiny_clip(path, model)
        print(f'  published text tower: {(theirs.encode_text(ids) - texts).abs().max():.1e}')
    for index, (name, (h, w)) in enumerate(sizes.items()):
        image = photo(70 + index, h, w)
        fixture.put_pixels(f'{name}.image', image)
        answers = {}
        for mode in ('reference',) if h == w else ('reference', 'fixed'):
            key = f'{name}.{mode}'
            leaf = image.clone().requires_grad_()
            embedding = model.embed(leaf, mode)
            cotangent = rounded(torch.randn(embedding.shape, generator=g))
            gradient, = torch.autograd.grad(embedding, leaf, cotangent)
            tokens = model.tokens(leaf, mode)
            similarity = self_similarity(tokens)
            similarity_cotangent = rounded(torch.randn(similarity.shape, generator=g) / len(similarity))
            similarity_gradient, = torch.autograd.grad(similarity, leaf, similarity_cotangent)
            if path and mode == 'reference':
                normalised = published.normalise(image)
                print(f'  published image tower, {name}: embedding {(theirs.encode_image(normalised) - embedding).abs().max():.1e}, '
                      f'self-similarity {(theirs.calculate_self_sim(normalised)[0] - similarity).abs().max():.1e}')
            answers[mode] = {'embedding': fixture.put(f'{key}.embedding', embedding), 'embeddingCotangent': fixture.put(f'{key}.embeddingCotangent', cotangent),
                             'embeddingGradient': f'{key}.embeddingGradient', 'embeddingGradientNorm': sampled(fixture, f'{key}.embeddingGradient', gradient, 80, 2048),
                             'tokens': fixture.put(f'{key}.tokens', tokens), 'selfSimilarity': fixture.put(f'{key}.selfSimilarity', similarity),
                             'selfSimilarityCotangent': fixture.put(f'{key}.selfSimilarityCotangent', similarity_cotangent),
                             'selfSimilarityGradient': f'{key}.selfSimilarityGradient',
                             'selfSimilarityGradientNorm': sampled(fixture, f'{key}.selfSimilarityGradient', similarity_gradient, 81, 2048)}
        if h == w:
            raw = model.relevancy(image, texts[:1])
            if path:
                theirs_map = published.relevancy(path, model, image, texts[:1])
                print(f'  published relevancy: {(theirs_map - relevancy_map(raw)[0]).abs().max():.1e}')
            answers['relevancy'] = {'text': 0, 'raw': fixture.put(f'{name}.relevancy', raw), 'map': fixture.put(f'{name}.relevancyMap', relevancy_map(raw, 56, 56)),
                                    'mapSize': [56, 56]}
        cases.append({'name': name, 'image': f'{name}.image', 'height': h, 'width': w, **answers})
    both = torch.cat([photo(70, 224, 224), photo(90, 224, 224)])
    fixture.put_pixels('batch.second', both[1:])
    fixture.put('batch.embedding', model.embed(both))
    fixture.save({'about': 'images: uint8, divide by 255; no CLIP normalisation applied. X.indices are flat positions of X.samples. Gradients are of '
                           'sum(answer * cotangent) with respect to the image in [0,1]. batch.embedding: square.image and batch.second in one call.',
                  'texts': {'ids': ids.tolist(), 'embeddings': 'texts.embeddings'}, 'cases': cases})


if __name__ == '__main__':
    main()
