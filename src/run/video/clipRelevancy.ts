import type { Runtime } from '../../engine/runtime.js'
import { frameImage, type ClipFrames } from '../../media/clipFrames.js'
import type { FloatImage } from '../../media/image.js'
import { resize } from '../../media/resample.js'
import { roughRelevancy } from '../../method/relevancyMap.js'
import { embedRegion } from '../../method/textTargets.js'
import type { GuidanceModel } from '../../models/guidance.js'

/** Frames that are asked about, spread over the clip: one answer is vague, many agree on the object. */
const asked = 12
/** Short side of the pictures that the models see, px: that of a photo with the preset `fast`. */
const side = 256

/**
 * Where guidance models see the texts in some frames of a clip: coarse maps of the frames' size in [0, 1], by frame.
 * @throws PROMPT_TOO_LONG unless `truncate`, PROMPT_NOT_UNDERSTOOD; the signal's reason
 */
export async function clipRelevancy(
  frames: ClipFrames, region: readonly string[], truncate: boolean, models: readonly GuidanceModel[], runtime: Runtime,
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: (done: number, total: number) => void },
): Promise<Map<number, FloatImage>> {
  const questions = []
  for (const model of models) questions.push({ model, texts: await embedRegion(model, region, truncate) })
  const count = Math.min(asked, frames.pixels.length)
  const maps = new Map<number, FloatImage>()
  const { width, height } = frames
  const scale = side / Math.min(width, height)
  for (let i = 0; i < count; i++) {
    signal.throwIfAborted()
    const t = Math.round((i + 0.5) * frames.pixels.length / count - 0.5)
    const small = resize(frameImage(frames, t), Math.round(width * scale), Math.round(height * scale), { filter: 'bilinear', antialias: true })
    maps.set(t, resize(await roughRelevancy(small, questions, runtime), width, height, { filter: 'bilinear', antialias: true }))
    onProgress(i + 1, count)
  }
  return maps
}
