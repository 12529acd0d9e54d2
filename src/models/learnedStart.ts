import { z } from 'zod'
import { Text2LiveError } from '../errors.js'
import type { FileSource } from './fileSource.js'
import { type GeneratorShape, generatorParameters, parameterCount } from './generator.js'
import { type Phrases, type Reading, noPhrases, readDirection, unit } from './phraseReading.js'
import { type WeightFile, openWeightFile, readJson } from './weightFile.js'

/**
 * First weights of the generator that a few steps turn into any edit: learned over many photos and prompts, with an
 * offset of some weights that is linear in the direction of the texts as it is read (scripts/start), so that the first
 * picture already shows the colour or material that the prompt asks for.
 */
export interface LearnedStart {
  readonly shape: GeneratorShape
  /** Flat, in the order of `generatorParameters`. */
  readonly parameters: Float32Array
  /** What depends on the texts, for one guidance model. */
  readonly conditioned: ConditionedPart
}

export interface ConditionedPart {
  /** The guidance model whose texts it reads, and the width D of their embeddings. */
  readonly guidance: string
  readonly embeddingWidth: number
  /** Parameters that are offset, by name: C numbers in all, in the order of the flat vector. */
  readonly names: readonly string[]
  /** [C, D], row-major. */
  readonly weight: Float32Array
  /** How the looks that it was taught are said: it reads directions of texts by these (`readDirection`). */
  readonly phrases: Phrases
}

/** How far from 1 a direction in half precision may be. */
const LENGTH_TOLERANCE = 0.01

const configSchema = z.object({
  // Of the first, texts are not read by phrases.
  format: z.enum(['text2live-start-1', 'text2live-start-2']),
  generator: z.object({
    width: z.int().min(1).max(1024),
    skipWidth: z.int().min(1).max(64),
    levels: z.int().min(1).max(9),
  }),
  conditioned: z.object({
    guidance: z.string().min(1),
    embedding_width: z.int().min(1).max(8192),
    names: z.array(z.string()),
    phrases: z
      .array(z.string().refine((text) => text.split('{}').length === 2, 'a phrase has one {}'))
      .max(4096)
      .refine((texts) => new Set(texts).size === texts.length, 'a phrase stands there twice')
      .default([]),
  }),
})

/**
 * Loads learned first weights from a folder laid out as models/start.
 * @throws GUIDANCE_INVALID for missing files, tensors or numbers; SAFETENSORS_INVALID
 */
export async function loadStart(source: FileSource): Promise<LearnedStart> {
  const path = `${source.location}/config.json`
  const parsed = configSchema.safeParse(await readJson(source, 'config.json'))
  if (!parsed.success) {
    const problems = parsed.error.issues
      .slice(0, 3)
      .map(({ path: at, message }) => `${at.join('.')}: ${message}`)
      .join('; ')
    throw new Text2LiveError(
      'GUIDANCE_INVALID',
      `Expected ${path} to describe first weights of the generator: ${problems}. Copy the folder again.`,
    )
  }
  const {
    generator: shape,
    conditioned: { guidance, embedding_width: embeddingWidth, names, phrases: texts },
  } = parsed.data
  const known = new Set(generatorParameters(shape).map(({ name }) => name))
  const unknown = names.find((name) => !known.has(name))
  if (unknown !== undefined)
    throw new Text2LiveError(
      'GUIDANCE_INVALID',
      `Expected ${path} to name parameters of its generator; "${unknown}" is none. Copy the folder again.`,
    )
  const count = conditionedIndices(shape, names).length
  const file = await openWeightFile(
    source,
    'start.safetensors',
    new Map([
      ['parameters', [parameterCount(shape)]],
      ['conditioned', [count, embeddingWidth]],
      ...(texts.length > 0 ? [['phrases', [texts.length, embeddingWidth]] as const] : []),
    ]),
  )
  const weights = await file.weights(['parameters', 'conditioned', ...(texts.length > 0 ? ['phrases'] : [])])
  const phrases = texts.length > 0 ? { texts, directions: weights.get('phrases')!.data } : noPhrases
  checkPhrases(phrases, file)
  return {
    shape,
    parameters: weights.get('parameters')!.data,
    conditioned: { guidance, embeddingWidth, names, weight: weights.get('conditioned')!.data, phrases },
  }
}

/** @throws GUIDANCE_INVALID for phrases that are not listed, or that are no directions */
function checkPhrases({ texts, directions }: Phrases, { path, header }: WeightFile): void {
  const width = directions.length / texts.length
  const off = texts.findIndex(
    (_, i) => Math.abs(Math.hypot(...directions.subarray(i * width, (i + 1) * width)) - 1) > LENGTH_TOLERANCE,
  )
  const problem =
    off >= 0
      ? `the direction of "${texts[off]!}" is not of length 1`
      : texts.length === 0 && header.entries.has('phrases')
        ? 'config.json lists none of its phrases'
        : null
  if (problem)
    throw new Text2LiveError('GUIDANCE_INVALID', `Expected ${path} to hold phrases: ${problem}. Copy the folder again.`)
}

/** Whether a generator of this shape can start from it. */
export const startFits = ({ shape }: LearnedStart, { width, skipWidth, levels }: GeneratorShape): boolean =>
  shape.width === width && shape.skipWidth === skipWidth && shape.levels === levels

/**
 * A direction of texts [D], of any length, as the start reads it: from what the photo shows to the prompt, by the
 * guidance model that it was learned with. A start without phrases takes every direction wholly as it is.
 */
export const readTexts = ({ conditioned: { phrases } }: LearnedStart, direction: Float32Array): Reading =>
  phrases.texts.length > 0 ? readDirection(direction, phrases) : { direction: unit(direction), heard: [], share: 1 }

/**
 * The first weights for an edit.
 * @param reading of its texts' direction by this start; null for texts of another model
 */
export function startParameters(
  { shape, parameters, conditioned: { names, weight } }: LearnedStart,
  reading: Reading | null,
): Float32Array {
  const flat = parameters.slice()
  if (reading === null) return flat
  const { direction: read } = reading
  const width = read.length
  conditionedIndices(shape, names).forEach((at, row) => {
    let sum = 0
    for (let d = 0; d < width; d++) sum += weight[row * width + d]! * read[d]!
    flat[at] = flat[at]! + sum
  })
  return flat
}

/** Where the named parameters lie in the flat vector, in its order. */
export function conditionedIndices(shape: GeneratorShape, names: readonly string[]): number[] {
  const wanted = new Set(names)
  const indices: number[] = []
  let offset = 0
  for (const { name, shape: dims } of generatorParameters(shape)) {
    const size = dims.reduce((product, n) => product * n, 1)
    if (wanted.has(name)) for (let i = 0; i < size; i++) indices.push(offset + i)
    offset += size
  }
  return indices
}
