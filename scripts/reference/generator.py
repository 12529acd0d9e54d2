"""The edit-layer generator, output and gradients: fixtures `generator` (narrow, every number) and `generatorFull` (published width, samples).

A seven-level U-Net, parameters under their published names. Widths are free: `width` everywhere but `skip` channels in the skip branches.
`--text2live PATH` (a checkout of omerbt/Text2LIVE) compares output and gradients with the published module; `--float32` repeats it all in float32.
"""
import argparse
import math
import sys

import numpy as np
import torch
import torch.nn.functional as F

from fixture import Fixture, photo, rng, rounded, sampled

LEVELS = 7


def layout(width, skip, levels=LEVELS):
    """[(kind, name, shape)] in published order of parameters; kind is 'conv' or 'norm'; name is without .weight / .bias."""
    def level(prefix, i, inputs):
        deeper = f'{prefix}1.1.'
        rows = [('conv', f'{prefix}1.0.1.1', (skip, inputs, 1, 1)), ('norm', f'{prefix}1.0.2', (skip,)),
                ('conv', f'{deeper}1.1', (width, inputs, 3, 3)), ('norm', f'{deeper}2', (width,)),
                ('conv', f'{deeper}4.1', (width, width, 3, 3)), ('norm', f'{deeper}5', (width,))]
        if i + 1 < levels: rows += level(f'{deeper}7.', i + 1, width)
        rows += [('norm', f'{prefix}2', (skip + width,)), ('conv', f'{prefix}3.1', (width, skip + width, 3, 3)), ('norm', f'{prefix}4', (width,)),
                 ('conv', f'{prefix}6.1', (width, width, 1, 1))]
        return rows + ([('norm', f'{prefix}7', (width,))] if i > 0 else [])
    return level('netG.', 0, 3) + [('conv', 'netG.8.1', (4, width, 1, 1))]


def without_effect(width, skip, levels=LEVELS):
    """Biases whose gradient is zero: those of convolutions that precede a norm, and the shift of the norm after each concat, because a constant per
    channel passes reflection padding and the next convolution as a constant, which the norm behind it removes."""
    return [f'{name}.bias' for kind, name, _ in layout(width, skip, levels)
            if (kind == 'conv' and name not in ('netG.6.1', 'netG.8.1')) or (kind == 'norm' and (name == 'netG.2' or name.endswith('.7.2')))]


def initial(width, skip, seed, levels=LEVELS):
    """PyTorch's default initialisation: U(-1/sqrt(fan_in), 1/sqrt(fan_in)) for convolutions and their biases; norms 1 and 0."""
    g, parameters = rng(seed), {}
    for kind, name, shape in layout(width, skip, levels):
        if kind == 'norm':
            parameters[f'{name}.weight'], parameters[f'{name}.bias'] = torch.ones(shape), torch.zeros(shape)
        else:
            bound = 1 / math.sqrt(math.prod(shape[1:]))
            for part, size in (('weight', shape), ('bias', shape[:1])):
                parameters[f'{name}.{part}'] = rounded((torch.rand(size, generator=g) * 2 - 1) * bound)
    return parameters


def meets_kink(kind, name):
    """Norms whose output goes straight into LeakyReLU: all but those behind a concat."""
    return kind == 'norm' and name != 'netG.2' and not name.endswith('.7.2')


def shifted(parameters, width, skip, seed, levels=LEVELS):
    """The same parameters, but the norms before a LeakyReLU (and the 1x1 convolution of level 0) moved off its kink by about 2.75 standard deviations per channel.

    At PyTorch's default many activations lie at the kink. One that rounds to its other side changes gradients by percents at small sizes, so float32 PyTorch
    itself is 1e-2 away from float64; and MADGRAD's cube root keeps such differences: 2e-3 in a loss after three steps. Shifted, both are reproducible."""
    parameters, g = dict(parameters), rng(seed)
    signed = lambda n: torch.where(torch.rand(n, generator=g) < .5, -1., 1.)
    for kind, name, shape in layout(width, skip, levels):
        if not meets_kink(kind, name): continue
        sign = signed(shape)
        parameters[f'{name}.weight'] = rounded(.8 + .4 * torch.rand(shape, generator=g))
        parameters[f'{name}.bias'] = rounded(parameters[f'{name}.weight'] * sign * (2.5 + .5 * torch.rand(shape, generator=g)))
    sign = signed(width)
    parameters['netG.6.1.bias'] = rounded(.5 * sign * (2.5 + .5 * torch.rand(width, generator=g)))
    return parameters


def hashed(count, k):
    """Numbers in [-1,1) that any language can repeat. All products modulo 2^32 (Math.imul), shifts unsigned (>>>):
    x = (i+1)*0x9E3779B1 ^ (k+1)*0x85EBCA77; x ^= x>>15; x *= 0x2C1B3C6D; x ^= x>>12; x *= 0x297A2D39; x ^= x>>15; value = x / 2^31 - 1."""
    i = np.arange(1, count + 1, dtype=np.uint32)
    x = (i * np.uint32(0x9E3779B1)) ^ np.uint32((k + 1) * 0x85EBCA77 & 0xFFFFFFFF)
    x ^= x >> np.uint32(15)
    x = x * np.uint32(0x2C1B3C6D)
    x ^= x >> np.uint32(12)
    x = x * np.uint32(0x297A2D39)
    x ^= x >> np.uint32(15)
    return torch.from_numpy(x.astype(np.float64) / 2 ** 31 - 1)


def hashed_parameters(width, skip, levels=LEVELS):
    """Parameter number k (0,1,2,.. in layout order, weight before bias), entry i: convolutions value/sqrt(fan_in), norm weights 1+value/10;
    biases of norms behind a concat value/10, of all other norms s*(3+value/2), and of netG.6.1 s*(1.5+value/4), with s = 1 for even i, -1 for odd i;
    each rounded to float32."""
    parameters, k = {}, 0
    for kind, name, shape in layout(width, skip, levels):
        for part, size in (('weight', shape), ('bias', shape[:1])):
            value = hashed(math.prod(size), k).reshape(size)
            sign = 1 - 2.0 * (torch.arange(size[0]) % 2)
            if name == 'netG.6.1' and part == 'bias': value = sign * (1.5 + value / 4)
            elif kind == 'conv': value = value / math.sqrt(math.prod(shape[1:]))
            elif part == 'weight': value = 1 + value / 10
            else: value = sign * (3 + value / 2) if meets_kink(kind, name) else value / 10
            parameters[f'{name}.{part}'], k = rounded(value), k + 1
    return parameters


def colour_matrix():
    """out = M @ rgb: decorrelated colours, columns of the basis over (1.6, 1, 1), then all over the largest column norm."""
    basis = torch.tensor([[.26, .09, .02], [.27, .0, -.05], [.27, -.09, .03]]) / torch.tensor([1.6, 1.0, 1.0])
    return basis / basis.norm(dim=0).max()


def generate(parameters, image):
    """[n,3,h,w] in [0,1] -> RGBA [n,4,h,w] in (0,1). Batch statistics always (train mode), biased variance, eps 1e-5."""
    def convolve(x, name, stride=1):
        weight = parameters[f'{name}.weight']
        reach = weight.shape[-1] // 2
        if reach: x = F.pad(x, [reach] * 4, mode='reflect')
        return F.conv2d(x, weight, parameters[f'{name}.bias'], stride)

    def norm(x, name):
        mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
        return (x - mean) / torch.sqrt(var + 1e-5) * parameters[f'{name}.weight'].view(1, -1, 1, 1) + parameters[f'{name}.bias'].view(1, -1, 1, 1)

    def leaky(x):
        return F.leaky_relu(x, .2)

    def level(x, prefix):
        deeper = f'{prefix}1.1.'
        aside = leaky(norm(convolve(x, f'{prefix}1.0.1.1'), f'{prefix}1.0.2'))
        down = leaky(norm(convolve(x, f'{deeper}1.1', 2), f'{deeper}2'))
        down = leaky(norm(convolve(down, f'{deeper}4.1'), f'{deeper}5'))
        if f'{deeper}7.2.weight' in parameters: down = level(down, f'{deeper}7.')
        up = F.interpolate(down, scale_factor=2, mode='bilinear', align_corners=False)
        h, w = min(aside.shape[2], up.shape[2]), min(aside.shape[3], up.shape[3])
        cropped = [t[:, :, (t.shape[2] - h) // 2:, (t.shape[3] - w) // 2:][:, :, :h, :w] for t in (aside, up)]
        x = norm(torch.cat(cropped, 1), f'{prefix}2')
        x = leaky(norm(convolve(x, f'{prefix}3.1'), f'{prefix}4'))
        x = convolve(x, f'{prefix}6.1')
        return leaky(norm(x, f'{prefix}7') if f'{prefix}7.weight' in parameters else x)

    x = convolve(level(image, 'netG.'), 'netG.8.1')
    rgb = torch.einsum('dc,nchw->ndhw', colour_matrix(), x[:, :3])
    return torch.sigmoid(torch.cat((rgb, x[:, 3:]), 1))


def with_gradients(parameters, image, cotangent):
    leaves = {name: p.clone().requires_grad_() for name, p in parameters.items()}
    out = generate(leaves, image)
    return out.detach(), dict(zip(leaves, torch.autograd.grad(out, list(leaves.values()), cotangent)))


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--text2live')
    p.add_argument('--float32', action='store_true')
    a = p.parse_known_args()[0]
    narrow(a.text2live, a.float32)
    full(a.float32)


def narrow(path, float32):
    width, skip = 8, 4
    fixture, cases = Fixture('generator'), []
    parameters, null = shifted(initial(width, skip, 34), width, skip, 35), without_effect(width, skip)
    g = rng(32)
    for kind, name, shape in layout(width, skip):
        if kind == 'norm' and not meets_kink(kind, name):                      # off 1 and 0, so that both are seen
            for part in ('weight', 'bias'): parameters[f'{name}.{part}'] = rounded(parameters[f'{name}.{part}'] + .1 * torch.randn(shape, generator=g))
    for name, value in parameters.items(): fixture.put(f'parameters.{name}', value)
    for name, (h, w) in {'even': (144, 136), 'odd': (129, 140)}.items():
        image = photo(33, h, w)
        cotangent = rounded(torch.randn(1, 4, h, w, generator=g) / 100)
        out, gradients = with_gradients(parameters, image, cotangent)
        if path: compare(path, width, skip, parameters, image, cotangent, out, gradients)
        for n in parameters: fixture.put(f'{name}.gradients.{n}', gradients[n])
        largest = max(gradients[n].abs().max().item() for n in null)
        assert largest < 1e-12, f'{name}: a bias without effect has gradient {largest}'
        cases.append({'name': name, 'image': fixture.put_pixels(f'{name}.image', image), 'cotangent': fixture.put(f'{name}.cotangent', cotangent),
                      'output': fixture.put(f'{name}.output', out), 'gradients': f'{name}.gradients.<parameter>',
                      'gradientFloor': floor(gradients, null), 'gradientNorms': {n: gradients[n].norm().item() for n in parameters}})
        if float32: drift(name, parameters, image, cotangent, out, gradients, null)
    fixture.save({'about': 'Generator of narrow width. Parameters stand under parameters.<published name>. image: uint8, divide by 255. '
                           'Gradients are of sum(output * cotangent).',
                  'settings': {'width': width, 'skip': skip, 'levels': LEVELS, 'eps': 1e-5, 'slope': .2},
                  'parameters': {n: list(v.shape) for n, v in parameters.items()}, 'zeroGradient': null, 'cases': cases})


def floor(gradients, null):
    """1e-2 of the median root mean square of a gradient: differences are judged against |g| + floor sqrt(n), as some biases hardly matter."""
    return 1e-2 * float(np.median([(v.norm() / v.numel() ** .5).item() for n, v in gradients.items() if n not in null]))


def drift(name, parameters, image, cotangent, out, gradients, null):
    """Prints how far float32 PyTorch is away."""
    torch.set_default_dtype(torch.float32)
    single, found = with_gradients({n: v.float() for n, v in parameters.items()}, image.float(), cotangent.float())
    torch.set_default_dtype(torch.float64)
    least = floor(gradients, null)
    worst = max(((found[n] - v).norm() / (v.norm() + least * v.numel() ** .5)).item() for n, v in gradients.items() if n not in null)
    print(f'  float32, {name}: output {(single - out).abs().max():.1e}, gradients {worst:.1e} of |g| + floor sqrt(n), '
          f'without effect {max(found[n].norm() / found[n].numel() ** .5 for n in null) / least:.1e} of the floor')


def full(float32):
    width, skip = 128, 4
    parameters, null, fixture = hashed_parameters(width, skip), without_effect(width, skip), Fixture('generatorFull')
    assert sum(v.numel() for v in parameters.values()) == 3115548
    h, w = 136, 144
    image = rounded((hashed(3 * h * w, 1000).reshape(1, 3, h, w) + 1) / 2)
    cotangent = rounded(hashed(4 * h * w, 1001).reshape(1, 4, h, w) / 100)
    out, gradients = with_gradients(parameters, image, cotangent)
    norms, sums = {}, {'output': out.sum().item()}
    sums['outputNorm'] = sampled(fixture, 'output', out, 41, 400)
    for k, (name, gradient) in enumerate(gradients.items()):
        norms[name] = gradient.norm().item()
        if name not in null: sampled(fixture, f'gradients.{name}', gradient, 42 + k, min(16, gradient.numel()))
    if float32: drift('full width', parameters, image, cotangent, out, gradients, null)
    fixture.save({'about': 'Generator of published width from numbers that need no file. ' + hashed.__doc__.replace('\n', ' ') + ' ' +
                           ' '.join(hashed_parameters.__doc__.split()) + ' Image: (value+1)/2 with k=1000; cotangent: value/100 with k=1001; both rounded to float32. '
                           'X.indices are flat row-major positions of X.samples.',
                  'settings': {'width': width, 'skip': skip, 'levels': LEVELS, 'image': [1, 3, h, w]},
                  'hashed': {'k': 5, 'first': hashed(4, 5).tolist()}, 'order': list(parameters), 'zeroGradient': null, 'output': sums, 'gradientFloor': floor(gradients, null),
                  'gradientNorms': norms})


def compare(path, width, skip, parameters, image, cotangent, out, gradients):
    sys.path.insert(0, path)
    from models.networks import define_G
    net = define_G({'skip_n33d': width, 'skip_n33u': width, 'skip_n11': skip, 'num_scales': LEVELS}).double()
    missing, unknown = net.load_state_dict({n.removeprefix('netG.'): v for n, v in parameters.items()}, strict=False)
    assert not unknown and all('running' in n or 'tracked' in n or 'colcorr' in n for n in missing), (missing, unknown)
    assert [f'netG.{n}' for n, _ in net.named_parameters()] == list(parameters), 'order of parameters'
    net.get_buffer('9.colcorr_t').copy_(colour_matrix().T)      # the published buffer is rounded to float32
    theirs = net(image)
    theirs.backward(cotangent)
    worst = max((p.grad - gradients[f'netG.{n}']).abs().max().item() for n, p in net.named_parameters())
    print(f'  published generator: output {(theirs - out).abs().max():.1e}, gradients {worst:.1e}')
    sys.path.remove(path)


if __name__ == '__main__':
    main()
