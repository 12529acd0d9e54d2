import type { Tensor } from 'onnxruntime-common'
import type { Program, Runtime } from '../../src/engine/runtime.js'

/**
 * A runtime whose outputs lie on a device of their own where the caller asked for that: they cannot be read there, and
 * stay until they are disposed of.
 */
export interface DeviceRuntime extends Runtime {
  /** Tensors on the device, uploads left out. */
  readonly alive: ReadonlySet<Tensor>
}

/** The CPU, seen as ONNX Runtime shows WebGPU: reading a tensor that lies there ends the process, here it throws. */
export function deviceRuntime(cpu: Runtime): DeviceRuntime {
  const alive = new Set<Tensor>()
  const behind = new WeakMap<Tensor, Tensor>()
  const place = (tensor: Tensor): Tensor => {
    const refuse = () => {
      throw new Error('read on the device')
    }
    const placed = {
      location: 'gpu-buffer',
      dims: tensor.dims,
      type: tensor.type,
      size: tensor.size,
      get data() {
        return refuse()
      },
      getData: () => Promise.reject(new Error('read on the device')),
      dispose() {
        alive.delete(placed)
      },
    } as unknown as Tensor
    behind.set(placed, tensor)
    alive.add(placed)
    return placed
  }
  const read = (tensor: Tensor): Tensor => {
    const values = behind.get(tensor)
    if (values && !alive.has(tensor)) throw new Error('read after it was freed')
    return values ?? tensor
  }
  return {
    ...cpu,
    alive,
    async compile(graph, outputs, options): Promise<Program> {
      const program = await cpu.compile(graph, outputs, options)
      return {
        ...program,
        async run(feeds) {
          const fed = Object.entries(feeds).map(
            ([name, feed]) => [name, feed instanceof Float32Array ? feed : read(feed)] as const,
          )
          const results = await program.run(Object.fromEntries(fed))
          return Object.fromEntries(
            Object.entries(results).map(([name, tensor]) => [
              name,
              options?.keepOnDevice?.includes(name) ? place(tensor) : tensor,
            ]),
          )
        },
      }
    },
    download: (tensor) => cpu.download(read(tensor)),
  }
}
