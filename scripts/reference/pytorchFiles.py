"""Small files of torch.save and torch.jit.save in `test/fixtures/pytorch`, and what is in them.

state.pt: a state dict beside other plain data; every kind of number, views that share a storage, a parameter. state.json says what it holds.
openaiClip.pt: a random CLIP in OpenAI's TorchScript layout (fp16 matrices, fp32 norms). openaiClip.json: shape, sum and samples of each weight under its Hugging Face name.
"""
import collections
import json

import torch

from fixture import FIXTURES, rng

folder = FIXTURES / 'pytorch'
folder.mkdir(exist_ok=True)


def state():
    g = rng(1)
    base = torch.randn(6, 5, generator=g)
    tensors = collections.OrderedDict([
        ('float', torch.randn(3, 4, generator=g)), ('half', torch.randn(7, generator=g).half()), ('bfloat', torch.randn(5, generator=g).bfloat16()),
        ('double', torch.randn(2, 2, generator=g).double()), ('long', torch.tensor([-3, 5, 1 << 20])), ('int', torch.tensor([[7], [-8]], dtype=torch.int32)),
        ('short', torch.tensor([1, -2], dtype=torch.int16)), ('char', torch.tensor([-1, 2], dtype=torch.int8)), ('byte', torch.tensor([200, 3], dtype=torch.uint8)),
        ('bool', torch.tensor([True, False])), ('scalar', torch.tensor(2.5)), ('empty', torch.zeros(0, 3)),
        ('whole', base), ('rows', base[2:4]), ('transposed', base.t()), ('every.second', base[::2, 1::2]), ('repeated', torch.tensor([1.5, -2.0]).expand(3, 2)),
        ('parameter', torch.nn.Parameter(torch.ones(2))),
    ])
    module = torch.nn.Linear(2, 3)
    with torch.no_grad():
        module.weight.copy_(torch.arange(6.).reshape(3, 2)); module.bias.copy_(torch.tensor([.5, 1., -1.]))
    saved = {'tensors': tensors, 'module': module.state_dict(), 'iteration': 12345, 'loss': 0.25, 'big': 1 << 70, 'negative': -70000, 'name': 'größe',
             'flags': (True, None, [1, 2, [3]]), 'size': base.shape}
    torch.save(saved, folder / 'state.pt')
    flat = {f'tensors.{k}': v for k, v in tensors.items()} | {f'module.{k}': v for k, v in module.state_dict().items()}
    (folder / 'state.json').write_text(json.dumps({k: {'shape': list(v.shape), 'data': v.detach().double().flatten().tolist()} for k, v in flat.items()}, indent=0) + '\n')


class Box(torch.nn.Module):
    """A module that only holds; TorchScript wants a forward."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def openai():
    g = rng(2)
    width, text_width, patch, side, context, vocabulary, projection = 64, 64, 16, 3, 9, 40, 32
    state, hf = {}, {}

    def put(name, *shape, half=True, hf_name=None, transpose=False):
        x = torch.randn(*shape, generator=g) * .2
        state[name] = x.half() if half else x
        if hf_name: hf[hf_name] = (state[name].t() if transpose else state[name]).contiguous()

    def norm(name, n, hf_name):
        put(name + '.weight', n, half=False, hf_name=hf_name + '.weight'); put(name + '.bias', n, half=False, hf_name=hf_name + '.bias')

    def block(name, n, hf_name):
        for kind, shape in (('weight', (3 * n, n)), ('bias', (3 * n,))):
            put(f'{name}.attn.in_proj_{kind}', *shape)
            for part, x in zip('qkv', state[f'{name}.attn.in_proj_{kind}'].chunk(3)): hf[f'{hf_name}.self_attn.{part}_proj.{kind}'] = x.contiguous()
            for ours, theirs, o, i in (('attn.out_proj', 'self_attn.out_proj', n, n), ('mlp.c_fc', 'mlp.fc1', 2 * n, n), ('mlp.c_proj', 'mlp.fc2', n, 2 * n)):
                put(f'{name}.{ours}.{kind}', *((o, i) if kind == 'weight' else (o,)), hf_name=f'{hf_name}.{theirs}.{kind}')
        norm(name + '.ln_1', n, hf_name + '.layer_norm1'); norm(name + '.ln_2', n, hf_name + '.layer_norm2')

    put('visual.class_embedding', width, half=False, hf_name='vision_model.embeddings.class_embedding')
    put('visual.conv1.weight', width, 3, patch, patch, hf_name='vision_model.embeddings.patch_embedding.weight')
    put('visual.positional_embedding', side * side + 1, width, half=False, hf_name='vision_model.embeddings.position_embedding.weight')
    norm('visual.ln_pre', width, 'vision_model.pre_layrnorm'); norm('visual.ln_post', width, 'vision_model.post_layernorm')
    for i in range(2): block(f'visual.transformer.resblocks.{i}', width, f'vision_model.encoder.layers.{i}')
    put('visual.proj', width, projection, hf_name='visual_projection.weight', transpose=True)
    put('token_embedding.weight', vocabulary, text_width, half=False, hf_name='text_model.embeddings.token_embedding.weight')
    put('positional_embedding', context, text_width, half=False, hf_name='text_model.embeddings.position_embedding.weight')
    block('transformer.resblocks.0', text_width, 'text_model.encoder.layers.0'); norm('ln_final', text_width, 'text_model.final_layer_norm')
    put('text_projection', text_width, projection, hf_name='text_projection.weight', transpose=True)

    root = Box()
    for name, x in state.items():
        at = root
        *path, leaf = name.split('.')
        for part in path:
            if not hasattr(at, part): at.add_module(part, Box())
            at = getattr(at, part)
        at.register_parameter(leaf, torch.nn.Parameter(x, requires_grad=False))
    root.logit_scale = torch.nn.Parameter(torch.tensor(4.6052))
    root.register_buffer('input_resolution', torch.tensor(side * patch)); root.register_buffer('context_length', torch.tensor(context))
    root.register_buffer('vocab_size', torch.tensor(vocabulary))
    torch.jit.script(root).save(str(folder / 'openaiClip.pt'))
    samples = {}
    for name, x in hf.items():
        flat = x.double().flatten()
        at = torch.randperm(len(flat), generator=g)[:12]
        samples[name] = {'shape': list(x.shape), 'sum': flat.sum().item(), 'at': at.tolist(), 'values': flat[at].tolist()}
    (folder / 'openaiClip.json').write_text(json.dumps(samples) + '\n')


state()
openai()
for path in sorted(folder.iterdir()): print(path.name, path.stat().st_size)
