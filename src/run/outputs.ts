import { composeOutputs } from '../media/composeOutputs.js'
import type { FloatImage } from '../media/image.js'
import { lossesSvg } from '../media/lossesSvg.js'
import { atomicWrite } from '../media/node/atomicWrite.js'
import { encodeOra } from '../media/node/encodeOra.js'
import { encodePng } from '../media/node/encodePng.js'
import { encodePsd } from '../media/node/encodePsd.js'
import { refineLayer } from '../media/refineLayer.js'
import { outputFiles, type OutputName, type RunEvent, type StepEvent } from './events.js'
import type { ImageInput } from './imageInput.js'
import { readRunFile } from './runFile.js'
import type { RunFolder } from './runFolder.js'

/** Each output as the bytes of its file. */
export type OutputFiles = Readonly<Record<OutputName, Uint8Array>>

/**
 * All that an artist takes away, at the photo's own size.
 * @param layer RGBA at training size, straight alpha
 */
export async function makeOutputs(input: ImageInput, layer: FloatImage, steps: readonly StepEvent[]): Promise<OutputFiles> {
  const { photo, bounds, training } = input
  const full = within(bounds, refineLayer(photo.rgb, layer, training.photo))
  const { photo: ground, composite, edit, alpha, greenscreen } = composeOutputs(photo.rgb, full, photo.bitDepth, photo.alpha)
  const layers = { photo: ground, edit, composite }
  return {
    composite: await encodePng(composite),
    edit: await encodePng(edit),
    alpha: await encodePng(alpha),
    editOnGreenscreen: await encodePng(greenscreen),
    layersPsd: encodePsd(layers),
    layersOra: await encodeOra(layers),
    losses: new TextEncoder().encode(lossesSvg(steps)),
  }
}

/** Writes each output whole or not at all. */
export async function writeOutputs(folder: RunFolder, files: OutputFiles, emit: (event: RunEvent) => void): Promise<void> {
  for (const name of Object.keys(outputFiles) as OutputName[]) {
    const path = folder.file(outputFiles[name])
    await atomicWrite(path, files[name])
    emit({ type: 'output', name, path, bytes: files[name].byteLength })
  }
}

/** The outputs as they lie in a folder; null when one is missing. */
export async function readOutputs(folder: RunFolder): Promise<OutputFiles | null> {
  const names = Object.keys(outputFiles) as OutputName[]
  const files = await Promise.all(names.map((name) => readRunFile(folder.file(outputFiles[name]))))
  if (files.includes(null)) return null
  return Object.fromEntries(names.map((name, i) => [name, files[i]])) as unknown as OutputFiles
}

/** The layer with its alpha held inside the bounds at the photo's size. */
function within(bounds: FloatImage | null, layer: FloatImage): FloatImage {
  if (bounds === null) return layer
  const data = layer.data.slice()
  const alphaAt = 3 * layer.width * layer.height
  for (let i = 0; i < bounds.data.length; i++) data[alphaAt + i] = (data[alphaAt + i] ?? 0) * (bounds.data[i] ?? 0)
  return { ...layer, data }
}
