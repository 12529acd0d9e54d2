import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Graph } from '../engine/graph.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { loadOnnxRuntime } from '../engine/node/loadOnnxRuntime.js'
import { conv2d } from '../engine/ops.js'
import type { Device } from '../engine/runtime.js'
import { Text2LiveError } from '../errors.js'
import type { ImageSettings } from '../options/imageOptions.js'

/** Whether a device works here, found out by using it. */
export type DeviceProbe =
  | { readonly device: Device; readonly works: true; readonly milliseconds: number }
  | { readonly device: Device; readonly works: false; readonly reason: string }

export const devices: readonly Device[] = ['cpu', 'webgpu', 'cuda']

const channels = 32
const side = 128

/**
 * Whether the device works. A graphics driver may abort the process or write to stderr, so all but the CPU are tried in a process
 * of their own.
 */
export async function probeDevice(device: Device): Promise<DeviceProbe> {
  if (device === 'cpu') return await probeHere(device)
  const script = fileURLToPath(new URL('./probeProcess.js', import.meta.url))
  return await new Promise((resolve) => {
    execFile(process.execPath, [script, device], { timeout: 30_000, env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' } }, (error, stdout) => {
      const line = stdout.split('\n').find((text) => text.startsWith('{'))
      if (line !== undefined) resolve(JSON.parse(line) as DeviceProbe)
      else resolve({ device, works: false, reason: `trying it ended the process (${error?.signal ?? error?.code ?? 'no answer'})` })
    })
  })
}

/** Compiles one convolution of the generator's kind on the device and runs it: works or not, why, and how fast. */
export async function probeHere(device: Device): Promise<DeviceProbe> {
  try {
    const graph = new Graph()
    const image = graph.input('image', [1, channels, side, side])
    const kernel = graph.input('kernel', [channels, channels, 3, 3])
    const output = conv2d(image, kernel, { stride: 1, pads: [1, 1, 1, 1], groups: 1 })
    const runtime = createNodeRuntime({ device })
    const program = await runtime.compile(graph, { output })
    const feeds = {
      image: new runtime.Tensor('float32', new Float32Array(channels * side * side).fill(1), image.shape),
      kernel: new runtime.Tensor('float32', new Float32Array(channels * channels * 9).fill(0.01), kernel.shape),
    }
    try {
      const milliseconds: number[] = []
      for (let run = 0; run < 4; run++) {
        const start = performance.now()
        const centre = Number((await program.run(feeds))['output']?.data[(side / 2) * side + side / 2])
        milliseconds.push(performance.now() - start)
        const expected = channels * 9 * 0.01
        if (!(Math.abs(centre - expected) < 1e-3)) return { device, works: false, reason: `it computes ${centre} where ${expected} is right` }
      }
      return { device, works: true, milliseconds: Math.min(...milliseconds) }
    } finally {
      await program.release()
    }
  } catch (error) {
    return { device, works: false, reason: innermostReason(error) }
  }
}

/**
 * The device that a run uses. `auto` takes the fastest that works; every other choice is taken as asked, and the engine refuses
 * it with the reason if it does not work.
 *
 * @throws Text2LiveError DEVICE_UNAVAILABLE, DEPENDENCY_MISSING, TELEMETRY_ON
 */
export async function chooseDevice(asked: ImageSettings['device']): Promise<Device> {
  if (asked !== 'auto') return asked
  loadOnnxRuntime()
  const working = (await Promise.all(devices.map(probeDevice))).filter((probe) => probe.works)
  const [best] = working.sort((a, b) => a.milliseconds - b.milliseconds)
  if (best !== undefined) return best.device
  throw new Text2LiveError('DEVICE_UNAVAILABLE', 'ONNX Runtime works on no device here, not even the CPU. Run "text2live doctor" for the reasons.')
}

/** ONNX Runtime's own words on one line, without our advice around them and without its source positions. */
function innermostReason(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const text = (cause instanceof Error ? cause.message : String(cause)).replaceAll(/\s+/g, ' ')
  return text.replace(/^\S*onnxruntime_src\S* .* was false\. /, '').replace(/ Require stack: .*$/, '').trim().slice(0, 300)
}
