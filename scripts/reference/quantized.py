"""Linear layers of frozen weights in 8 bits, forward and gradient: fixture `quantized`.

Integer arithmetic is simulated in float64, where the products of codes and their sums are exact. A row of activations, or of the cotangent
times the scales, is rounded (half to even) to multiples of its largest magnitude / 127; the gradient takes the rounding for the identity.
"""
import numpy as np
import torch

from fixture import Fixture, normal, rng, rounded

fixture, cases = Fixture('quantized'), []


def codes_of(x):
    """Codes and steps of the rows. No value may lie where float32 would round the other way."""
    step = x.abs().amax(1, keepdim=True).clamp(min=1e-30) / 127
    exact = x / step
    assert ((exact - exact.floor() - .5).abs() > 1e-4).all(), 'a tie: take another seed'
    return exact.round(), step


def case(name, seed, rows, into, out, x=None):
    g = rng(seed)
    x = normal(g, rows, into, scale=2.0) if x is None else rounded(x)
    weight, bias, cotangent = normal(g, out, into), normal(g, out), normal(g, rows, out)
    weight_codes, scales = codes_of(weight)
    scales = rounded(scales)

    x_codes, x_steps = codes_of(x)
    y = x_codes @ weight_codes.T * x_steps * scales.T + bias
    back_codes, back_steps = codes_of(cotangent * scales.T)
    gradient = back_codes @ weight_codes * back_steps

    put = lambda part, value, dtype=np.float32: fixture.put(f'{name}.{part}', value, dtype)
    put('x', x), put('weight', weight), put('bias', bias), put('cotangent', cotangent)
    put('codes', weight_codes.T, np.int8), put('scales', scales[:, 0])
    put('output', y), put('gradient', gradient)
    cases.append(name)


def main():
    case('small', 1, 3, 5, 4)
    case('wide', 2, 7, 130, 33)
    case('one row', 3, 1, 64, 16)
    # Rows of very different size, and one of zeros: each has a step of its own.
    case('uneven', 4, 4, 40, 24, normal(rng(40), 4, 40) * torch.tensor([[1e-6], [1.0], [0.0], [1e4]]))
    # One channel a hundred times the others, as trained transformers have them.
    case('outlier', 5, 6, 48, 20, normal(rng(50), 6, 48) * torch.where(torch.arange(48) == 11, 100.0, 1.0))
    fixture.save({'cases': cases})


if __name__ == '__main__':
    main()
