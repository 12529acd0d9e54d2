import type { SavedTensor } from './torchWriter.js'

/** A CLIP under OpenAI's names: one block each, width 64, 2 x 2 patches of 32 px, OpenAI's vocabulary. */
export function openaiTensors(): Map<string, SavedTensor> {
  const tensors = new Map<string, SavedTensor>()
  const put = (name: string, ...shape: number[]): void => {
    const data = new Float32Array(shape.reduce((product, n) => product * n)).map(
      (_, i) => Math.sin(i + name.length) / 8,
    )
    tensors.set(name, { shape, data })
  }
  const norm = (name: string): void => [`${name}.weight`, `${name}.bias`].forEach((each) => put(each, 64))
  const block = (name: string): void => {
    for (const [part, out, from] of [
      ['attn.out_proj', 64, 64],
      ['mlp.c_fc', 256, 64],
      ['mlp.c_proj', 64, 256],
    ] as const) {
      put(`${name}.${part}.weight`, out, from)
      put(`${name}.${part}.bias`, out)
    }
    put(`${name}.attn.in_proj_weight`, 192, 64)
    put(`${name}.attn.in_proj_bias`, 192)
    norm(`${name}.ln_1`)
    norm(`${name}.ln_2`)
  }
  put('visual.class_embedding', 64)
  put('visual.conv1.weight', 64, 3, 32, 32)
  put('visual.positional_embedding', 5, 64)
  norm('visual.ln_pre')
  norm('visual.ln_post')
  block('visual.transformer.resblocks.0')
  put('visual.proj', 64, 32)
  put('token_embedding.weight', 49408, 64)
  put('positional_embedding', 77, 64)
  block('transformer.resblocks.0')
  norm('ln_final')
  put('text_projection', 64, 32)
  return tensors
}
