import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Safetensors,
  type SafetensorsTensor,
  float32Tensor,
  readSafetensors,
  writeSafetensors,
} from '../../src/formats/safetensors.js'
import { toFloat32 } from '../../src/formats/toFloat32.js'
import { atomicWrite } from '../../src/media/node/atomicWrite.js'
import { toHalf } from './toHalf.js'

export interface ExportOptions {
  readonly parts: string
  readonly checkpoint: string
  /** Folder of the config.json, which the model keeps. */
  readonly config: string
  readonly out: string
  /**
   * The weights are those at this share of the way from a finished model to what was learned (Wortsman et al. 2022).
   */
  readonly between?: { readonly model: string; readonly share: number } | undefined
}

/**
 * Writes a trained model in the layout `text2live-starter-1`, but for its fixtures (fixtures.py) and what SHA256SUMS
 * says of them.
 */
export async function exportModel({ parts, checkpoint, config, out, between }: ExportOptions): Promise<void> {
  const open = (path: string): Safetensors => readSafetensors(new Uint8Array(readFileSync(path)), path)
  const learned = new Map(open(checkpoint).tensors)
  if (between !== undefined) {
    const first = ['image', 'text'].flatMap((name) => [...open(join(between.model, `${name}.safetensors`)).tensors])
    for (const [name, tensor] of first) {
      const reached = learned.get(name)
      if (reached !== undefined) learned.set(name, mixed(tensor, reached, between.share))
    }
  }
  const image = new Map(open(join(parts, 'trunk.safetensors')).tensors)
  for (const [name, tensor] of learned) {
    if (!name.startsWith('head.') || name.includes(' ')) continue
    image.set(name, name.startsWith('head.token.') ? tensor : half(tensor))
  }
  const text = new Map(open(join(parts, 'text.safetensors')).tensors)
  text.set('text_projection.weight', learned.get('text_projection.weight')!)
  const files: Record<string, Uint8Array> = {
    'config.json': readFileSync(join(config, 'config.json')),
    'image.safetensors': writeSafetensors(image, { format: 'starter-image-1' }),
    'text.safetensors': writeSafetensors(text, { format: 'starter-text-1' }),
    'tokenizer.json': readFileSync(join(parts, 'tokenizer.json')),
    'tokenizer_config.json': readFileSync(join(parts, 'tokenizer_config.json')),
  }
  mkdirSync(out, { recursive: true })
  for (const [name, bytes] of Object.entries(files)) await atomicWrite(join(out, name), bytes)
  const sums = Object.entries(files).map(
    ([name, bytes]) => `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`,
  )
  await atomicWrite(join(out, 'SHA256SUMS'), sums.join(''))
}

function mixed(from: SafetensorsTensor, to: SafetensorsTensor, share: number): SafetensorsTensor {
  const first = toFloat32(from)
  return float32Tensor(
    to.shape,
    toFloat32(to).map((x, i) => first[i]! * (1 - share) + x * share),
  )
}

function half(tensor: SafetensorsTensor): SafetensorsTensor {
  const bits = toHalf(toFloat32(tensor))
  return { dtype: 'F16', shape: tensor.shape, bytes: new Uint8Array(bits.buffer) }
}
