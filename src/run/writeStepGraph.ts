import { exportStep } from '../method/exportStep.js'
import { atomicWrite } from '../media/node/atomicWrite.js'
import type { GivenOptions } from '../options/imageOptions.js'
import { resolveSettings } from '../options/resolveSettings.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { openGuidance } from './buildTrainer.js'
import { drawSeed } from './startRun.js'

/**
 * Writes the training step of these options, on a square photo of `size` px, as an ONNX file.
 * @returns the number of bytes
 * @throws OPTION_INVALID, GUIDANCE_*, OUTPUT_NOT_WRITABLE, DISK_FULL
 */
export async function writeStepGraph(options: GivenOptions, out: string): Promise<number> {
  const settings = resolveSettings([{ region: ['image'] }, options], drawSeed)
  const guidance = await openGuidance(settings, createNodeRuntime({ device: 'cpu' }))
  const bytes = await exportStep({ size: settings.size, settings, guidance })
  await atomicWrite(out, bytes)
  return bytes.byteLength
}
