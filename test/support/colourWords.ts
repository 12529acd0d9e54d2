import { smallClipConfig } from './smallClipConfig.js'
import type { Runtime } from '../../src/engine/runtime.js'
import { matmul, normalizeLength, reduceMean, reshape } from '../../src/engine/ops.js'
import { resizePicture } from '../../src/method/clipViews.js'
import type { GuidanceModel } from '../../src/models/guidance.js'
import { randomClip } from '../../src/models/randomClip.js'

/**
 * A guidance whose texts are colours: a cell of the image is as relevant to a text as its mean colour is, and the
 * picture's embedding is its mean colour. As coarse as CLIP, and its answers are known. `words` says what colour a word
 * stands for; all others stand for none.
 */
export async function colourWords(
  words: Readonly<Record<string, readonly [number, number, number]>>,
  runtime: Runtime,
): Promise<GuidanceModel> {
  const clip = await randomClip(
    smallClipConfig({ projection: 3, vision: { hidden_size: 8, intermediate_size: 8, image_size: 64, patch_size: 8 } }),
    runtime,
  )
  const meaning = (text: string): readonly number[] => {
    const known = text
      .toLowerCase()
      .split(/[^a-z]+/)
      .flatMap((word) => (Object.hasOwn(words, word) ? [words[word]!] : []))
    return [0, 1, 2].map((c) => known.reduce((sum, colour) => sum + colour[c]!, 0) / Math.max(known.length, 1))
  }
  return {
    ...clip,
    comparesTexts: true,
    tokenize: (text) => (/[a-z]/i.test(text) ? { ids: [0] } : { ids: [0], unread: { parts: [text], whole: true } }),
    encodeTexts: (texts) => Promise.resolve(Float32Array.from(texts.flatMap(meaning))),
    embed: (views) => reduceMean(reshape(views, [views.shape[0]!, 3, views.shape[2]! * views.shape[3]!]), [2]),
    relevancy(image, texts) {
      const [height, width] = [image.shape[2]! / clip.cell, image.shape[3]! / clip.cell]
      const cells = reshape(resizePicture(image, { height, width }, true), [3, height * width])
      return reshape(matmul(normalizeLength(texts), cells), [texts.shape[0]!, 1, height, width])
    },
  }
}
