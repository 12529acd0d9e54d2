import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { loadOnnxRuntime } from '../engine/node/loadOnnxRuntime.js'
import { mayHaveCuda } from '../engine/node/mayHaveCuda.js'
import type { Device } from '../engine/runtime.js'
import { timeTraining } from '../method/probeStep.js'
import type { ImageSettings } from '../options/imageOptions.js'

/**
 * Whether a device works here, found out by using it, and how long a training step in small takes on it (`ProbeStep`).
 */
export type DeviceProbe =
  | { readonly device: Device; readonly works: true; readonly milliseconds: number }
  | { readonly device: Device; readonly works: false; readonly reason: string }

export const devices: readonly Device[] = ['cpu', 'webgpu', 'cuda']

/**
 * Whether the device works. A graphics driver may abort the process or write to stderr, so all but the CPU are tried in
 * a process of their own.
 */
async function probeDevice(device: Device): Promise<DeviceProbe> {
  if (device === 'cpu') return await probeHere(device)
  const script = fileURLToPath(new URL('./probeProcess.js', import.meta.url))
  return await new Promise((resolve) => {
    execFile(
      process.execPath,
      [script, device],
      { timeout: 30_000, env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' } },
      (error, stdout) => {
        const line = stdout.split('\n').find((text) => text.startsWith('{'))
        if (line !== undefined) resolve(JSON.parse(line) as DeviceProbe)
        else
          resolve({
            device,
            works: false,
            reason: `trying it ended the process (${error?.signal ?? error?.code ?? 'no answer'})`,
          })
      },
    )
  })
}

/** Each device, one after the other: side by side they would slow each other down. */
export async function probeDevices(): Promise<DeviceProbe[]> {
  const probes: DeviceProbe[] = []
  for (const device of devices) probes.push(await probeDevice(device))
  return probes
}

/** Tries a convolution whose result is known, then a training step in small: works or not, why, and how fast. */
export async function probeHere(device: Device): Promise<DeviceProbe> {
  try {
    return { device, works: true, milliseconds: await timeTraining(createNodeRuntime({ device })) }
  } catch (error) {
    return { device, works: false, reason: innermostReason(error) }
  }
}

/**
 * The device that a run uses. `auto` takes the fastest that works; every other choice is taken as asked, and the engine
 * refuses it with the reason if it does not work.
 *
 * @throws Text2LiveError DEPENDENCY_MISSING, TELEMETRY_ON
 */
export async function chooseDevice(asked: ImageSettings['device']): Promise<Device> {
  if (asked !== 'auto') return asked
  loadOnnxRuntime()
  const cards: DeviceProbe[] = []
  const tried = devices.filter((device) => device !== 'cpu' && (device !== 'cuda' || mayHaveCuda()))
  for (const device of tried) cards.push(await probeDevice(device))
  // Where nothing else works there is nothing to rank.
  if (!cards.some(({ works }) => works)) return 'cpu'
  const working = [...cards, await probeDevice('cpu')].filter((probe) => probe.works)
  return working.sort((a, b) => a.milliseconds - b.milliseconds)[0]!.device
}

/** ONNX Runtime's own words on one line, without our advice around them and without its source positions. */
function innermostReason(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const text = (cause instanceof Error ? cause.message : String(cause)).replaceAll(/\s+/g, ' ')
  return text
    .replace(/^\S*onnxruntime_src\S* .* was false\. /, '')
    .replace(/ Require stack: .*$/, '')
    .trim()
    .slice(0, 300)
}
