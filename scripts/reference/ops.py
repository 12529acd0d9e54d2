"""Every op of the engine, forward and gradient: fixture `ops`.

Each case: inputs -> output; gradients of sum(output * cotangent) with respect to each input (null where the input takes none).
Attribute names are the engine's own. Inputs keep clear of kinks, ties and poles.
"""
import torch
import torch.nn.functional as F

from fixture import Fixture, normal, rng, rounded, uniform
from views import sample

fixture, cases = Fixture('ops'), []


def case(op, shapes, compute, attrs=None, make=normal, constant=(), note=None):
    """shapes: shapes to draw inputs of, or ready tensors. constant: positions that take no gradient."""
    seed = len(cases)
    name = f'{op}.{sum(c["op"] == op for c in cases)}'
    g = rng(1000 + seed)
    leaves = [(rounded(s) if isinstance(s, torch.Tensor) else make(g, *s)).requires_grad_(i not in constant) for i, s in enumerate(shapes)]
    out = compute(*leaves)
    cotangent = normal(g, *out.shape)
    wrt = [x for x in leaves if x.requires_grad]
    found = iter(torch.autograd.grad(out, wrt, cotangent))
    inputs = [fixture.put(f'{name}.input{i}', x) for i, x in enumerate(leaves)]
    gradients = [fixture.put(f'{name}.gradient{i}', next(found)) if x.requires_grad else None for i, x in enumerate(leaves)]
    cases.append({'name': name, 'op': op, 'attrs': attrs or {}, 'inputs': inputs, 'output': fixture.put(f'{name}.output', out),
                  'cotangent': fixture.put(f'{name}.cotangent', cotangent), 'gradients': gradients} | ({'note': note} if note else {}))


def between(low, high):
    return lambda g, *shape: uniform(g, *shape, low=low, high=high)


def away(least):
    """Both signs, at least `least` from 0."""
    def make(g, *shape):
        x = normal(g, *shape)
        return rounded(x + least * torch.sign(x))
    return make


def clear_of(*kinks, by=.05):
    def make(g, *shape):
        x = normal(g, *shape, scale=2)
        for k in kinks:
            x = torch.where((x - k).abs() < by, k + 2 * by, x)
        return rounded(x)
    return make


PAIRS = [((2, 3, 4), (2, 3, 4)), ((2, 3, 4, 5), (1, 3, 1, 1)), ((4, 1, 5), (3, 1)), ((3,), (2, 4, 3)), ((2, 3), (1,)), ((1, 1), (4, 5))]


def elementwise():
    for op, f, make in [('add', torch.add, normal), ('sub', torch.sub, normal), ('mul', torch.mul, normal), ('div', torch.div, away(.3)),
                        ('minimum', torch.minimum, normal), ('maximum', torch.maximum, normal)]:
        for a, b in PAIRS:
            case(op, [a, b], f, make=make)
    for op, f in [('add', torch.add), ('sub', torch.sub), ('mul', torch.mul), ('div', torch.div)]:
        case(op, [(2, 5)], lambda x: f(x, 1.75), {'right': 1.75}, make=away(.3), note='the right operand is the number attrs.right')
        case(op, [(2, 5)], lambda x: f(torch.tensor(-2.5), x), {'left': -2.5}, make=away(.3), note='the left operand is the number attrs.left')
    unary = [('neg', torch.neg, normal), ('exp', torch.exp, normal), ('log', torch.log, between(.05, 4)), ('sqrt', torch.sqrt, between(.05, 4)),
             ('sigmoid', torch.sigmoid, clear_of()), ('tanh', torch.tanh, clear_of()), ('erf', torch.erf, normal), ('abs', torch.abs, away(.05)),
             ('square', torch.square, normal), ('reciprocal', torch.reciprocal, away(.3)), ('asin', torch.asin, between(-.95, .95)),
             ('cos', torch.cos, clear_of()), ('sin', torch.sin, clear_of()), ('floor', torch.floor, clear_of(-2, -1, 0, 1, 2)),
             ('quickGelu', lambda x: x * torch.sigmoid(1.702 * x), clear_of()), ('gelu', F.gelu, clear_of()), ('relu6', F.relu6, clear_of(0, 6))]
    for op, f, make in unary:
        case(op, [(7,)], f, make=make)
        case(op, [(2, 3, 4, 5)], f, make=make)
    case('relu6', [(4, 30)], F.relu6, make=lambda g, *s: rounded(clear_of(0, 6)(g, *s) * 1.0 + 3.03))
    for slope in (.2, .01):
        case('leakyRelu', [(2, 3, 4, 5)], lambda x: F.leaky_relu(x, slope), {'slope': slope}, make=away(.02))
    for low, high in [(-.5, .75), (0, 1)]:
        case('clip', [(3, 40)], lambda x: x.clamp(low, high), {'low': low, 'high': high}, make=clear_of(low, high))


def linear():
    for a, b in [((3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((2, 3, 4, 5), (2, 3, 5, 6)), ((2, 6, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)), ((5, 1, 3, 4), (2, 4, 3))]:
        case('matmul', [a, b], torch.matmul)
    for trans_a in (False, True):
        for trans_b in (False, True):
            for c in (None, (6,), (5, 6), (5, 1)):
                a, b = (4, 5) if trans_a else (5, 4), (6, 4) if trans_b else (4, 6)
                product = lambda x, y: (x.T if trans_a else x) @ (y.T if trans_b else y)
                case('gemm', [a, b] + ([c] if c else []), lambda x, y, z=0: product(x, y) + z, {'transA': trans_a, 'transB': trans_b})


def shapes():
    for source, target in [((2, 3, 4), (6, 4)), ((2, 3, 4), (1, 24, 1)), ((6,), (1, 2, 3))]:
        case('reshape', [source], lambda x: x.reshape(target), {'shape': list(target)})
    for source, perm in [((3, 4), (1, 0)), ((2, 3, 4, 5), (0, 2, 3, 1)), ((2, 3, 4, 5), (3, 1, 0, 2))]:
        case('transpose', [source], lambda x: x.permute(perm), {'perm': list(perm)})
    import numpy as np
    slices = [((6, 5), [1], [4], [0], None), ((6, 5), [-4, 1], [-1, 4], [0, 1], None), ((7, 9), [0, 1], [7, 9], [0, 1], [2, 3]), ((2, 3, 8), [6], [1], [-1], [-2]),
              ((5, 6), [-1], [-6], [0], [-1]), ((2, 3, 4, 9), [0, 2], [4, 99], [2, 3], [3, 2]), ((4, 9), [7], [-8], [1], [-3])]
    for shape, starts, ends, axes, steps in slices:
        index = [np.arange(n) for n in shape]
        for s, e, a, st in zip(starts, ends, axes, steps or [1] * len(axes)):
            index[a] = onnx_range(shape[a], s, e, st)
        grids = torch.meshgrid(*[torch.from_numpy(i.copy()) for i in index], indexing='ij')
        case('slice', [shape], lambda x: x[grids], {'starts': starts, 'ends': ends, 'axes': axes} | ({'steps': steps} if steps else {}),
             note="ONNX Slice: negative starts and ends count from the end, ends are clamped; with a negative step an end of -n-1 or below runs through index 0")
    for parts, axis in [([(2, 3), (4, 3)], 0), ([(2, 3, 4), (2, 1, 4), (2, 5, 4)], 1), ([(2, 3), (2, 2)], -1)]:
        case('concat', parts, lambda *xs: torch.cat(xs, axis), {'axis': axis})
    for source, target in [((1, 3), (4, 3)), ((3, 1, 1), (2, 3, 4, 5)), ((2, 1, 4), (2, 6, 4))]:
        case('expand', [source], lambda x: x.expand(target), {'shape': list(target)})
    for shape, pads in [((2, 3), [[1, 0], [2, 3]]), ((1, 2, 5, 4), [[0, 0], [0, 0], [1, 1], [1, 1]]), ((1, 2, 5, 6), [[0, 0], [0, 0], [2, 1], [3, 0]]),
                        ((1, 1, 2, 2), [[0, 0], [0, 0], [1, 1], [1, 1]])]:
        for mode in ('constant', 'reflect', 'edge'):
            if mode == 'reflect' and any(p >= n for pair, n in zip(pads, shape) for p in pair): continue
            def padded(x):
                for axis, (before, after) in enumerate(pads):
                    n = x.shape[axis]
                    at = torch.arange(-before, n + after)
                    if mode == 'reflect': at = torch.where(at < 0, -at, torch.where(at >= n, 2 * n - 2 - at, at))
                    if mode == 'edge': at = at.clamp(0, n - 1)
                    inside = (at >= 0) & (at < n)
                    x = x.index_select(axis, at.clamp(0, n - 1)) * inside.reshape([-1 if i == axis else 1 for i in range(x.ndim)])
                return x
            case('pad', [shape], padded, {'pads': pads, 'mode': mode})
    for shape, indices, axis in [((5, 3), [4, 0, 0, 2], 0), ((2, 6, 3), [5, 1, 5], 1), ((4, 3), [[0, 3], [3, 3]], 0), ((3, 4), [1, 1, 1, 0, 2], -1)]:
        table = torch.tensor(indices)
        case('gather', [shape], lambda x: x.index_select(axis, table.reshape(-1)).reshape(
            *shape[:axis % len(shape)], *table.shape, *shape[axis % len(shape) + 1:]), {'indices': indices, 'axis': axis})


def onnx_range(n, start, end, step):
    import numpy as np
    start, end = (start + n if start < 0 else start), (end + n if end < 0 else end)
    if step > 0: return np.arange(min(max(start, 0), n), min(max(end, 0), n), step)
    return np.arange(min(max(start, 0), n - 1), min(max(end, -1), n - 1), step)


def reductions():
    for shape, axes, keep in [((3, 4), [1], True), ((3, 4), [0, 1], False), ((2, 3, 4, 5), [2, 3], True), ((2, 3, 4, 5), [-1], False), ((2, 3, 4, 5), [0, 2], False)]:
        for op, f in [('reduceSum', torch.sum), ('reduceMean', torch.mean), ('reduceMax', torch.amax)]:
            case(op, [shape], lambda x: f(x, dim=axes, keepdim=keep), {'axes': axes, 'keepDims': keep})
    for shape in [(5,), (3, 7), (2, 2, 4, 6)]:
        case('softmax', [shape], lambda x: x.softmax(-1), make=clear_of())
    case('softmax', [(2, 5)], lambda x: x.softmax(-1), make=lambda g, *s: rounded(80 + 30 * normal(g, *s)), note='large logits: subtract the row maximum')
    for shape, eps in [((3, 8), 1e-5), ((2, 5, 16), 1e-5), ((2, 3, 4), 1e-12)]:
        case('layerNorm', [shape, (shape[-1],), (shape[-1],)], lambda x, s, b: F.layer_norm(x, shape[-1:], s, b, eps), {'eps': eps})
    for shape in [(1, 3, 4, 5), (2, 4, 3, 3), (1, 5, 2, 2)]:
        case('instanceNorm', [shape, (shape[1],), (shape[1],)], lambda x, s, b: F.instance_norm(x, weight=s, bias=b, eps=1e-5), {'eps': 1e-5},
             note='at batch size 1 this is batch norm in training mode')
    case('instanceNorm', [(1, 3, 6, 6), (3,), (3,)], lambda x, s, b: F.instance_norm(x, weight=s, bias=b, eps=1e-5), {'eps': 1e-5},
         make=lambda g, *s: rounded(normal(g, *s) + 20), note='mean far from zero: a one-pass variance loses digits here')


def same_padding(n, kernel, stride):
    total = max((-(-n // stride) - 1) * stride + kernel - n, 0)
    return total // 2, total - total // 2


def convolutions():
    cases_of = [  # input, weight, bias, stride, pads [t,l,b,r], groups
        ((1, 3, 7, 8), (4, 3, 3, 3), True, 1, [0, 0, 0, 0], 1), ((1, 3, 7, 8), (4, 3, 3, 3), False, 1, [1, 1, 1, 1], 1),
        ((2, 3, 9, 8), (5, 3, 3, 3), True, 2, [0, 0, 0, 0], 1), ((1, 4, 10, 11), (3, 4, 3, 3), True, 2, [1, 1, 1, 1], 1),
        ((1, 4, 5, 6), (3, 4, 1, 1), True, 1, [0, 0, 0, 0], 1), ((2, 6, 5, 4), (2, 6, 1, 1), False, 1, [0, 0, 0, 0], 1),
        ((1, 4, 4, 4), (5, 4, 3, 3), True, 1, [0, 0, 0, 0], 1), ((1, 4, 4, 4), (5, 4, 3, 3), True, 2, [0, 0, 0, 0], 1),
        ((2, 3, 16, 24), (6, 3, 8, 8), False, 8, [0, 0, 0, 0], 1), ((1, 3, 19, 21), (6, 3, 8, 8), False, 8, [0, 0, 0, 0], 1),
        ((1, 4, 8, 7), (6, 2, 3, 3), True, 1, [1, 1, 1, 1], 2), ((1, 2, 6, 7), (3, 2, 3, 3), True, 1, [0, 2, 1, 0], 1)]
    for n, m in [(8, 10), (9, 7)]:
        for kernel in (3, 5):
            for stride in (1, 2):
                (t, b), (l, r) = same_padding(n, kernel, stride), same_padding(m, kernel, stride)
                cases_of.append(((2, 4, n, m), (4, 1, kernel, kernel), True, stride, [t, l, b, r], 4))
        (t, b), (l, r) = same_padding(n, 3, 2), same_padding(m, 3, 2)
        cases_of.append(((2, 3, n, m), (4, 3, 3, 3), True, 2, [t, l, b, r], 1))
    for x, w, bias, stride, (t, l, b, r), groups in cases_of:
        case('conv2d', [x, w] + ([(w[0],)] if bias else []), lambda i, k, c=None: F.conv2d(F.pad(i, (l, r, t, b)), k, c, stride, groups=groups),
             {'stride': stride, 'pads': [t, l, b, r], 'groups': groups}, note='input2, where present, is the bias')


def resampling():
    for shape in [(1, 2, 3, 4), (2, 3, 5, 2), (1, 1, 1, 3)]:
        case('upsample2x', [shape], lambda x: F.interpolate(x, scale_factor=2, mode='bilinear', align_corners=False))
    for shape, h, w in [((1, 3, 6, 7), 9, 5), ((2, 1, 7, 7), 28, 28), ((1, 2, 20, 30), 8, 11), ((1, 3, 8, 8), 8, 8)]:
        case('resizeBilinear', [shape], lambda x: F.interpolate(x, (h, w), mode='bilinear', align_corners=False), {'height': h, 'width': w},
             note='half-pixel centres, edge clamped, no antialiasing')
    for window, h, w in [((2, 3, 9, 8), 6, 7), ((0, 0, 14, 15), 9, 9), ((5, 1, 6, 13), 12, 20)]:
        top, left, ch, cw = window
        case('cropResize', [(1, 3, 14, 15)], lambda x: F.interpolate(x[..., top:top + ch, left:left + cw], (h, w), mode='bilinear', align_corners=False),
             dict(zip(('top', 'left', 'cropHeight', 'cropWidth', 'height', 'width'), (*window, h, w))), note='the edge clamps at the crop, not at the image')
    g = rng(77)
    for fill in (None, 0, 1):
        for size, out in [((1, 3, 7, 9), (5, 6)), ((2, 2, 6, 6), (8, 7))]:
            grid = rounded(torch.rand(size[0], *out, 2, generator=g) * 3 - 1.5)
            def taken(x, where):
                if fill is None: return F.grid_sample(x, where, mode='bilinear', padding_mode='zeros', align_corners=False)
                return torch.cat([sample(x[i:i + 1], (where[i, ..., 0] + 1) * size[3] / 2, (where[i, ..., 1] + 1) * size[2] / 2, fill) for i in range(size[0])])
            case('gridSample', [size, grid], taken, {'fill': fill}, constant=(1,), note='input1 is the grid [n,h,w,(x,y)] in [-1,1]; with fill, s*m + (1-m)*fill')
    for rows, columns, out_h, out_w in [(7, 7, 5, 8), (7, 7, 7, 8), (7, 7, 6, 11), (14, 14, 10, 16)]:
        def resized(x):
            grid = x.reshape(1, rows, columns, 3).permute(0, 3, 1, 2)
            big = F.interpolate(grid, scale_factor=((out_h + .1) / rows, (out_w + .1) / columns), mode='bicubic', align_corners=False)
            return big.permute(0, 2, 3, 1).reshape(-1, 3)
        case('positionResize', [(rows * columns, 3)], resized, {'rows': rows, 'columns': columns, 'height': out_h, 'width': out_w},
             note='bicubic, A=-0.75, edge clamped; source = (o + 1/2) * rows / (height + 0.1) - 1/2, and the same along columns; [rows*columns,c] -> [height*width,c]')


def composites():
    for op, f in [('relu', F.relu), ('silu', F.silu)]:
        case(op, [(2, 3, 4, 5)], f, make=away(.02))
    for shape in [(7,), (2, 3, 5)]:
        case('logSumExp', [shape], lambda x: x.logsumexp(-1), make=clear_of())
        case('normalizeLength', [shape], lambda x: F.normalize(x, dim=-1), note='x / |x| over the last axis')
    case('logSumExp', [(2, 5)], lambda x: x.logsumexp(-1), make=lambda g, *s: rounded(80 + 30 * normal(g, *s)), note='large logits: subtract the row maximum')
    for axes, keep in [([1], True), ([0, 2], False)]:
        case('reduceMin', [(2, 3, 4)], lambda x: x.amin(dim=axes, keepdim=keep), {'axes': axes, 'keepDims': keep})
    case('meanSquaredError', [(2, 3, 4), (2, 3, 4)], lambda a, b: F.mse_loss(a, b))
    for shape in [(3, 8), (2, 5, 16)]:
        case('normalizeRows', [shape], lambda x: F.layer_norm(x, shape[-1:], eps=1e-5), {'eps': 1e-5})
    for shape in [(1, 3, 4, 5), (2, 4, 3, 3)]:
        case('channelVariance', [shape], lambda x: x.var(dim=(2, 3), keepdim=True, correction=0))
    for shape, axes in [((5,), [0]), ((2, 3, 4, 5), [2, 3])]:
        case('flip', [shape], lambda x: x.flip(axes), {'axes': axes})
    for axis, stride in [(0, 3), (2, 2)]:
        def dilated(x):
            taps = [stride * i for i in range(x.shape[axis])]
            wide = torch.zeros([taps[-1] + 1 if i == axis else n for i, n in enumerate(x.shape)])
            return wide.index_copy(axis, torch.tensor(taps), x)
        case('dilate', [(2, 3, 4)], dilated, {'axis': axis, 'stride': stride})
    for fill in (0, 1):
        inverse = torch.tensor([[[.9, .2, -.4], [-.15, 1.1, .7], [.01, -.02, 1.]], [[1.2, -.3, 1.1], [.25, .8, -.6], [0., 0., 1.]]])
        def warped(x, m):
            y, x_ = torch.meshgrid(torch.arange(x.shape[2]) + .5, torch.arange(x.shape[3]) + .5, indexing='ij')
            sent = m @ torch.stack([x_, y, torch.ones_like(y)]).reshape(3, -1)
            at = (sent[:, :2] / sent[:, 2:]).reshape(-1, 2, *x.shape[2:])
            return torch.cat([sample(x[i:i + 1], at[i, 0], at[i, 1], fill) for i in range(x.shape[0])])
        case('warp', [(2, 3, 7, 8), inverse], warped, {'fill': fill}, constant=(1,), note='input1 sends an output pixel to the input position, both homogeneous, in pixels')


def outline_network():
    """What only the outline network needs; after all others, so that their draws stay."""
    for x, w, bias, (t, l, b, r), dilation in [((1, 3, 9, 10), (4, 3, 3, 3), True, (2, 2, 2, 2), 2), ((1, 2, 12, 11), (3, 2, 3, 3), True, (4, 4, 4, 4), 4),
                                               ((2, 2, 9, 8), (3, 2, 2, 3), False, (0, 1, 2, 0), 3)]:
        case('conv2d', [x, w] + ([(w[0],)] if bias else []), lambda i, k, c=None: F.conv2d(F.pad(i, (l, r, t, b)), k, c, dilation=dilation),
             {'pads': [t, l, b, r], 'dilation': dilation}, note='input2, where present, is the bias')
    for shape in [(1, 2, 4, 6), (2, 3, 8, 2)]:
        case('maxPool2', [shape], lambda x: F.max_pool2d(x, 2))


def positions():
    for size, out in [((3, 7, 9), (4, 5)), ((1, 2, 2), (3, 3)), ((2, 12, 5), (6, 7))]:
        g = rng(2601 + len(cases))
        # Beyond the border too, and clear of the kinks at pixel centres.
        position = torch.stack([torch.rand(out, generator=g) * (n + 4) - 2 for n in (size[2], size[1])])
        position = torch.where(((position - .5) - (position - .5).round()).abs() < .02, position + .05, position)
        def taken(planes, where):
            grid = torch.stack([where[0] * 2 / size[2] - 1, where[1] * 2 / size[1] - 1], -1)
            return F.grid_sample(planes[None], grid[None], mode='bilinear', padding_mode='border', align_corners=False)[0]
        case('sampleBilinear', [size, position], taken, note='input0 [c,h,w]; input1 [2,h,w], x then y in pixels, pixel k covering [k,k+1)')


def main():
    for part in (elementwise, linear, shapes, reductions, convolutions, resampling, composites, outline_network, positions):
        part()
    fixture.save({'about': 'One case per op and shape; gradients are of sum(output * cotangent). Tensors are float32 roundings of float64 results.', 'cases': cases})


if __name__ == '__main__':
    main()
