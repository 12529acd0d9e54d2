import { Text2LiveError } from '../errors.js'
import { exportStep } from '../method/exportStep.js'
import { atomicWrite } from '../media/node/atomicWrite.js'
import type { GivenOptions } from '../options/imageOptions.js'
import { assertRegionMap, resolveSettings } from '../options/resolveSettings.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { openGuidance } from './buildTrainer.js'
import { drawSeed } from '../session/savedRun.js'

/**
 * Writes the training step of these options, on a square photo of `size` px, as an ONNX file.
 * @returns the number of bytes
 * @throws OPTION_INVALID, GUIDANCE_*, OUTPUT_NOT_WRITABLE, DISK_FULL
 */
export async function writeStepGraph(options: GivenOptions, out: string): Promise<number> {
  // One wording of each text; the words themselves are fed as embeddings and are not part of the graph.
  const settings = resolveSettings([{ prompt: ['image'], region: ['image'] }, options], drawSeed)
  assertRegionMap([options], settings)
  if (settings.size === 0)
    throw new Text2LiveError(
      'OPTION_INVALID',
      '--size 0 means the size of a photo, and there is no photo here. Give a number from 192.',
    )
  const guidance = await openGuidance(settings, createNodeRuntime({ device: 'cpu' }))
  const bytes = exportStep({ size: settings.size, settings, guidance })
  await atomicWrite(out, bytes)
  return bytes.byteLength
}
