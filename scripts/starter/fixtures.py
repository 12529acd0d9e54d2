"""The starter model in PyTorch, float64, from its exported weights: writes fixtures.safetensors and what SHA256SUMS says of it.

    python scripts/starter/fixtures.py --model models/starter [--inputs models/starter/fixtures.safetensors] [--check]

Pictures and texts come from `--inputs`, an earlier fixtures file (its pixels, and the texts of its metadata). `--check` writes nothing and compares with the model's fixtures.
Needs torch, numpy, safetensors and tokenizers. The model's shape is config.json's; docs of the layout: models/starter/README.md.
"""
import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

torch.set_default_dtype(torch.float64)
torch.set_num_threads(2)


def double(tensors):
    return {k: torch.from_numpy(v.astype(np.float64)) for k, v in tensors.items()}


def same(x, w, b, stride, groups):
    """TensorFlow's "same" padding: the smaller half at the top and left."""
    k, pads = w.shape[2], []
    for n in (x.shape[3], x.shape[2]):
        total = max((-(-n // stride) - 1) * stride + k - n, 0)
        pads += [total // 2, total - total // 2]
    return F.conv2d(F.pad(x, pads), w, b, stride, groups=groups)


class Image:
    def __init__(self, folder, config):
        self.w, self.c = double(load_file(folder / 'image.safetensors')), config

    def normalised(self, pixels):
        """Pixels in [0,1], cut to whole cells."""
        p = self.c['patch']
        x = pixels[:, :, :pixels.shape[2] // p * p, :pixels.shape[3] // p * p]
        per = lambda v: torch.tensor(v).view(1, 3, 1, 1)
        return (x - per(self.c['mean'])) / per(self.c['std'])

    def features(self, x):
        w, t, patch = self.w, self.c['trunk'], self.c['patch']
        mean = F.avg_pool2d(x, patch)
        std = (F.avg_pool2d(x ** 2, patch) - mean ** 2).clamp(min=1e-6).sqrt()
        out, stride = [mean, std], t['stem']['stride']
        conv = lambda x, name, s=1, g=1: same(x, w[f'trunk.{name}.weight'], w[f'trunk.{name}.bias'], s, g)
        x = F.relu6(conv(x, 'stem', stride))
        for i, b in enumerate(t['blocks']):
            if b['stride'] > 1 and stride >= 4: out.append(F.avg_pool2d(x, patch // stride))
            stride *= b['stride']
            h = F.relu6(conv(x, f'blocks.{i}.expand')) if b['expand'] else x
            h = F.relu6(conv(h, f'blocks.{i}.depthwise', b['stride'], h.shape[1]))
            h = conv(h, f'blocks.{i}.project')
            x = h + x if b['skip'] else h
        return torch.cat(out + [x], 1)

    def tokens(self, features):
        w, h = self.w, self.c['head']
        q = lambda x: x * torch.sigmoid(1.702 * x)
        linear = lambda x, name: F.linear(x, w[f'head.{name}.weight'], w[f'head.{name}.bias'])
        norm = lambda x, name: F.layer_norm(x, x.shape[-1:], w[f'head.{name}.weight'], w[f'head.{name}.bias'], h['eps'])
        f = features.flatten(2).transpose(1, 2)
        x = q(linear(((f - w['head.token.mean']) / w['head.token.std']).clamp(-h['token_clip'], h['token_clip']), 'fc_in'))
        return norm(x + linear(q(linear(norm(x, 'ln'), 'fc1')), 'fc2'), 'ln_post')

    def embedding(self, tokens):
        return tokens.mean(1) @ self.w['head.proj.weight'].T


class Text:
    def __init__(self, folder, config):
        raw = load_file(folder / 'text.safetensors')
        self.w = {k: v * (double({'s': raw[f'{k}.scale']})['s'][:, None]) if f'{k}.scale' in raw else v for k, v in double(raw).items()}
        self.c = config['text']
        self.tokenizer = Tokenizer.from_file(str(folder / 'tokenizer.json'))
        self.tokenizer.no_truncation()
        self.tokenizer.enable_padding()

    def ids(self, texts):
        found = self.tokenizer.encode_batch(texts)
        return torch.tensor([e.ids for e in found]), torch.tensor([e.attention_mask for e in found])

    def sentences(self, ids, mask):
        w, c = self.w, self.c
        linear = lambda x, name: F.linear(x, w[f'{name}.weight'], w[f'{name}.bias'])
        norm = lambda x, name: F.layer_norm(x, x.shape[-1:], w[f'{name}.weight'], w[f'{name}.bias'], c['eps'])
        x = w['embeddings.word_embeddings.weight'][ids] + w['embeddings.position_embeddings.weight'][:ids.shape[1]] + w['embeddings.token_type_embeddings.weight'][0]
        x, H = norm(x, 'embeddings.LayerNorm'), c['heads']
        for i in range(c['layers']):
            layer = f'encoder.layer.{i}'
            q, k, v = (linear(x, f'{layer}.attention.self.{n}').unflatten(-1, (H, -1)).transpose(1, 2) for n in ('query', 'key', 'value'))
            a = (q @ k.transpose(-1, -2) / q.shape[-1] ** .5).masked_fill(mask[:, None, None] == 0, float('-inf')).softmax(-1) @ v
            x = norm(x + linear(a.transpose(1, 2).flatten(2), f'{layer}.attention.output.dense'), f'{layer}.attention.output.LayerNorm')
            x = norm(x + linear(F.gelu(linear(x, f'{layer}.intermediate.dense')), f'{layer}.output.dense'), f'{layer}.output.LayerNorm')
        m = mask[:, :, None]
        return F.normalize((x * m).sum(1) / m.sum(1), dim=1)

    def embedding(self, sentences):
        return F.normalize(sentences @ self.w['text_projection.weight'].T, dim=1)


def fixtures(folder, pixels, texts):
    config = json.loads((folder / 'config.json').read_text())
    image, text = Image(folder, config), Text(folder, config)
    out = {}
    put = lambda name, x, dtype=np.float32: out.__setitem__(name, np.ascontiguousarray(x.detach().numpy().astype(dtype)))
    ids, mask = text.ids(texts)
    sentences = text.sentences(ids, mask)
    embedding = text.embedding(sentences)
    put('text.input_ids', ids, np.int32)
    put('text.attention_mask', mask, np.int32)
    put('text.sentence_embedding', sentences)
    put('text.embedding', embedding)
    for name, u8 in pixels.items():
        x = image.normalised(torch.from_numpy(u8.astype(np.float64)) / 255).requires_grad_()
        features = image.features(x)
        tokens = image.tokens(features)
        e = image.embedding(tokens)
        cosines = F.normalize(e, dim=1) @ embedding[0]
        (100 * cosines.sum()).backward()
        out[f'{name}.pixels_u8'] = u8
        put(f'{name}.features', features)
        put(f'{name}.tokens', tokens)
        put(f'{name}.embedding', e)
        put(f'{name}.relevancy_text0', (tokens @ image.w['head.proj.weight'].T @ embedding[0]).unflatten(1, features.shape[2:]))
        put(f'{name}.gradient_of_100cos_text0', x.grad)
    return out


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--model', type=Path, required=True)
    p.add_argument('--inputs', type=Path)
    p.add_argument('--check', action='store_true')
    a = p.parse_args()
    path = a.model / 'fixtures.safetensors'
    with safe_open(a.inputs or path, 'np') as f:
        metadata = f.metadata()
        known = {k: f.get_tensor(k) for k in f.keys()}
    made = fixtures(a.model, {k.removesuffix('.pixels_u8'): v for k, v in known.items() if k.endswith('.pixels_u8')}, json.loads(metadata['texts']))
    if a.check:
        for name, x in sorted(made.items()):
            d = np.abs(x.astype(np.float64) - known[name]).max() / max(np.abs(known[name].astype(np.float64)).max(), 1e-30)
            print(f'{name}: largest difference {d:.1e} of the largest value')
        return
    save_file(made, path, metadata)
    sums = [line for line in (a.model / 'SHA256SUMS').read_text().splitlines() if not line.endswith(' fixtures.safetensors')]
    sums.append(f'{hashlib.sha256(path.read_bytes()).hexdigest()}  fixtures.safetensors')
    (a.model / 'SHA256SUMS').write_text('\n'.join(sums) + '\n')


if __name__ == '__main__':
    main()
