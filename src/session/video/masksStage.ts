import { z } from 'zod'
import type { ClipFlow } from '../../atlas/clipFlow.js'
import { foregroundMasks, type ForegroundHint, type ForegroundNotice } from '../../atlas/foregroundMasks.js'
import type { FloatImage } from '../../media/image.js'
import { dequantise, pixelImage, quantise } from '../../media/quantise.js'
import { objectTexts } from '../../method/video/layerTexts.js'
import { type OutlineFinder, withOutline } from '../../models/outline.js'
import { readCheckpoint, tensorSchema, writeCheckpoint } from '../checkpoint.js'
import { openGuidance, openOutline, runtimeOf } from '../openTrainer.js'
import { findInFrames, lookAt, salientAtPoint, unsaid } from './findInFrames.js'
import type { StageTools } from './clipSession.js'
import { checkpoints, videoFiles } from './videoFiles.js'

/**
 * The mask of the object in every frame, found as the settings say: from given masks, a point, a text, or else by what
 * stands out or moves. Written to `masks/` for people to look at, correct and give back with `--object`.
 * @throws MASK_*, GUIDANCE_*, INTERRUPTED, DISK_FULL, CHECKPOINT_*
 */
export async function masksStage(tools: StageTools, flow: ClipFlow): Promise<FloatImage[]> {
  const { input, store, fingerprint, signal, emit, report } = tools
  const { frames } = input
  const { width, height, pixels } = frames
  const schema = z.object({ masks: tensorSchema('U8', [pixels.length, height, width]) })
  const saved = await readCheckpoint(store, checkpoints.masks, fingerprint, schema)
  if (saved !== null) return unpack(saved.named.masks.bytes, width, height, pixels.length)
  const onNotice = ({ kind, frames: which }: ForegroundNotice): void =>
    emit({ type: 'note', message: `${notices[kind]}: ${frameList(which)}` })
  const found = await withHint(tools, (hint) =>
    foregroundMasks({ frames, flow, hint, signal, onProgress: report, onNotice }),
  )
  const bytes = new Uint8Array(pixels.length * height * width)
  for (const [t, mask] of found.entries()) bytes.set(quantise(mask, 8).data, t * height * width)
  const masks = unpack(bytes, width, height, pixels.length)
  await writePictures(tools, masks)
  const tensors = new Map([['masks', { dtype: 'U8', shape: [pixels.length, height, width], bytes }] as const])
  emit({
    type: 'checkpoint',
    stage: 'masks',
    path: store.file(checkpoints.masks.file),
    bytes: await writeCheckpoint(store, checkpoints.masks, fingerprint, tensors),
  })
  return masks
}

const notices: Readonly<Record<ForegroundNotice['kind'], string>> = {
  'empty-masks': 'empty masks count as not given, for frames',
  carried: 'the mask of the object was carried to frames',
  unmet:
    'the mask of the object was carried, since what stands out around it is not what the given masks hold, to frames',
  'looked-at': 'the mask of the object was carried, and what stands out there looked at closely, to frames',
  unseen: 'the object is not seen in frames',
}

/** "3, 7 to 9" */
function frameList(frames: readonly number[]): string {
  const runs: [number, number][] = []
  for (const t of frames) {
    const last = runs.at(-1)
    if (last !== undefined && last[1] === t - 1) last[1] = t
    else runs.push([t, t])
  }
  return runs.map(([from, to]) => (from === to ? String(from) : `${from} to ${to}`)).join(', ')
}

/** Runs `use` with how the foreground is named, while the models that it looks with are open. */
async function withHint<T>(
  { settings, input, machine, access, signal, emit, report }: StageTools,
  use: (hint: ForegroundHint) => Promise<T>,
): Promise<T> {
  const { frames } = input
  const { models, warm } = machine
  const tools = { signal, onProgress: report }
  const outlines = settings.relevancy === 'object'
  const { object: masks, point } = input
  if (masks !== null && (!outlines || frames.pixels.every((_, t) => masks.has(t))))
    return await use({ kind: 'masks', masks })
  if (masks === null && point !== null && !outlines) return await use({ kind: 'point', ...point })
  const runtime = await runtimeOf(machine, settings)
  const withFinder = async (find: (finder: OutlineFinder) => Promise<T>) =>
    await withOutline(await openOutline(models, warm), runtime, find)
  if (masks !== null) return await withFinder((finder) => use({ kind: 'masks', masks, look: lookAt(frames, finder) }))
  if (point !== null)
    return await withFinder(async (finder) => {
      const hint = await salientAtPoint(frames, point, finder, tools)
      const how = hint.standsOut
        ? 'the foreground is what stands out at the point; --object is surer'
        : 'the foreground is what grows from the point by motion and colour, since it is not alone in standing out there; --object or --region are surer'
      emit({ type: 'note', message: how })
      return await use(hint)
    })
  const region = objectTexts(settings)
  if (!outlines && region.length === 0) {
    emit({ type: 'note', message: `the foreground is what moves against the background, ${unsaid}` })
    return await use({ kind: 'motion' })
  }
  const guidance = region.length > 0 ? await openGuidance(settings, runtime, models, emit, signal, access, warm) : []
  const find = async (outline: OutlineFinder | null) => {
    const { hint, note } = await findInFrames(
      frames,
      { region, prompts: settings.prompt, truncate: settings.truncate },
      { guidance, outline, runtime },
      tools,
    )
    if (note !== null) emit({ type: 'note', message: note })
    return await use(hint)
  }
  return outlines ? await withFinder(find) : await find(null)
}

function unpack(bytes: Uint8Array, width: number, height: number, count: number): FloatImage[] {
  const size = width * height
  return Array.from({ length: count }, (_, t) =>
    dequantise(pixelImage(width, height, 1, bytes.subarray(t * size, (t + 1) * size))),
  )
}

async function writePictures({ store, machine }: StageTools, masks: readonly FloatImage[]): Promise<void> {
  await store.remove(videoFiles.masks)
  for (const [t, mask] of masks.entries())
    await store.write(
      `${videoFiles.masks}/${String(t).padStart(5, '0')}.png`,
      await machine.codec.encodePng(quantise(mask, 8)),
    )
}
