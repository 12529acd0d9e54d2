import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import type { Runtime } from '../engine/runtime.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { chooseDevice } from './probeDevice.js'

/**
 * The engine on the device that the settings name, with their threads.
 * @throws DEVICE_UNAVAILABLE
 */
export async function openRuntime({ device, threads }: Pick<ImageSettings, 'device' | 'threads'>): Promise<Runtime> {
  return createNodeRuntime({ device: await chooseDevice(device), ...(threads > 0 ? { threads } : {}) })
}
