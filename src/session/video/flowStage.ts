import { z } from 'zod'
import { type ClipFlow, estimateClipFlow, type Flow, type FlowBeside } from '../../atlas/clipFlow.js'
import type { SafetensorsTensor } from '../../formats/safetensors.js'
import { readCheckpoint, tensorSchema, writeCheckpoint } from '../checkpoint.js'
import type { StageTools } from './clipSession.js'
import { checkpoints } from './videoFiles.js'

/** Pairs of frames in one checkpoint file: about 3 s of work and 13 MB at 768x432. */
const chunk = 8
/** For fewer pairs a thread that helps is not worth its beginning, which takes about as long as a pair. */
const LEAST_SHARED = 7

/**
 * The flow between all neighbouring frames, taken from checkpoints as far as there are some.
 * @throws INTERRUPTED, DISK_FULL, CHECKPOINT_*
 */
export async function flowStage({
  settings,
  input,
  store,
  machine,
  fingerprint,
  signal,
  report,
  emit,
  followControl,
}: StageTools): Promise<ClipFlow> {
  const { frames } = input
  const { width, height, pixels } = frames
  const pairs = pixels.length - 1
  const forward: Flow[] = []
  const backward: Flow[] = []
  let beside: FlowBeside | undefined
  const estimated = async (first: number): Promise<ClipFlow> => {
    if (pairs - first >= LEAST_SHARED) beside ??= machine.beside?.(settings.threads)?.openFlow()
    return await estimateClipFlow(
      { width, height, pixels: pixels.slice(first, first + chunk + 1) },
      { signal, beside, onProgress: (done) => report(first + done, pairs) },
    )
  }
  try {
    for (let first = 0; first < pairs; first += chunk) {
      const place = checkpoints.flow(first)
      const count = Math.min(chunk, pairs - first)
      const saved = await readCheckpoint(store, place, fingerprint, flowSchema(width, height, count))
      const part = saved === null ? await estimated(first) : unpack(saved.named, { width, height, pairs: count })
      if (saved === null) {
        emit({
          type: 'checkpoint',
          stage: 'flow',
          path: store.file(place.file),
          bytes: await writeCheckpoint(store, place, fingerprint, pack(part)),
        })
        await followControl()
      }
      forward.push(...part.forward)
      backward.push(...part.backward)
    }
  } finally {
    await beside?.close()
  }
  return { width, height, forward, backward }
}

/** Was all the flow of the clip computed before? */
export const hasFlow = async ({ input, store }: Pick<StageTools, 'input' | 'store'>): Promise<boolean> =>
  await store.has(flowFiles(input.frames.pixels.length).at(-1)!)

/** The files of the flow of a clip, in order. */
const flowFiles = (frames: number): string[] =>
  Array.from({ length: Math.ceil((frames - 1) / chunk) }, (_, i) => checkpoints.flow(i * chunk).file)

function pack({ width, height, forward, backward }: ClipFlow): Map<string, SafetensorsTensor> {
  const motion = new Int16Array((forward.length + backward.length) * 2 * width * height)
  const valid = new Uint8Array((forward.length + backward.length) * width * height)
  const all = [...forward, ...backward]
  all.forEach((flow, i) => {
    motion.set(flow.data, i * 2 * width * height)
    valid.set(flow.valid, i * width * height)
  })
  return new Map([
    ['motion', { dtype: 'I16', shape: [all.length, 2, height, width], bytes: new Uint8Array(motion.buffer) }],
    ['valid', { dtype: 'U8', shape: [all.length, height, width], bytes: valid }],
  ])
}

const flowSchema = (width: number, height: number, pairs: number) =>
  z.object({
    motion: tensorSchema('I16', [2 * pairs, 2, height, width]),
    valid: tensorSchema('U8', [2 * pairs, height, width]),
  })

function unpack(
  { motion, valid }: z.infer<ReturnType<typeof flowSchema>>,
  { width, height, pairs }: { readonly width: number; readonly height: number; readonly pairs: number },
): ClipFlow {
  const count = 2 * pairs
  const numbers = new Int16Array(new Uint8Array(motion.bytes).buffer)
  const size = width * height
  const flows = Array.from({ length: count }, (_, i): Flow => ({
    data: numbers.slice(i * 2 * size, (i + 1) * 2 * size),
    valid: new Uint8Array(valid.bytes.subarray(i * size, (i + 1) * size)),
  }))
  return { width, height, forward: flows.slice(0, count / 2), backward: flows.slice(count / 2) }
}
