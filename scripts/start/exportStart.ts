import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type SafetensorsTensor, writeSafetensors } from '../../src/formats/safetensors.js'
import { atomicWrite } from '../../src/media/node/atomicWrite.js'
import { toHalf } from '../starter/toHalf.js'
import { readStart } from './trainStart.js'

/** Writes a trained start in the layout `text2live-start-1`, in half precision. */
export async function exportStart(checkpoint: string, seed: number, out: string): Promise<void> {
  const {
    start: {
      shape,
      parameters,
      conditioned: { guidance, embeddingWidth, names, weight, phrases },
    },
    k,
  } = readStart(checkpoint, seed)
  const half = (dims: readonly number[], data: Float32Array): SafetensorsTensor => ({
    dtype: 'F16',
    shape: dims,
    bytes: new Uint8Array(toHalf(data).buffer),
  })
  const config = {
    format: 'text2live-start-2',
    seen: k,
    generator: shape,
    conditioned: { guidance, embedding_width: embeddingWidth, names, phrases: phrases.texts },
  }
  const files: Record<string, Uint8Array> = {
    'config.json': new TextEncoder().encode(`${JSON.stringify(config, null, 2)}\n`),
    'start.safetensors': writeSafetensors(
      new Map([
        ['parameters', half([parameters.length], parameters)],
        ['conditioned', half([weight.length / embeddingWidth, embeddingWidth], weight)],
        ...(phrases.texts.length > 0
          ? [['phrases', half([phrases.texts.length, embeddingWidth], phrases.directions)] as const]
          : []),
      ]),
      { format: 'text2live-start-2' },
    ),
  }
  mkdirSync(out, { recursive: true })
  for (const [name, bytes] of Object.entries(files)) await atomicWrite(join(out, name), bytes)
  const sums = Object.entries(files).map(
    ([name, bytes]) => `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`,
  )
  await atomicWrite(join(out, 'SHA256SUMS'), sums.join(''))
}
