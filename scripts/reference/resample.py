"""Writes test/fixtures/media/resample.json: small images resized by Pillow (antialiased, 8-bit and float) and PyTorch (not antialiased).

    python scripts/reference/resample.py

Needs pillow, numpy and torch.
"""
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

FILTERS = {'bilinear': Image.BILINEAR, 'bicubic': Image.BICUBIC, 'lanczos': Image.LANCZOS}
WIDTH, HEIGHT = 15, 11
SIZES = [(11, 9), (19, 13), (7, 5), (15, 3), (4, 21), (24, 20), (1, 1)]

rng = np.random.default_rng(7)
source = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
source[2:8, 3:10] = 255
source[6:, 10:] = 0
cases = []
for name, filter in FILTERS.items():
    for width, height in SIZES:
        eight = np.asarray(Image.fromarray(source).resize((width, height), filter))
        planes = [Image.fromarray((source[..., c] / 255).astype(np.float32)).resize((width, height), filter) for c in range(3)]
        case = {'filter': name, 'width': width, 'height': height,
                'eight': eight.transpose(2, 0, 1).ravel().tolist(),
                'float': np.round(np.stack([np.asarray(p) for p in planes]).ravel().astype(np.float64), 6).tolist()}
        if name != 'lanczos':
            x = torch.from_numpy(source.transpose(2, 0, 1) / 255.0)[None]
            y = F.interpolate(x, (height, width), mode=name, align_corners=False, antialias=False)
            case['plain'] = np.round(y.numpy().ravel(), 6).tolist()
        cases.append(case)

target = Path(__file__).parents[2] / 'test/fixtures/media/resample.json'
target.parent.mkdir(parents=True, exist_ok=True)
fixture = {'pillow': Image.__version__, 'torch': torch.__version__, 'width': WIDTH, 'height': HEIGHT,
           'source': source.transpose(2, 0, 1).ravel().tolist(), 'cases': cases}
target.write_text(json.dumps(fixture, separators=(',', ':')) + '\n')
print(target.name, target.stat().st_size, 'bytes')
