import { createRuntime, type Device, type OrtModule, type Runtime } from '../../engine/runtime.js'
import { Text2LiveError } from '../../errors.js'
import { browserCodec } from '../../media/web/browserCodec.js'
import { fetchSource, type FileSource } from '../../models/fileSource.js'
import { timeTraining } from '../../method/probeStep.js'
import type { ModelOpener } from '../openTrainer.js'
import type { JobMachine, Runs } from '../runJob.js'
import { browserClips } from './browserClips.js'
import { OpfsRuns } from './opfsStore.js'

/** What a page brings for runs in its worker. */
export interface BrowserMachineOptions {
  /** `onnxruntime-web/wasm` or `onnxruntime-web/webgpu`, with `env.wasm` set up. */
  readonly ort: OrtModule
  /**
   * The models that the program carries (`starter`, `outline`, `start`): the address of the folder that holds theirs,
   * or what gives the files of one.
   */
  readonly models: string | ((name: string) => FileSource)
  /** The files of other guidance models, by the name that a setting has. @throws GUIDANCE_NOT_FOUND */
  readonly guidance?: (name: string) => Promise<FileSource>
  readonly runs?: Runs
}

/** A browser's worker as a machine for jobs: runs in the origin-private file system, models from an address. */
export function browserMachine({
  ort,
  models: carried,
  guidance,
  runs = new OpfsRuns(),
}: BrowserMachineOptions): JobMachine {
  const sourceOf =
    typeof carried === 'string' ? (name: string) => fetchSource(`${carried.replace(/\/$/, '')}/${name}`) : carried
  const sources = new Map<string, FileSource>()
  /** One for each folder, so that its files are fetched once for all jobs. */
  const bundled = (name: string): FileSource => {
    const known = sources.get(name) ?? sourceOf(name)
    sources.set(name, known)
    return known
  }
  const models: ModelOpener = {
    guidance: async (name) => {
      if (name === 'starter') return bundled(name)
      if (guidance !== undefined) return await guidance(name)
      throw new Text2LiveError(
        'GUIDANCE_NOT_FOUND',
        `Expected the guidance "starter", which is here; there is no "${name}". Give its files to browserMachine.`,
      )
    },
    bundled: (name) => Promise.resolve(bundled(name)),
  }
  const runtimeOn = (device: Device): Runtime => createRuntime(ort, { device })
  return {
    codec: browserCodec,
    forClips: browserClips,
    models,
    runs,
    runtime: async ({ device }) => runtimeOn(device === 'auto' ? await chosen() : device),
    device: async (asked) => (asked === 'auto' ? await chosen() : asked),
  }

  /** WebGPU where a step's kind of work is right on it and faster than on the CPU. */
  async function chosen(): Promise<Device> {
    if (!('gpu' in navigator)) return 'cpu'
    try {
      const card = await timeTraining(runtimeOn('webgpu'))
      return card < (await timeTraining(runtimeOn('cpu'))) ? 'webgpu' : 'cpu'
    } catch (error) {
      if (error instanceof Text2LiveError) return 'cpu'
      throw error
    }
  }
}
