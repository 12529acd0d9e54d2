import { textTemplates } from '../../src/method/textTemplates.js'
import type { GuidanceModel } from '../../src/models/guidance.js'
import { type Phrases, unit } from '../../src/models/phraseReading.js'
import { colours } from '../starter/colours.js'
import { finishes } from '../starter/finishes.js'
import { materials, substances } from '../starter/materials.js'
import { formsOf } from '../starter/texts.js'

/** Every phrase that lessons say a look by, "{}" in the place of the thing. */
export function lookForms(): string[] {
  return [
    ...new Set([
      ...colours.flatMap((_, index) => formsOf({ of: 'colour', index, shade: { hue: 0, light: 0 } })),
      ...[...materials, ...substances, ...finishes].flatMap(({ forms }) => forms),
    ]),
  ]
}

/** Three of the published templates, of unlike length: more of them hardly move the means. */
const templates = [0, 5, 10].map((i) => textTemplates[i]!)

/**
 * The directions of phrases, [forms, D], each of length 1, by a model that reads texts: the mean over things, and over
 * some of the texts' templates.
 * @param things names of what the phrases may be said of
 */
export async function phraseDirections(
  guidance: Pick<GuidanceModel, 'encodeTexts' | 'embeddingWidth'>,
  forms: readonly string[],
  things: readonly string[],
): Promise<Phrases> {
  const d = guidance.embeddingWidth
  const said = (text: string): string[] => templates.map((template) => template.replace('{}', text))
  const rowsOf = async (texts: readonly string[]): Promise<Float32Array> =>
    await guidance.encodeTexts(texts.flatMap(said), { truncate: true })
  const plain = await rowsOf(things)
  const directions = new Float32Array(forms.length * d)
  for (const [k, form] of forms.entries()) {
    const rows = await rowsOf(things.map((thing) => form.replace('{}', thing)))
    const sum = new Float32Array(d)
    for (let i = 0; i < things.length; i++) {
      const change = new Float32Array(d)
      for (let at = i * templates.length * d; at < (i + 1) * templates.length * d; at++)
        change[at % d]! += rows[at]! - plain[at]!
      unit(change).forEach((x, j) => (sum[j]! += x))
    }
    directions.set(unit(sum), k * d)
  }
  return { texts: forms, directions }
}
