import { FastAtlas } from '../../atlas/fast/fastAtlas.js'
import type { LayeredAtlas } from '../../atlas/layeredAtlas.js'
import { NeuralAtlas } from '../../atlas/neural/neuralAtlas.js'
import type { Runtime } from '../../engine/runtime.js'
import { Text2LiveError } from '../../errors.js'
import { readSafetensors, writeSafetensors } from '../../formats/safetensors.js'
import { toFloat32 } from '../../formats/toFloat32.js'
import type { RunStore } from '../store.js'

/** An atlas that a file can hold. */
export type FittedAtlas = FastAtlas | NeuralAtlas

const kind = 'text2live layered atlas'
const version = '1'

/** An atlas as the bytes of its file. */
export const atlasBytes = (atlas: FittedAtlas, clip: string): Uint8Array =>
  writeSafetensors(atlas.toTensors(), { kind, version, method: atlas instanceof NeuralAtlas ? 'neural' : 'fast', clip })

/**
 * Writes an atlas, whole or not at all.
 * @param name of the file
 * @param clip SHA-256 of the frames it was fitted to
 * @returns the number of bytes
 * @throws DISK_FULL, OUTPUT_NOT_WRITABLE
 */
export async function writeAtlasFile(
  store: Pick<RunStore, 'write'>,
  name: string,
  atlas: FittedAtlas,
  clip: string,
): Promise<number> {
  const bytes = atlasBytes(atlas, clip)
  await store.write(name, bytes)
  return bytes.byteLength
}

/**
 * The atlas in a file, and the clip it was fitted to; null where there is no file.
 * @throws RUN_INVALID, SAFETENSORS_INVALID, CHECKPOINT_INVALID, ATLAS_INVALID
 */
export async function readAtlasFile(
  store: Pick<RunStore, 'file' | 'read'>,
  name: string,
  runtime: Runtime,
): Promise<{ readonly atlas: FittedAtlas; readonly clip: string } | null> {
  const bytes = await store.read(name)
  if (bytes === null) return null
  const path = store.file(name)
  const { metadata, tensors } = readSafetensors(bytes, path)
  const { method, clip = '' } = metadata
  if (metadata['kind'] !== kind || metadata['version'] !== version || (method !== 'fast' && method !== 'neural')) {
    throw new Text2LiveError(
      'ATLAS_INVALID',
      `Expected a layered atlas of this program in "${path}" ("${kind}", version ${version}); it is something else. ` +
        'Give the folder of a run, or one that "text2live atlas fit" made.',
    )
  }
  for (const [name, tensor] of tensors) {
    if (!/^B?F\d/.test(tensor.dtype) || toFloat32(tensor, name).every(Number.isFinite)) continue
    throw new Text2LiveError(
      'ATLAS_INVALID',
      `The atlas "${path}" holds values of "${name}" that are no finite numbers. Take another copy of it, or fit it again.`,
    )
  }
  return {
    atlas: method === 'neural' ? NeuralAtlas.fromTensors(tensors, { runtime }) : FastAtlas.fromTensors(tensors),
    clip,
  }
}

/** @throws ATLAS_MISMATCH when the atlas is of another number or size of frames than the clip has */
export function assertAtlasFits(
  atlas: LayeredAtlas,
  { width, height, pixels }: { readonly width: number; readonly height: number; readonly pixels: readonly unknown[] },
  name: string,
): void {
  if (atlas.frames === pixels.length && atlas.width === width && atlas.height === height) return
  throw new Text2LiveError(
    'ATLAS_MISMATCH',
    `The atlas "${name}" was fitted to ${atlas.frames} frames of ${atlas.width}x${atlas.height}; this clip has ${pixels.length} of ${width}x${height}. ` +
      `Use --frames ${atlas.frames} and --size ${Math.min(atlas.width, atlas.height)} with the clip it was fitted to, or fit another.`,
  )
}
