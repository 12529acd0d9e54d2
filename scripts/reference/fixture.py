"""Where the oracles put their numbers: test/fixtures/<name>.safetensors and, beside it, <name>.json.

Inputs are rounded to float32 before anything is computed from them, so a float32 reader starts from exactly the numbers the float64 oracle used.
"""
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

FIXTURES = Path(__file__).resolve().parents[2] / 'test' / 'fixtures'

torch.set_default_dtype(torch.float64)
torch.set_num_threads(2)


def rounded(x):
    """The same values, representable in float32, held in float64."""
    return x.detach().to(torch.float32).to(torch.float64)


def normal(generator, *shape, scale=1.0):
    return rounded(torch.randn(shape, generator=generator) * scale)


def uniform(generator, *shape, low=0.0, high=1.0):
    return rounded(torch.rand(shape, generator=generator) * (high - low) + low)


def rng(seed):
    return torch.Generator().manual_seed(seed)


def photo(seed, height, width):
    """A smooth, coloured, edge-bearing picture [1,3,h,w] in whole 255ths: discs over a shaded ground."""
    r = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    phase = r.uniform(0, 6.28, (3, 2))
    image = np.stack([.5 + .22 * np.sin(5 * x + phase[c, 0]) + .16 * np.cos(7 * y - 3 * x + phase[c, 1]) for c in range(3)])
    for _ in range(6):
        cy, cx, radius = r.uniform(0, height / max(height, width)), r.uniform(0, width / max(height, width)), r.uniform(.06, .22)
        inside = 1 / (1 + np.exp(np.minimum(((x - cx) ** 2 + (y - cy) ** 2 - radius ** 2) * 900, 50)))
        colour = r.uniform(.05, .95, 3)[:, None, None]
        image = image * (1 - inside) + (colour + .1 * np.sin(40 * (x + y))) * inside
    image = np.clip(image + r.normal(0, .02, image.shape), .01, .99)
    return torch.from_numpy(np.round(image * 255)[None] / 255)


class Fixture:
    def __init__(self, name):
        self.name, self.tensors = name, {}

    def put(self, name, x, dtype=np.float32):
        """Keeps a tensor under `name`, as float32 unless told otherwise, and returns the name."""
        if name in self.tensors:
            raise ValueError(f'{self.name}: tensor {name} written twice')
        value = x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)
        if not np.isfinite(value).all():
            raise ValueError(f'{self.name}: tensor {name} is not finite')
        self.tensors[name] = value.astype(dtype, order='C')  # ascontiguousarray would make a scalar [1]
        return name

    def put_pixels(self, name, x):
        """Keeps an image of whole 255ths as bytes."""
        value = x.detach().numpy() * 255
        if abs(value - np.round(value)).max() > 1e-6:
            raise ValueError(f'{self.name}: {name} is not in whole 255ths')
        return self.put(name, np.round(value), np.uint8)

    def save(self, sidecar=None):
        path = FIXTURES / f'{self.name}.safetensors'
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(self.tensors, path)
        path.chmod(0o644)
        if sidecar is not None:
            path.with_suffix('.json').write_text(dump(sidecar) + '\n')
        print(f'{path.relative_to(FIXTURES.parents[1])}: {len(self.tensors)} tensors, {path.stat().st_size / 1e6:.2f} MB')


def dump(value, depth=0, width=140):
    """JSON with a line per entry, and short entries kept on one line."""
    flat = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if len(flat) + 2 * depth <= width or not isinstance(value, (dict, list)):
        return flat
    pad = '  ' * (depth + 1)
    if isinstance(value, dict):
        body = [f'{json.dumps(k)}: {dump(v, depth + 1, width)}' for k, v in value.items()]
        return '{\n' + ',\n'.join(pad + b for b in body) + '\n' + '  ' * depth + '}'
    return '[\n' + ',\n'.join(pad + dump(v, depth + 1, width) for v in value) + '\n' + '  ' * depth + ']'


def sampled(fixture, name, x, seed, count=512):
    """Keeps `count` entries of a large tensor: <name>.indices (int32, flat, row-major), <name>.samples, and returns its L2 norm."""
    flat = x.detach().reshape(-1)
    indices = torch.randperm(flat.numel(), generator=rng(seed))[:count].sort().values
    fixture.put(f'{name}.indices', indices, np.int32)
    fixture.put(f'{name}.samples', flat[indices])
    return flat.norm().item()
