import { ALL_FORMATS, BufferTarget, Input, UrlSource } from 'mediabunny'
import {
  type ClipTiming,
  type Device,
  type EncodeOptions,
  type GivenOptions,
  type ReadClipOptions,
  type Runtime,
  Text2LiveError,
  createBundledTokenizer,
  createRuntime,
  decodeVideo,
  encodeVideo,
  fetchSource,
  type HostJob,
  type JobResult,
  loadGuidance,
  OpfsRuns,
  runInWebWorker,
  type RunEvent,
} from '../../src/core.js'
import { readOpFixture } from '../ops/opFixture.js'
import { runOpCase } from '../ops/runOpCase.js'
import './clipPage.js'
import { type Losses, tinyClip, twoSteps } from '../support/twoSteps.js'

/** A job whose pictures are base64. */
export type PageJob = {
  [K in PhotoJobKind]: Omit<Extract<HostJob, { kind: K }>, 'photo' | 'mask'> &
    (K extends 'image' ? { photo: string; mask: string | null } : K extends 'relevancy' ? { photo: string } : object)
}[PhotoJobKind]

type PhotoJobKind = Exclude<HostJob['kind'], 'video'>

/** What the test asks of the page. */
export interface Page {
  readonly isolated: boolean
  /** Mismatches with the oracle by case: every op whose name `ops` holds, or all. */
  runOps(device: Device, ops?: readonly string[]): Promise<{ count: number; failures: string[] }>
  /** Token ids by CLIP's own tokenizer. */
  tokenize(texts: readonly string[]): Promise<(readonly number[])[]>
  runSteps(device: Device, model: 'starter' | 'tinyClip', options: GivenOptions): Promise<Losses[]>
  /**
   * Does a job in a worker; `stopAt` stops it after that step. Photo and mask are base64.
   * @returns the result and the events' types, or the code of the error
   */
  runJob(
    job: PageJob,
    stopAt?: number,
  ): Promise<{ result: JobResult; events: string[]; notes: string[] } | { code: string; message: string }>
  /** A file of a run, as base64; null where there is none. */
  readRun(name: string, file: string): Promise<string | null>
  runNames(): Promise<string[]>
  /** The clip at an address of this server; each frame as base64. */
  decodeClip(
    address: string,
    options: Pick<ReadClipOptions, 'frames' | 'size'>,
  ): Promise<{ width: number; height: number; timing: ClipTiming; frames: string[] }>
  /** The bytes of a file as base64, of frames as base64; or the code of the error. */
  encodeClip(
    format: EncodeOptions['format'],
    width: number,
    height: number,
    timing: ClipTiming,
    frames: readonly string[],
  ): Promise<{ file: string } | { code: string }>
}

async function openRuntime(device: Device): Promise<Runtime> {
  const ort = device === 'webgpu' ? await import('onnxruntime-web/webgpu') : await import('onnxruntime-web/wasm')
  ort.env.wasm.wasmPaths = '/ort/'
  ort.env.wasm.numThreads = 2
  return createRuntime(ort, { device, strictDevice: true })
}

function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 1 << 15) text += String.fromCharCode(...bytes.subarray(at, at + (1 << 15)))
  return btoa(text)
}

const fromBase64 = (text: string) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0))

function jobOf(asked: PageJob): HostJob {
  const picture = (name: string, base64: string) => ({ name, bytes: fromBase64(base64) })
  if (asked.kind === 'relevancy') return { ...asked, photo: picture('photo.png', asked.photo) }
  if (asked.kind !== 'image') return asked
  const mask = asked.mask === null ? null : picture('mask.png', asked.mask)
  return { ...asked, photo: picture('photo.png', asked.photo), mask }
}

const page: Page = {
  isolated: crossOriginIsolated,

  async runOps(device, ops) {
    const runtime = await openRuntime(device)
    const [json, tensors] = await Promise.all([fetch('/fixtures/ops.json'), fetch('/fixtures/ops.safetensors')])
    const fixture = readOpFixture(await json.text(), new Uint8Array(await tensors.arrayBuffer()))
    const cases = fixture.cases.filter(({ op }) => ops?.includes(op) ?? true)
    const failures: string[] = []
    for (const one of cases) {
      try {
        failures.push(...(await runOpCase(runtime, fixture, one)))
      } catch (error) {
        failures.push(`${one.name}: ${String(error)}`)
      }
    }
    return { count: cases.length, failures }
  },

  async tokenize(texts) {
    const vocabulary = await fetch('/models/clip-bpe/bpe_simple_vocab_16e6.txt.gz')
    const tokenizer = await createBundledTokenizer(new Uint8Array(await vocabulary.arrayBuffer()))
    return texts.map((text) => tokenizer(text).ids)
  },

  async runSteps(device, model, options) {
    const runtime = await openRuntime(device)
    const guidance =
      model === 'starter'
        ? await loadGuidance(fetchSource('/models/starter'), runtime)
        : await tinyClip(fetchSource('/fixtures/tinyClip'), runtime)
    return await twoSteps(runtime, guidance, fetchSource('/models/outline'), options)
  },

  async runJob(asked, stopAt) {
    const job = jobOf(asked)
    const worker = new Worker(new URL('./jobWorker.ts', import.meta.url), { type: 'module' })
    const events: RunEvent[] = []
    try {
      await new Promise((resolve, reject) => {
        worker.addEventListener('message', resolve, { once: true })
        worker.addEventListener('error', (event) => reject(new Error(event.message)))
      })
      const run = runInWebWorker(worker, job, (event) => {
        events.push(event)
        if (event.type === 'step' && event.step === stopAt) run.stop()
      })
      const result = await run.result
      return {
        result,
        events: events.map(({ type }) => type),
        notes: events.flatMap((event) => (event.type === 'note' ? [event.message] : [])),
      }
    } catch (error) {
      if (error instanceof Text2LiveError) return { code: error.code, message: error.message }
      throw error
    } finally {
      worker.terminate()
    }
  },

  async readRun(name, file) {
    const store = await new OpfsRuns().open(name)
    try {
      const bytes = await store.read(file)
      return bytes && toBase64(bytes)
    } finally {
      store.release()
    }
  },

  runNames: () => new OpfsRuns().names(),

  async decodeClip(address, options) {
    const input = new Input({ source: new UrlSource(address), formats: ALL_FORMATS })
    try {
      const {
        frames: { width, height, pixels },
        timing,
      } = await decodeVideo(input, address, options)
      return { width, height, timing, frames: pixels.map(toBase64) }
    } finally {
      input.dispose()
    }
  },

  async encodeClip(format, width, height, timing, frames) {
    const target = new BufferTarget()
    try {
      await encodeVideo(target, { format, width, height, timing, frames: frames.map(fromBase64) })
    } catch (error) {
      if (error instanceof Text2LiveError) return { code: error.code }
      throw error
    }
    return { file: toBase64(new Uint8Array(target.buffer!)) }
  },
}

Object.assign(globalThis, { page })
